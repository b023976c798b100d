"""The complainant's view, reports, code lists, migrations, and the committed documents."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from starlette.testclient import TestClient

from center1111.app import MIGRATIONS, create_app
from center1111.deadlines import Deadlines
from center1111.intake import rules
from center1111.knowledge.rules import without_personal_data
from center1111.problems import PROBLEMS
from center1111.records import Record
from center1111.sample import load_sample
from center1111.settings import Settings
from center1111.tracking_secret import digest_of, is_secret_of, make_secret
from exchange import jobs
from exchange.documenting import openapi_document
from servicekit import code_lists
from servicekit.database import make_engine
from servicekit.migrating import downgrade, head_of, upgrade
from servicekit.problems import DomainError
from servicekit.testing import Databases, eventually

from .conftest import AGENCY, HOTLINE, WEBSITE, Centre, made, ok, pointers, refused
from .test_referrals import answered

DOCUMENT = Path(__file__).parents[2] / "docs" / "openapi" / "center1111.json"
PUBLIC = {name: value for name, value in WEBSITE.items() if name != "channel"}


def test_anyone_files_by_the_website_and_follows_with_number_and_secret(busy_centre: Centre) -> None:
    """They see a coarse state, dates, and the answer once there is one."""
    new = made(busy_centre.anyone.post("/v1/public/complaints", json=PUBLIC))
    path = f"/v1/public/complaints/{new['tracking_number']}"
    secret = {"Tracking-Secret": new["tracking_secret"].lower().replace("-", " ")}
    assert ("received", None) == tuple(
        ok(busy_centre.anyone.get(path, headers=secret))[name] for name in ("state", "answer")
    )
    ok(busy_centre.as_("verifier").put(f"/v1/complaints/{new['id']}/verification", json={"outcome": "accepted"}))
    referral = busy_centre.referred(busy_centre.complaint(new["id"]))
    under_way = ok(busy_centre.anyone.get(path, headers=secret))
    assert ("in_progress", busy_centre.complaint(new["id"])["due_at"]) == (under_way["state"], under_way["due_at"])
    busy_centre.told(referral["id"], answered(referral))
    shown = ok(busy_centre.anyone.get(path, headers=secret))
    assert ("answered", "โอนภายใน 30 วัน", None) == (shown["state"], shown["answer"]["text"], shown["due_at"])
    assert "public" == busy_centre.complaint(new["id"])["recorded_by"]


def test_a_refusal_tells_its_ground_and_not_the_note(busy_centre: Centre) -> None:
    """The note is for officers."""
    new = made(busy_centre.anyone.post("/v1/public/complaints", json=PUBLIC))
    body = {"outcome": "refused", "ground": "before_the_courts", "note": "คดีหมายเลขดำ"}
    ok(busy_centre.as_("verifier").put(f"/v1/complaints/{new['id']}/verification", json=body))
    secret = {"Tracking-Secret": new["tracking_secret"]}
    answer = busy_centre.anyone.get(f"/v1/public/complaints/{new['tracking_number']}", headers=secret)
    assert ("ศาล" in ok(answer)["refusal"], "พ.ศ. 2552" in ok(answer)["refusal_source"]) == (True, True)
    assert ok(answer)["due_at"] is None
    assert "คดีหมายเลขดำ" not in answer.text


def test_a_wrong_number_and_a_wrong_secret_get_the_same_answer(busy_centre: Centre) -> None:
    """Nobody learns which numbers there are."""
    new = made(busy_centre.anyone.post("/v1/public/complaints", json=PUBLIC))
    right, secret = new["tracking_number"], new["tracking_secret"]
    other = rules.tracking_number(2569, 999_999)
    problems = [
        refused(busy_centre.anyone.get(f"/v1/public/complaints/{number}", headers={"Tracking-Secret": said}), 404)
        for number, said in [(right, make_secret()), (other, secret), ("nonsense", secret), (right, "")]
    ]
    assert 1 == len({(one["type"], one["title"], one["detail"]) for one in problems})
    refused(busy_centre.anyone.get(f"/v1/public/complaints/{right}"), 400)


def test_the_website_takes_no_other_channel(quiet_centre: Centre) -> None:
    """Nor fields that only officers know, nor a complaint without consent."""
    body = PUBLIC | {"channel": "letter", "received_at": "2026-10-01T00:00:00Z", "evidence": {"consent": False}}
    problem = refused(quiet_centre.anyone.post("/v1/public/complaints", json=body), 400)
    assert {
        "/channel": "unknown_code",
        "/received_at": "unknown_field",
        "/evidence/consent": "consent_required",
    } == pointers(problem)


def test_a_secret_is_known_by_its_digest_alone() -> None:
    """80 random bits; of another complaint, or where there is no digest, it is not known."""
    secret = make_secret()
    assert is_secret_of("1", secret, digest_of("1", secret))
    assert not is_secret_of("2", secret, digest_of("1", secret))
    assert not is_secret_of("1", secret, None)
    assert secret != make_secret()


def test_personal_data_are_taken_out_of_a_text() -> None:
    """Names that are known, addresses of e-mail, long numbers in any spelling; short numbers stay."""
    text = "นายวิชัย เลขบัตร ๑-๑๐๑๗-๐๐๒๓๐-๗๐-๘ โทร 02 629 9226 อีเมล wichai@example.org ภายใน 30 วัน"
    assert "นาย[…] เลขบัตร […] โทร […] อีเมล […] ภายใน 30 วัน" == without_personal_data(text, ["วิชัย"])


def test_deadlines_are_counted_in_working_days_from_the_next() -> None:
    """A complaint of a Friday: the Monday counts as the first day, and the last day counts to its end in Bangkok."""
    due = Deadlines(2, 15, ()).answer_due(datetime(2026, 10, 2, 3, tzinfo=UTC))
    assert datetime(2026, 10, 6, 17, tzinfo=UTC) == due


def test_the_summary_counts_a_half_open_period(centre: Centre) -> None:
    """By what complaints are, and by who answered them."""
    centre.answered()
    referral = centre.referred()
    centre.told(referral["id"], answered(referral))
    centre.registered(**WEBSITE | {"received_at": "2026-10-20T00:00:00Z"})
    auditor = centre.as_("auditor")
    summary = ok(auditor.get("/v1/reports/summary?from=2026-10-01T00:00:00Z&to=2026-10-20T00:00:00Z"))
    assert (2, 2, 2, 0) == (
        summary["total"],
        summary["state"]["answered"],
        summary["channel"]["letter"],
        summary["channel"]["website"],
    )
    assert {"centre": 1, "referral": 1} == summary["answer_origin"]
    assert {"participation": 1} == summary["work_group"]
    assert 3 == ok(auditor.get("/v1/reports/summary?from=2026-10-01T00:00:00Z"))["total"]
    refused(auditor.get("/v1/reports/summary?from=2026-10-02T00:00:00Z&to=2026-10-01T00:00:00Z"), 400)


def test_code_lists_say_every_code_in_both_languages(quiet_centre: Centre) -> None:
    """A ground of refusal also says what it rests on; an unknown list is 404."""
    lists = ok(quiet_centre.anyone.get("/v1/code-lists"))["items"]
    assert {"channels", "kinds", "refusal_grounds"} <= {one["name"] for one in lists}
    grounds = ok(quiet_centre.anyone.get("/v1/code-lists/refusal_grounds"))["items"]
    assert all(ground["source"]["th"] for ground in grounds)
    refused(quiet_centre.anyone.get("/v1/code-lists/colours"), 404)


@pytest.mark.parametrize(
    ("body", "wrong"),
    [
        ({"outcome": "refused"}, {"/ground": "ground_required"}),
        ({"outcome": "accepted", "ground": "before_the_courts"}, {"/ground": "ground_without_refusal"}),
        ({"outcome": "refused", "ground": "too_long"}, {"/ground": "unknown_code"}),
        ({"outcome": "perhaps"}, {"/outcome": "unknown_code"}),
    ],
)
def test_a_verification_says_one_thing(quiet_centre: Centre, body: dict[str, str], wrong: dict[str, str]) -> None:
    """A refusal has a ground, an acceptance has none."""
    path = "/v1/complaints/019a5f0e-7c00-7000-8000-000000000001/verification"
    assert wrong == pointers(refused(quiet_centre.as_("verifier").put(path, json=body), 400))


def test_every_error_of_the_domain_is_a_problem() -> None:
    """None of them would be answered as an internal error."""
    ours = [kind for kind in DomainError.__subclasses__() if kind.__module__.startswith("center1111.")]
    assert {*ours, *code_lists.PROBLEMS} == set(PROBLEMS)


def test_the_sample_is_loaded_once(centre: Centre) -> None:
    """It goes through the same actions as everything else."""
    deadlines, writers = centre.app.state.deadlines, centre.app.state.writers
    with centre.session() as session, session.begin():
        assert 4 == load_sample(session, deadlines, writers)
    with centre.session() as session, session.begin():
        assert 0 == load_sample(session, deadlines, writers)
    items = ok(centre.as_("officer").get("/v1/complaints"))["items"]
    assert {"letter", "hotline", "walk_in", "website"} == {one["channel"] for one in items}


def test_migrations_go_up_and_down_and_up(databases: Databases) -> None:
    """From nothing to the head, back to nothing, and up again."""
    with databases.empty() as url:
        upgrade(MIGRATIONS, url)
        downgrade(MIGRATIONS, url, "base")
        upgrade(MIGRATIONS, url)
        engine = make_engine(url, pool_size=1)
        with engine.connect() as connection:
            assert head_of(MIGRATIONS) == connection.scalar(sa.text("SELECT version_num FROM alembic_version"))
        engine.dispose()


def test_tables_are_what_the_records_say(database_url: str) -> None:
    """Migrations and records agree on tables, columns and keys; indexes stand in the migrations alone."""
    engine = make_engine(database_url, pool_size=1)
    with engine.connect() as connection:
        known = set(Record.metadata.tables)
        context = MigrationContext.configure(
            connection,
            opts={
                "include_object": lambda item, name, kind, _reflected, _to: (
                    name in known if kind == "table" else kind == "column" and item.table.name in known
                ),
                "compare_type": True,
            },
        )
        assert [] == compare_metadata(context, Record.metadata)
    engine.dispose()


def test_the_openapi_document_is_the_committed_one() -> None:
    """`center1111 openapi docs/openapi/center1111.json` writes it anew."""
    assert DOCUMENT.read_text("utf-8") == openapi_document(create_app, Settings)


def test_the_service_is_ready_when_its_database_is(quiet_centre: Centre) -> None:
    """And says of each part how it stands."""
    assert "ready" == ok(quiet_centre.anyone.get("/readyz"))["status"]


def test_operators_see_how_it_stands_with_each_peer(centre: Centre) -> None:
    """What was owed and not yet sent is the backlog."""
    centre.referred()
    found = centre.as_("operator").get("/v1/exchange/status").json()
    assert [(AGENCY, 1, 1)] == [(status["peer"], status["backlog"], status["unanswered"]) for status in found]
    assert f'exchange_unanswered{{peer="{AGENCY}"}} 1.0' in centre.anyone.get("/metrics").text
    refused(centre.as_("officer").get("/v1/exchange/status"), 403)


def test_the_service_forgets_answers_whose_time_is_over(centre: Centre, monkeypatch: pytest.MonkeyPatch) -> None:
    """By itself; the others stay."""
    monkeypatch.setattr(jobs, "LOOK_SECONDS", 0.01)
    for key in ("expired", "fresh"):
        made(centre.as_("intake").post("/v1/complaints", json=HOTLINE, headers={"Idempotency-Key": key}))
    with centre.session() as session, session.begin():
        session.execute(sa.text("UPDATE idempotent_answers SET expires_at = now() WHERE key = 'expired'"))

    def kept() -> list[str]:
        with centre.session() as session:
            return list(session.scalars(sa.text("SELECT key FROM idempotent_answers")))

    with TestClient(centre.app):
        eventually(lambda: ["fresh"] == kept())
