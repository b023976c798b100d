"""The first day, on texts written for this project: what the first terms and the first examples make of them."""

import subprocess
import sys
from collections import Counter

import pytest

from chumchon.routing.day_one import day_one_model
from chumchon.routing.examples import first_examples
from chumchon.routing.rules import Method, first_rules, route
from chumchon.routing.texts import CaseText
from chumchon.work_groups import OTHER, Topic
from devstack.bench_routing import first_day, office_cases

MODEL = day_one_model(first_rules())


def likeliest(text: str) -> str:
    probabilities = MODEL.read(CaseText(text)).probabilities
    return max(probabilities, key=probabilities.__getitem__)


def test_texts_that_it_has_not_seen() -> None:
    """Nearly half are routed alone, hardly any wrongly; and the right topic is nearly always among the two proposed."""
    day = first_day(office_cases())
    assert 0.45 <= day.routed / day.texts
    assert 0.96 <= day.right / day.routed
    assert 0.88 <= day.first / day.of_ours
    assert 0.97 <= day.among_two / day.of_ours


@pytest.mark.parametrize(
    ("text", "topic"),
    [
        ("ขอแผ่นพับประชาสัมพันธ์โครงการชุมชนพอเพียง", Topic.INFORMATION_MEDIA),
        ("ขอทราบว่าเอกสารโครงการต้องใช้อะไรบ้าง", Topic.PROJECT_DOCUMENTS),
        ("ชุมชนยังไม่ได้รับการโอนเงินงบประมาณ", Topic.TRANSFERS_AND_CHANGES),
        ("ขอทราบระเบียบการใช้จ่ายเงินโครงการ", Topic.REGULATIONS),
        ("ขอทราบวาระการประชุมครั้งต่อไป", Topic.MEETING_AGENDAS),
        ("ขอร้องเรียนการทุจริตของคณะกรรมการชุมชน", Topic.COMPLAINTS),
        ("ขอทราบผลการติดตามและประเมินโครงการ", Topic.FOLLOW_UP),
        ("ขอสมัครเข้ารับการฝึกอบรม", Topic.TRAINING),
        ("ขอความรู้เรื่องเศรษฐกิจพอเพียง", Topic.SUFFICIENCY_ECONOMY),
    ],
)
def test_who_names_a_topic_plainly_is_routed_to_it(text: str, topic: Topic) -> None:
    """A second opinion holds nothing back that leaves no doubt."""
    assert topic == route(text, first_rules(), MODEL).topic


def test_every_topic_has_its_texts() -> None:
    """And so has what is nobody's; no text is both learned from and asked about."""
    learned, asked = first_examples(), office_cases()
    for texts in (learned, asked):
        assert {*Topic, OTHER} == {it.label for it in texts}
        assert len(texts) == len({it.text for it in texts})
    assert not {it.text for it in learned} & {it.text for it in asked}
    assert 60 == min(Counter(it.label for it in learned).values())


def test_half_a_term_is_enough_for_an_opinion() -> None:
    """It reads runs of characters, where the rules see whole terms; and knows what is nobody's."""
    assert Topic.MEETING_AGENDAS == likeliest("จะปะชุมกันอีกวันไหน")
    assert OTHER == likeliest("ไฟถนนหน้าวัดดับ")


def test_the_rules_have_the_first_word() -> None:
    """Where their terms are clear and it agrees, however sure it is itself; what nobody agrees on waits."""
    routing = route("ประธานทุจริตยักยอกเงิน", first_rules(), MODEL)
    assert (Topic.COMPLAINTS, Method.RULE) == (routing.topic, routing.method)
    doubtful = "ขอย้ายทะเบียนบ้านปลายทาง ต้องให้เจ้าบ้านไปด้วยหรือไม่"
    assert Topic.TRANSFERS_AND_CHANGES == route(doubtful, first_rules()).topic
    waiting = route(doubtful, first_rules(), MODEL)
    assert (True, Method.RULE) == (waiting.abstained, waiting.method)


def test_it_decides_alone_where_it_is_sure() -> None:
    """What holds no term, or terms of several groups, but reads like the examples of one."""
    text = "ทีมประเมินที่มาเมื่อเดือนก่อนให้คะแนนหมู่บ้านเราเท่าไหร่ครับ"
    assert route(text, first_rules()).abstained
    routing = route(text, first_rules(), MODEL)
    assert (Topic.FOLLOW_UP, Method.MODEL) == (routing.topic, routing.method)
    assert routing.confidence >= MODEL.threshold
    assert "ประเมิน" in {term.term for term in routing.terms}


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
