"""The model learns from what people confirm and correct, and is in force only when it is better."""

import sys
from collections.abc import Iterator
from dataclasses import asdict, replace
from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from chumchon import cli as commands
from chumchon.app import MIGRATIONS
from chumchon.codes import TrainingOutcome
from chumchon.confirmations import confirmations
from chumchon.intake.actions import register_case
from chumchon.intake.bodies import NewCase
from chumchon.routing.actions import route_case
from chumchon.routing.examples import Example
from chumchon.routing.learning import NothingToLearn, Trained, is_better, learn, split
from chumchon.routing.registry import activate, save_model
from chumchon.routing.schedule import claim_training, run_training
from chumchon.routing.training import Figures, train
from chumchon.rulebook import routing_basis
from chumchon.steps import case_to_change
from chumchon.work_groups import OTHER, Topic
from servicekit.alongside import beside
from servicekit.clock import utc_now
from servicekit.database import make_engine, make_sessions
from servicekit.migrating import upgrade
from servicekit.testing import Databases, Template, eventually

from .conftest import UNCLEAR, Centre, Keys, Office, new_case, office_on

# What the first rules do not know: only experience tells where these belong.
PATTERNS: dict[Topic, tuple[str, ...]] = {
    Topic.TRANSFERS_AND_CHANGES: ("กองทุนของ{}รอตัวเลขเข้าสมุดรอบ {}", "สมุดของ{}ยังว่างเปล่าในรอบ {}"),
    Topic.TRAINING: ("ครูช่างจะมาสอนทำปุ๋ยที่{}รุ่น {}", "{}อยากทำปุ๋ยกับครูช่างรุ่น {}"),
    Topic.COMPLAINTS: ("พ่อหลวง{}ล็อกโรงเก็บเครื่องสูบน้ำตัวที่ {}", "{}ถูกล็อกโรงเก็บเครื่องสูบน้ำตัวที่ {}"),
}
PLACES = ("บ้านหนองบัว", "ท่าทราย", "วัดใหม่", "บ้านโคกสูง", "ริมน้ำ")
UNSEEN = {"subject": "เรียนเจ้าหน้าที่", "details": "พ่อหลวงบ้านดอนล็อกโรงเก็บเครื่องสูบน้ำ"}
FIGURES = Figures(examples=50, accuracy=0.8, macro_f1=0.7, calibration_error=0.1, coverage=0.5, threshold=0.9)


def teach(session: Session, *, numbers: range) -> None:
    """A person routes many cases by hand; each is a confirmation."""
    now = utc_now()
    for topic, patterns in PATTERNS.items():
        for place in PLACES:
            for number in numbers:
                details = patterns[number % 2].format(place, number)
                new = NewCase.model_validate(new_case(subject="เรียนเจ้าหน้าที่", details=details))
                opened = register_case(session, new, by="registrar", client_id=None, due_at=now, now=now)
                route_case(session, case_to_change(session, opened.id), topic, reason="อ่านแล้ว", by="registrar", now=now)


@pytest.fixture(scope="session")
def taught_template(databases: Databases) -> Template:
    """A database in which people have routed some two hundred cases by hand."""

    def make(url: str) -> None:
        upgrade(MIGRATIONS, url)
        engine = make_engine(url, pool_size=1)
        with make_sessions(engine).begin() as session:
            teach(session, numbers=range(14))
        engine.dispose()

    return databases.template("chumchon_taught", make)


@pytest.fixture
def taught_url(taught_template: Template) -> Iterator[str]:
    with taught_template.clone() as url:
        yield url


@pytest.fixture
def taught(taught_url: str, keys: Keys) -> Iterator[Office]:
    """An Office whose people have routed some two hundred cases by hand."""
    with office_on(taught_url, keys).closing() as opened:
        yield opened


def learned(office: Office) -> Trained:
    return learn(office.app.state.sessions, by="test", now=utc_now())


def kept(office: Office, *, in_force: bool = False) -> int:
    """A small model, kept as the next version."""
    model, _ = train([], {"training": {"อบรม": 1}, "complaints": {"ทุจริต": 1}})
    with office.app.state.sessions.begin() as session:
        version = save_model(
            session,
            model.to_bytes(),
            material=b"",
            learned_from=0,
            outcome=TrainingOutcome.NOT_BETTER,
            figures=asdict(FIGURES),
            compared_with=None,
            compared_figures=asdict(FIGURES),
            by="test",
            now=utc_now(),
        )
        if in_force:
            activate(session, version, reason="ทดสอบ", by="test", now=utc_now())
    return version


def version_asked(office: Office) -> int | None:
    asked: int | None = office.done("POST", "/routing/preview", {"text": "สวัสดี"})["model_version"]
    return asked


def test_it_learns_what_the_rules_do_not_know(taught: Office) -> None:
    """Better than the rules on confirmations held back, so it is in force at once; each decision names it."""
    assert taught.record(**UNSEEN)["routing"]["abstained"]
    trained = learned(taught)
    assert (1, None, True) == (trained.version, trained.compared_with, trained.in_force)
    assert trained.figures.accuracy > trained.compared_figures.accuracy
    case = taught.record(**UNSEEN)
    assert ("complaints", "model", 1) == (case["topic"], case["routing"]["method"], case["routing"]["model_version"])
    assert case["routing"]["confidence"] > 0.5
    assert {"พ่อหลวง", "ล็อก", "เครื่องสูบน้ำ", "โรงเก็บ"} & {
        term["term"] for term in case["routing"]["terms"] if term["weight"] > 0
    }


def test_it_abstains_with_two_proposals(taught: Office) -> None:
    """What it does not know waits in triage, with the best two topics."""
    learned(taught)
    case = taught.record(subject="เรียนเจ้าหน้าที่", details="สมุดกับปุ๋ยอยู่ที่ไหน")
    assert ("new", None) == (case["state"], case["work_group"])
    assert 2 == len(case["routing"]["proposals"])


def test_the_same_confirmations_teach_nothing_new(taught: Office) -> None:
    """No second version of the same model."""
    learned(taught)
    with pytest.raises(NothingToLearn, match="already"):
        learned(taught)


def test_a_model_that_is_not_better_is_kept_but_not_asked(taught: Office) -> None:
    """With one confirmation more it can only be as good: the one in force stays."""
    first = learned(taught)
    case = taught.record(**UNCLEAR)
    taught.done("PUT", f"/cases/{case['id']}/routing", {"topic": "training", "reason": "โทรถามแล้ว"})
    second = learned(taught)
    assert (2, 1, False) == (second.version, second.compared_with, second.in_force)
    models = taught.done("GET", "/routing/models")["items"]
    assert [(2, "not_better", False), (1, "better", True)] == [
        (model["version"], model["outcome"], model["in_force"]) for model in models
    ]
    assert first.figures.accuracy == models[1]["figures"]["accuracy"]


def test_two_processes_learn_the_same(taught_template: Template, keys: Keys) -> None:
    """The same confirmations give the same model, to the last bit."""
    stored = set()
    for _ in range(2):
        with taught_template.clone() as url, office_on(url, keys).closing() as office:
            learned(office)
            with office.app.state.sessions() as session:
                stored.add(bytes(session.scalar(sa.text("SELECT model FROM routing_models"))))
    assert 1 == len(stored)


def test_too_few_confirmations_teach_nothing(office: Office) -> None:
    """Nothing could be judged by them."""
    office.accept(office.record())
    with pytest.raises(NothingToLearn, match="1 confirmed"):
        learned(office)


@pytest.mark.parametrize(
    ("changes", "better"),
    [
        ({}, False),
        ({"accuracy": 0.81}, True),
        ({"coverage": 0.51}, True),
        ({"accuracy": 0.95, "macro_f1": 0.69}, False),
        ({"accuracy": 0.95, "coverage": 0.49}, False),
        ({"calibration_error": 0.0, "threshold": 0.1}, False),
    ],
)
def test_what_better_means(changes: dict[str, float], *, better: bool) -> None:
    """No worse by any measure, and better by one."""
    assert better == is_better(replace(FIGURES, **changes), FIGURES)  # type: ignore[arg-type]


def test_the_same_cases_are_always_held_back() -> None:
    """About a fifth, by their text alone: whatever comes later never moves one to the other side."""
    few = [Example(f"เรื่องที่ {number}", "training") for number in range(500)]
    many = [*few, *(Example(f"เรื่องใหม่ {number}", "training") for number in range(500))]
    assert 60 < len(split(few)[1]) < 140
    assert split(few)[1] == [example for example in split(many)[1] if example in few]


def examples_of(office: Office) -> set[str]:
    with office.app.state.sessions() as session:
        return {row.label for row in session.execute(confirmations)}


def test_an_acceptance_confirms_until_it_is_undone(office: Office) -> None:
    """A case handed back teaches nothing; rerouted by a person, it teaches the new topic."""
    case = office.record()
    assert set() == examples_of(office)
    office.accept(case)
    assert {"transfers_and_changes"} == examples_of(office)
    office.done("POST", f"/cases/{case['id']}/hand-back", {"reason": "ไม่ใช่"}, role="group_officer.participation")
    assert set() == examples_of(office)
    office.done("PUT", f"/cases/{case['id']}/routing", {"topic": "training", "reason": "อ่านแล้ว"})
    assert {"training"} == examples_of(office)


@pytest.mark.parametrize(("reason", "labels"), [("not_ours", {OTHER}), ("duplicate", set())])
def test_what_is_not_ours_is_other(office: Office, centre: Centre, reason: str, labels: set[str]) -> None:
    """Returned as not ours it teaches `other`; a duplicate says nothing of its topic."""
    referral = centre.refer()
    (case,) = office.done("GET", "/cases", referral=str(referral))["items"]
    office.accept(case)
    office.done("POST", f"/cases/{case['id']}/return", {"reason": reason}, role="group_officer.participation")
    assert labels == examples_of(office)


def test_a_model_is_put_in_force_and_rolled_back_step_by_step(office: Office) -> None:
    """Each rollback goes one step further back, to the first day in the end; every step is kept."""
    kept(office), kept(office)
    for version in (1, 2):
        body = {"reason": "ลองรุ่นนี้"}
        shown = office.done("POST", f"/routing/models/{version}/activation", body, role="director")
        assert (version, True) == (shown["version"], shown["in_force"])
        assert version == version_asked(office)
    seen = []
    for _ in range(2):
        back = office.done("POST", "/routing/models/rollback", {"reason": "แย่ลง"}, role="admin")
        seen.append((back["model_version"], version_asked(office)))
    assert [(1, 1), (None, None)] == seen
    refused = office.refused("POST", "/routing/models/rollback", {"reason": "อีก"}, role="director")
    assert (409, "nothing-to-roll-back") == refused
    assert [(None, "แย่ลง"), (1, "แย่ลง"), (2, "ลองรุ่นนี้"), (1, "ลองรุ่นนี้")] == [
        (it["model_version"], it["reason"]) for it in office.done("GET", "/routing/activations")["items"]
    ]


@pytest.mark.parametrize(
    ("path", "role", "refused"),
    [
        ("/routing/models/9/activation", "director", (404, "model-not-found")),
        ("/routing/models/0/activation", "director", (404, "model-not-found")),
        ("/routing/models/99999999999/activation", "director", (404, "model-not-found")),
        ("/routing/models/9/activation", "group_head.audit", (403, "not-allowed")),
        ("/routing/models/rollback", "registrar", (403, "not-allowed")),
        ("/routing/models/rollback", None, (401, "not-authenticated")),
    ],
)
def test_who_may_choose_a_model(standing_office: Office, path: str, role: str | None, refused: tuple[int, str]) -> None:
    """The director; and only one that exists."""
    assert refused == standing_office.refused("POST", path, {"reason": "ลอง"}, role=role)


def test_choosing_needs_a_reason(office: Office) -> None:
    """And what is in force already cannot be chosen again."""
    path = f"/routing/models/{kept(office, in_force=True)}/activation"
    assert {("/reason", "required")} == office.faults("POST", path, {}, role="director")
    assert {("/reason", "too_short")} == office.faults("POST", path, {"reason": " "}, role="director")
    assert (409, "model-in-force") == office.refused("POST", path, {"reason": "ลอง"}, role="director")


def test_models_are_read_by_officers(office: Office) -> None:
    """In pages, newest first; one that does not exist is 404."""
    for _ in range(3):
        kept(office)
    first = office.done("GET", "/routing/models", limit=2, role="group_officer.audit")
    second = office.done("GET", "/routing/models", limit=2, cursor=first["next"], role="group_officer.audit")
    assert [[3, 2], [1]] == [[model["version"] for model in page["items"]] for page in (first, second)]
    assert 3 == office.done("GET", "/routing/models/3", role="auditor")["version"]
    assert (404, "model-not-found") == office.refused("GET", "/routing/models/4")
    assert (403, "not-allowed") == office.refused("GET", "/routing/models", role="operator")


@pytest.mark.parametrize(
    "statement", ["UPDATE routing_models SET version = 7", "DELETE FROM routing_model_activations"]
)
def test_models_cannot_be_changed(office: Office, session: Session, statement: str) -> None:
    """A decision of years ago can be told from the model that it names."""
    kept(office, in_force=True)
    with pytest.raises(sa.exc.ProgrammingError, match="append-only"):
        session.execute(sa.text(statement))


def test_a_model_is_loaded_once(office: Office, session: Session) -> None:
    """Not with every case."""
    kept(office, in_force=True)
    assert routing_basis(session).model is routing_basis(session).model is not None


def test_one_of_several_services_trains(office: Office) -> None:
    """The one that moves the schedule on; the next time comes after the interval."""
    now, every = utc_now() + timedelta(days=2), timedelta(hours=24)
    told = []
    for moment in (now, now, now + every):
        with office.app.state.sessions.begin() as session:
            told.append(claim_training(session, every=every, now=moment))
    assert [True, False, True] == told


def test_the_schedule_runs_the_command(office: Office, tmp_path: Path) -> None:
    """When it is due, in a process of its own; and it ends with the service."""
    with office.app.state.sessions.begin() as session:
        session.execute(sa.text("UPDATE training_schedule SET due_at = now()"))
    ran = tmp_path / "ran"
    command = (sys.executable, "-c", f"import pathlib, time; pathlib.Path({str(ran)!r}).touch(); time.sleep(60)")
    work = partial(run_training, office.app.state.sessions, every=timedelta(hours=1), command=command)
    with beside(work, name="training"):
        eventually(ran.exists)


def test_the_commands(
    taught_url: str, keys: Keys, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Train, look, roll back, put in force again; each says what it did, and a wrong one what is wrong."""
    for name, value in {
        "ENVIRONMENT": "development",
        "DATABASE_URL": taught_url,
        "ISSUER": "urn:none",
        "ISSUER_JWKS": str(keys.issuer_public),
        "EXCHANGE_KEYS_FILE": str(keys.exchange),
    }.items():
        monkeypatch.setenv(f"CHUMCHON_{name}", value)

    def said(*arguments: str) -> str:
        monkeypatch.setattr(sys, "argv", ["chumchon", *arguments])
        with pytest.raises(SystemExit):
            commands.main()
        told = capsys.readouterr()
        return told.out + told.err

    assert "version 1 is in force" in said("train")
    assert "nothing was trained" in said("train")
    assert "*   1" in said("models")
    assert "in force: the first day's" in said("rollback", "--reason", "ทดสอบ")
    assert "no model is in force" in said("rollback", "--reason", "ทดสอบ")
    assert "version 1 is in force" in said("activate", "1", "--reason", "ทดสอบ")
    assert "there is no version 7" in said("activate", "7", "--reason", "ทดสอบ")


def test_misroutes_are_counted_by_term_and_topic(office: Office) -> None:
    """Confirmed by acceptance, corrected by rerouting; what nobody has judged yet is not held against a rule."""
    right, wrong, _ = office.record(), office.record(), office.record()
    office.record(**UNCLEAR)
    office.accept(right)
    office.done("PUT", f"/cases/{wrong['id']}/routing", {"topic": "complaints", "reason": "เป็นเรื่องร้องเรียน"})
    report = office.done("GET", "/reports/misroutes", role="group_head.audit")
    expected = {"decided": 3, "judged": 2, "misrouted": 1, "wrong_topic": 1, "misroute_rate": 0.5}
    assert expected == report["total"]
    assert 1 == report["abstained"]
    assert [{"topic": "transfers_and_changes", **expected}] == report["by_topic"]
    assert [{"method": "rule", "model_version": None, **expected}] == report["by_method"]
    terms = {term["term"] for term in right["routing"]["terms"] if term["weight"] > 0}
    assert terms == {term["term"] for term in report["by_term"] if expected.items() <= term.items()}


def test_misroutes_of_a_period(standing_office: Office) -> None:
    """Half-open; backwards is bad input; before the first decision there is no rate."""
    nothing = standing_office.done("GET", "/reports/misroutes", to="2026-01-01T00:00:00Z")
    assert (0, None) == (nothing["total"]["decided"], nothing["total"]["misroute_rate"])
    backwards = {"from": "2026-01-02T00:00:00Z", "to": "2026-01-01T00:00:00Z"}
    assert {("/from", "wrong_period")} == standing_office.faults("GET", "/reports/misroutes", **backwards)
    assert (403, "not-allowed") == standing_office.refused("GET", "/reports/misroutes", role="operator")
