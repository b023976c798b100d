"""The first day, on texts written for this project: what the first terms and what they teach make of them."""

import subprocess
import sys

from chumchon.routing.day_one import day_one_model
from chumchon.routing.model import NEVER_ALONE
from chumchon.routing.rules import Method, first_rules, route
from chumchon.routing.texts import CaseText
from chumchon.work_groups import OTHER, Topic
from devstack.bench_routing import first_day, office_cases

MODEL = day_one_model(first_rules())


def likeliest(text: str) -> str:
    probabilities = MODEL.read(CaseText(text)).probabilities
    return max(probabilities, key=probabilities.__getitem__)


def test_what_is_routed_alone_on_the_first_day_is_right() -> None:
    """Of the texts by which the terms were improved more than half are routed, nearly all of them rightly."""
    day = first_day(office_cases(held_out=False))
    assert 0.5 <= day.routed / day.texts
    assert 0.97 <= day.right / day.routed
    assert 0.95 <= day.among_two / day.of_ours


def test_texts_that_the_terms_have_not_seen() -> None:
    """Few are routed alone and at most a handful wrongly; for most the right topic is among the two proposed."""
    day = first_day(office_cases(held_out=True))
    assert 2 >= day.routed - day.right
    assert 0.70 <= day.among_two / day.of_ours


def test_both_sets_have_every_topic() -> None:
    """And texts that are nobody's, of which no text stands in both."""
    improved, held_out = office_cases(held_out=False), office_cases(held_out=True)
    for cases in (improved, held_out):
        assert {*Topic, OTHER} == {case.label for case in cases}
    assert not {case.text for case in improved} & {case.text for case in held_out}


def test_half_a_term_is_enough_for_an_opinion() -> None:
    """It reads runs of characters, where the rules see whole terms; and knows what is nobody's."""
    assert Topic.MEETING_AGENDAS == likeliest("จะปะชุมกันอีกวันไหน")
    assert OTHER == likeliest("ไฟถนนหน้าวัดดับ")


def test_it_decides_nothing_alone() -> None:
    """Its threshold cannot be reached; where it does not agree, the case waits."""
    assert NEVER_ALONE == MODEL.threshold
    routing = route("ประธานทุจริตยักยอกเงิน", first_rules(), MODEL)
    assert (Topic.COMPLAINTS, Method.RULE) == (routing.topic, routing.method)
    doubtful = "ใบประกาศที่ได้จากรุ่นที่แล้วพิมพ์นามสกุลผิด ส่งกลับไปแก้ที่ไหน"
    assert Topic.TRAINING == route(doubtful, first_rules()).topic
    assert route(doubtful, first_rules(), MODEL).abstained


def test_the_same_rules_teach_the_same() -> None:
    """To the last bit."""
    assert MODEL.to_bytes() == day_one_model(first_rules()).to_bytes()


def test_it_needs_no_scikit_learn() -> None:
    """The service makes it by itself."""
    told = subprocess.run(
        [sys.executable, "-c", "import chumchon.routing.day_one, sys; print({'sklearn', 'scipy'} & {*sys.modules})"],
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    assert "set()" == told.strip()
