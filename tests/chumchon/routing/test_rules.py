"""Routing by rules, on complaints and questions written for these tests."""

import re
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass

import pytest

from chumchon.routing.rules import (
    BrokenRules,
    Method,
    Rules,
    TermWeight,
    first_rules,
    route,
    rules_from,
)
from chumchon.routing.texts import CaseText
from chumchon.work_groups import OTHER, TOPICS, Topic, WorkGroup, topics_of, work_group_of

TEXTS: list[tuple[str, Topic]] = [
    ("เข้าเว็บไซต์ของโครงการไม่ได้ ลืมรหัสผ่าน กดขอใหม่แล้วไม่มีอีเมลมา", Topic.INFORMATION_MEDIA),
    ("ขอแผ่นพับกับโปสเตอร์ไปแจกชาวบ้านในงานประจำปี", Topic.INFORMATION_MEDIA),
    ("ลิงก์ดาวน์โหลดในเพจเฟซบุ๊กเสีย เปิดวิดีโอไม่ได้เลย", Topic.INFORMATION_MEDIA),
    ("ต้องแนบสำเนาบัตรประชาชนกี่ใบตอนยื่นโครงการ แบบฟอร์มโครงการมีกี่หน้า", Topic.PROJECT_DOCUMENTS),
    ("เอกสารโครงการที่ส่งไปไม่ครบ เจ้าหน้าที่ให้ส่งใบเสนอราคาเพิ่ม", Topic.PROJECT_DOCUMENTS),
    ("หมู่บ้านจะเสนอโครงการโรงสีชุมชน ต้องเขียนโครงการอย่างไร", Topic.PROJECT_DOCUMENTS),
    ("เงินงวดที่ ๒ ยังไม่เข้าบัญชี รอมาสามเดือนแล้ว", Topic.TRANSFERS_AND_CHANGES),
    ("ขอเปลี่ยนแปลงโครงการจากซื้อรถไถเป็นทำลานตากข้าว", Topic.TRANSFERS_AND_CHANGES),
    ("ธนาคารแจ้งว่าโอนเงินผิดบัญชี ต้องทำอย่างไร", Topic.TRANSFERS_AND_CHANGES),
    ("ขอทราบระเบียบการแต่งตั้งกรรมการชุมชน มีหลักเกณฑ์อะไรบ้าง", Topic.REGULATIONS),
    ("ข้อบังคับข้อนี้ขัดกับ พ.ร.บ. หรือไม่ ขอให้ช่วยตีความ", Topic.REGULATIONS),
    ("ขอวาระการประชุมใหญ่เดือนหน้า และรายงานการประชุมครั้งก่อน", Topic.MEETING_AGENDAS),
    ("กรรมการมาไม่ครบองค์ประชุม มติที่ประชุมใช้ได้หรือไม่", Topic.MEETING_AGENDAS),
    ("ประธานโกงเงินโครงการ ซื้อของแพงเกินจริงจากร้านของญาติ", Topic.COMPLAINTS),
    ("มีการทุจริตและเรียกรับเงินจากชาวบ้าน ขอแจ้งเบาะแสโดยไม่บอกชื่อ", Topic.COMPLAINTS),
    ("เคยร้องเรียนไปเมื่อต้นปี เรื่องไปถึงไหนแล้ว ขอทราบความคืบหน้า", Topic.FOLLOW_UP),
    ("เมื่อไรเจ้าหน้าที่จะลงพื้นที่ติดตามผลการดำเนินงาน", Topic.FOLLOW_UP),
    ("อยากสมัครอบรมหลักสูตรผู้นำชุมชน รุ่นต่อไปเปิดเมื่อใด", Topic.TRAINING),
    ("ไปฝึกอบรมมาแล้วยังไม่ได้รับวุฒิบัตร", Topic.TRAINING),
    ("ขอวิทยากรมาพูดในงานศึกษาดูงานของตำบล", Topic.TRAINING),
    ("ขอความรู้เรื่องเกษตรทฤษฎีใหม่และการทำปุ๋ยหมัก", Topic.SUFFICIENCY_ECONOMY),
    ("ปรัชญาเศรษฐกิจพอเพียงสามห่วงสองเงื่อนไขหมายถึงอะไร", Topic.SUFFICIENCY_ECONOMY),
    # tone marks dropped, letters wrong in places, marks doubled
    ("เขาเวบไซต์ไม่ได้ ลืมรหัสผาน", Topic.INFORMATION_MEDIA),
    ("เงินงวดยังไม่เขาบัญชี ธนาคารว่ายังไม่โอน", Topic.TRANSFERS_AND_CHANGES),
    ("ขอแจงเบาะแสทุจริตตตตต", Topic.COMPLAINTS),
    ("อยากสมัครฝกอบรมม ขอรายละเอียดหลักสูตร", Topic.TRAINING),
    ("ระเบียบวาระการประชม ครั้งหน้ามีเรื่องใด", Topic.MEETING_AGENDAS),
]


@pytest.mark.parametrize(("text", "topic"), TEXTS)
def test_a_clear_text_goes_to_its_group(text: str, topic: Topic) -> None:
    """On the first day, without any model, each topic's cases are found."""
    routing = route(text, first_rules())
    assert topic == routing.topic
    assert TOPICS[topic].work_group == routing.work_group
    assert Method.RULE == routing.method
    assert not routing.abstained
    assert routing.terms
    assert topic == routing.proposals[0].topic


@pytest.mark.parametrize(
    "text",
    [
        "",
        "สวัสดีครับ",
        "ไฟถนนหน้าบ้านดับมาสามวันแล้ว ช่วยมาซ่อมด้วย",
        "รถเมล์สาย 8 ขับเร็วมาก",
        "เรียน สำนักงานเศรษฐกิจพอเพียงเพื่อยกระดับชุมชน ขอทราบที่อยู่สำนักงาน",
        "อยากทราบเบอร์โทรของศูนย์รับเรื่องราวร้องทุกข์",
        "ช่างมาสื่อสารว่าสัญญาณโทรศัพท์ไม่ดี",
        "ขอทราบระเบียบการโอนเงิน",
        "ประกาศ",
    ],
)
def test_what_is_not_clear_is_left_to_people(text: str) -> None:
    """No topic of ours, a name that only sounds like one, or two topics alike: nobody is routed anywhere."""
    routing = route(text, first_rules())
    assert routing.abstained
    assert routing.topic is None
    assert routing.work_group is None


def test_two_topics_are_proposed_when_undecided() -> None:
    """Whoever routes by hand sees the two likeliest topics, best first, with what spoke for and against."""
    routing = route("ขอทราบระเบียบการโอนเงิน", first_rules())
    assert [Topic.TRANSFERS_AND_CHANGES, Topic.REGULATIONS] == [proposal.topic for proposal in routing.proposals]
    assert {"การโอนเงิน": True, "ระเบียบ": False} == {term.term: term.weight > 0 for term in routing.terms}


def test_two_topics_of_one_group_are_no_doubt() -> None:
    """The group gets the case, so it need not be clear which of its topics it is."""
    routing = route("ขอติดตามผลเรื่องที่แจ้งว่ามีการทุจริต", first_rules())
    assert WorkGroup.AUDIT == routing.work_group
    assert not routing.abstained


def test_the_same_text_is_decided_alike() -> None:
    """Routing has no chance in it."""
    text = " ".join(text for text, _ in TEXTS)
    assert route(text, first_rules()) == route(text, first_rules())


SMALL: dict[object, object] = {topic.value: {f"คำเฉพาะของ {topic}": 1.0} for topic in Topic}


def small_rules(ignored: tuple[str, ...] = (), **terms: Mapping[str, float]) -> Rules:
    return rules_from({"ignored": list(ignored), "topics": {**SMALL, **terms}})


def test_a_term_inside_a_longer_one_is_not_counted() -> None:
    """Of a long term and a short one within it, the long one speaks."""
    rules = small_rules(regulations={"ประกาศ": 3}, training={"ประกาศนียบัตร": 3})
    routing = route("ขอใบประกาศนียบัตร", rules)
    assert Topic.TRAINING == routing.topic
    assert (TermWeight("ประกาศนียบัตร", 3.0),) == routing.terms


def test_a_short_term_inside_another_word_is_not_found() -> None:
    """The letters of a short term are no term in the middle of a word."""
    rules = small_rules(information_media={"ไลน์": 4})
    assert route("อบรมออนไลน์", rules).abstained
    assert Topic.INFORMATION_MEDIA == route("แจ้งทาง ไลน์ แล้ว", rules).topic


def test_ignored_phrases_hide_terms() -> None:
    """A phrase that says nothing silences the terms inside it, and only there."""
    rules = small_rules(ignored=("ศูนย์รับเรื่องร้องเรียน",), complaints={"ร้องเรียน": 4})
    assert route("ส่งถึงศูนย์รับเรื่องร้องเรียน", rules).abstained
    assert Topic.COMPLAINTS == route("ส่งถึงศูนย์รับเรื่องร้องเรียน ขอร้องเรียนเพื่อนบ้าน", rules).topic


def test_a_negative_weight_speaks_against() -> None:
    """A term may count against a topic."""
    rules = small_rules(training={"อบรม": 2, "อบรมสั่งสอน": -3}, complaints={"ลูกหลาน": 1})
    assert Topic.TRAINING == route("สมัครอบรม", rules).topic
    assert route("อบรม และ อบรมสั่งสอน ลูกหลาน", rules).abstained


def test_a_second_group_keeps_a_case_in_triage() -> None:
    """One group's terms must be all that is found, or nearly all."""
    rules = small_rules(training={"อบรม": 1}, complaints={"ทุจริต": 4})
    assert route("อบรม ทุจริต", rules).abstained
    assert [Topic.COMPLAINTS, Topic.TRAINING] == [it.topic for it in route("อบรม ทุจริต", rules).proposals]


def test_terms_of_nobody_keep_a_case_in_triage() -> None:
    """What stands for other people's business speaks against every topic, and is told as a reason."""
    rules = rules_from({"topics": {**SMALL, "training": {"อบรม": 3}}, "other": {"ใบขับขี่": 3}})
    assert Topic.TRAINING == route("ต้องอบรมกี่ชั่วโมง", rules).topic
    routing = route("ใบขับขี่ต้องอบรมกี่ชั่วโมง", rules)
    assert routing.abstained
    assert {TermWeight("อบรม", 3.0), TermWeight("ใบขับขี่", -3.0)} == set(routing.terms)


def test_repeating_a_word_does_not_convince() -> None:
    """A term counts once, however often it is said."""
    rules = small_rules(training={"อบรม": 0.5}, complaints={"ทุจริต": 4})
    assert Topic.COMPLAINTS == route("อบรม " * 50 + "ทุจริต", rules).topic


@pytest.mark.parametrize(
    ("data", "pointer"),
    [
        ([], "/topics"),
        ({"topics": []}, "/topics"),
        ({"topics": {**SMALL, "sports": {"ฟุตบอล": 1}}}, "/topics/sports"),
        ({"topics": {topic: terms for topic, terms in SMALL.items() if topic != "training"}}, "/topics/training"),
        ({"topics": {**SMALL, "training": {"อบรม": 0}}}, "/topics/training/อบรม"),
        ({"topics": {**SMALL, "training": {"อบรม": float("nan")}}}, "/topics/training/อบรม"),
        ({"topics": {**SMALL, "training": {"อบรม": 6}}}, "/topics/training/อบรม"),
        ({"topics": {**SMALL, "training": {"อบรม": True}}}, "/topics/training/อบรม"),
        ({"topics": {**SMALL, "training": {"อบรม": "2"}}}, "/topics/training/อบรม"),
        ({"topics": {**SMALL, "training": {"อบรม": -1}}}, "/topics/training"),
        ({"topics": {**SMALL, "training": {"ก": 1}}}, "/topics/training/ก"),
        ({"topics": {**SMALL, "training": {"อ" * 101: 1}}}, "/topics/training/" + "อ" * 101),
        ({"topics": {**SMALL, "training": {"และ/หรือ": 9}}}, "/topics/training/และ~1หรือ"),
        ({"topics": {**SMALL, "training": {"เวที": 1, "เวที\u200b": 1}}}, "/topics/training/เวที\u200b"),
        ({"topics": {**SMALL, "training": {"อบ\x00รม": 1}}}, "/topics/training/อบ\x00รม"),
        ({"topics": {**SMALL, "training": {"อบ\ud800รม": 1}}}, "/topics/training/อบ\ud800รม"),
        ({"topics": SMALL, "others": {"น้ำประปา": 1}}, "/others"),
        ({"topics": SMALL, "ig/nore": ["น้ำประปา"]}, "/ig~1nore"),
        ({"topic": SMALL}, "/topic"),
        ({"topics": SMALL, "other": []}, "/other"),
        ({"topics": SMALL, "other": {"น้ำประปา": 0}}, "/other/น้ำประปา"),
        ({"topics": SMALL, "other": {"น้ำประปา": 1}, "ignored": ["น้ำประปา"]}, "/ignored/0"),
        ({"topics": SMALL, "ignored": "x"}, "/ignored"),
        ({"topics": SMALL, "ignored": [""]}, "/ignored/0"),
        ({"topics": SMALL, "ignored": ["น้ำ\x1fประปา"]}, "/ignored/0"),
        ({"topics": SMALL, "ignored": ["คำเฉพาะของ training"]}, "/ignored/0"),
    ],
)
def test_broken_rules_are_refused(data: object, pointer: str) -> None:
    """What is wrong is named by its place, with what to do in Thai and English, and nothing is switched off instead."""
    with pytest.raises(BrokenRules) as refused:
        rules_from(data)
    details = {fault.pointer: fault.detail for fault in refused.value.faults}
    assert pointer in details
    assert re.match("[ก-์]", details[pointer].th)
    assert details[pointer].en.endswith(".")


def test_every_fault_is_named_at_once() -> None:
    """Whoever edits the rules sees all that is wrong."""
    with pytest.raises(BrokenRules) as refused:
        rules_from({"topics": {**SMALL, "training": {"อบรม": 0, "ก": 1}, "x": {}}, "ignored": [1]})
    assert 4 <= len(refused.value.faults)


def test_rules_survive_being_stored() -> None:
    """What is stored is what was saved."""
    assert first_rules() == Rules.of_stored(first_rules().as_data())


def test_what_was_saved_once_still_holds() -> None:
    """A term that would be refused today does not stop the routing of cases."""
    stored = small_rules().as_data() | {"other": {"น้ำ\tประปา": 1}}
    assert {"น้ำ\tประปา": 1.0} == Rules.of_stored(stored).other


def test_rules_saved_without_other_still_hold() -> None:
    """`other` came later than the first saved rules."""
    assert {} == Rules.of_stored({"topics": SMALL}).other


@pytest.mark.parametrize("topic", Topic)
def test_the_first_rules_know_every_topic(topic: Topic) -> None:
    """Each topic begins with at least 25 terms."""
    assert 25 <= len(first_rules().topics[topic])


def test_every_topic_has_one_group() -> None:
    """The nine topics are shared out among the five groups without remainder, as the procedure says."""
    assert list(Topic) == [topic for group in WorkGroup for topic in topics_of(group)]
    assert all(work_group_of(topic) is TOPICS[topic].work_group for topic in Topic)
    assert OTHER not in set(Topic)


@dataclass(frozen=True)
class Told:
    """A reading that says what the test wants."""

    probabilities: Mapping[str, float]
    knows_words: bool = True

    def reasons(self, label: str) -> tuple[TermWeight, ...]:
        """The label itself, as its only reason."""
        return (TermWeight(label, 1.0),)


@dataclass(frozen=True)
class FakeModel:
    """A model with one opinion."""

    reading: Told
    threshold: float = 0.8
    taught_by_people: bool = True

    def read(self, text: CaseText) -> Told:
        """Say what was told, whatever the text."""
        assert text.normal
        return self.reading


def test_a_sure_model_decides() -> None:
    """At its threshold the model routes, and says which words moved it."""
    model = FakeModel(Told({"training": 0.5, "sufficiency_economy": 0.35, "complaints": 0.15}))
    routing = route("เรื่องทั่วไป", first_rules(), model)
    assert (Topic.TRAINING, WorkGroup.ACADEMIC, Method.MODEL) == (routing.topic, routing.work_group, routing.method)
    assert routing.confidence == pytest.approx(0.85)
    assert (TermWeight("training", 1.0),) == routing.terms


def test_until_people_have_taught_a_model_the_rules_have_the_first_word() -> None:
    """Then their terms are what a decision is laid to; whatever they leave open, a sure model still decides."""
    model = FakeModel(Told({"sufficiency_economy": 0.85, "complaints": 0.15}), taught_by_people=False)
    by_rules = route("สมัครอบรมหลักสูตรผู้นำ", first_rules(), model)
    assert (WorkGroup.ACADEMIC, Method.RULE) == (by_rules.work_group, by_rules.method)
    by_model = route("เรื่องทั่วไป", first_rules(), model)
    assert (Topic.SUFFICIENCY_ECONOMY, Method.MODEL) == (by_model.topic, by_model.method)


def test_rules_decide_where_an_unsure_model_agrees() -> None:
    """Below the threshold clear rules still route, if the model leans the same way."""
    agreeing = FakeModel(Told({"training": 0.5, "complaints": 0.3, "regulations": 0.2}))
    routing = route("สมัครอบรมหลักสูตรผู้นำ", first_rules(), agreeing)
    assert (Topic.TRAINING, Method.RULE) == (routing.topic, routing.method)


@pytest.mark.parametrize(
    "reading",
    [
        Told({"complaints": 0.5, "training": 0.3, "regulations": 0.2}),
        Told({OTHER: 0.9, "training": 0.1}),
        Told({"training": 0.99, "complaints": 0.01}, knows_words=False),
    ],
)
def test_people_decide_where_rules_and_model_do_not_agree(reading: Told) -> None:
    """A model that leans elsewhere, to nobody, or knows no word keeps the case in triage."""
    routing = route("สมัครอบรมหลักสูตรผู้นำ", first_rules(), FakeModel(reading))
    assert routing.abstained
    assert Topic.TRAINING in [proposal.topic for proposal in routing.proposals]


def test_a_model_that_only_seconds_leaves_the_decision_to_the_rules() -> None:
    """What abstains then is the rules, with the terms that were found; its opinion counts among the proposals."""
    doubting = FakeModel(Told({"complaints": 0.9, "training": 0.1}), threshold=2.0)
    routing = route("สมัครอบรมหลักสูตรผู้นำ", first_rules(), doubting)
    assert (True, Method.RULE) == (routing.abstained, routing.method)
    assert {Topic.TRAINING, Topic.COMPLAINTS} == {proposal.topic for proposal in routing.proposals}


def test_rules_need_no_database() -> None:
    """Importing the rules loads neither SQLAlchemy nor FastAPI nor scikit-learn."""
    told = subprocess.run(
        [sys.executable, "-c", "import chumchon.routing.rules, sys; print(sorted(sys.modules))"],
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    assert not [name for name in ("sqlalchemy", "fastapi", "sklearn", "httpx2") if f"'{name}'" in told]
