"""The story: complaints through every channel, each step told and then checked by reading it back over HTTP."""

import json
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from importlib.resources import files
from typing import Any
from uuid import uuid4

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from devstack.demo.labels import CHANNELS, STATES, WORK_GROUPS
from devstack.demo.people import Centre, Json, Office, eventually

ANSWERED_BY_OFFICE = "answered_by_office"
ANSWERED_FROM_KNOWLEDGE = "answered_from_knowledge"
RETURNED = "returned"


class StepFailed(Exception):
    """A step of the story did not happen; the message names it, and what was seen instead."""


@dataclass
class Told:
    """One complaint or case on its way through the story."""

    scene: Json
    complaint: Json = field(default_factory=dict)
    referral: Json = field(default_factory=dict)
    case: Json = field(default_factory=dict)
    outcome: str = ""

    @property
    def name(self) -> str:
        """What the story calls it."""
        return str(self.scene["name"])

    @property
    def ending(self) -> str:
        """How it is to end; cases of the Office's own channels are always answered by the Office."""
        return str(self.scene.get("ending", ANSWERED_BY_OFFICE))


class Story:
    """Plays the whole story against a running stack, printing as it goes."""

    def __init__(self, centre: Centre, office: Office, screen: Console) -> None:
        self._centre = centre
        self._office = office
        self._screen = screen
        self._steps = 0
        data = _load()
        self._article = data["article"]
        self.complaints = [Told(scene) for scene in data["complaints"]]
        self.cases = [Told(scene) for scene in data["cases"]]

    def play(self) -> None:
        """All steps, in order, then the summary.

        Raises:
            StepFailed: what a step promised cannot be read back.
            Refused: a service said no.
            NotInTime: a message did not arrive.
        """
        for step in (
            self._take_in_at_the_centre,
            self._verify,
            self._answer_from_knowledge,
            self._refer,
            self._take_in_at_the_office,
            self._route,
            self._hand_back,
            self._accept,
            self._answer,
            self._bring_answers_back,
        ):
            step()
        self._summarise()

    # The Centre

    def _take_in_at_the_centre(self) -> None:
        self._title("ศูนย์ 1111 รับเรื่อง สี่ช่องทาง", "The Centre takes complaints in through its four channels")
        for told in self.complaints:
            given = told.scene["complaint"]
            told.complaint = self._centre.register(given)
            seen = self._centre.complaint(told.complaint["id"])
            _expect(told, "received", seen["state"])
            _expect(told, given["channel"], seen["channel"])
            self._say(told.name, f"“{given['subject']}”")
            self._say(
                "เจ้าหน้าที่รับเรื่อง", f"รับทาง{CHANNELS[given['channel']]} ได้เลขที่ {seen['tracking_number']}", indent=True
            )

    def _verify(self) -> None:
        self._title("ศูนย์ 1111 ตรวจสอบและบันทึก", "The Centre verifies and records")
        for told in self.complaints:
            self._centre.verify(told.complaint["id"])
            self._complaint_becomes(told, "verified")
            self._say("เจ้าหน้าที่ตรวจสอบ", f"{told.complaint['tracking_number']} ข้อมูลครบ รับไว้ดำเนินการ")

    def _answer_from_knowledge(self) -> None:
        self._title("ศูนย์ 1111 ตอบเองจากคลังความรู้", "The Centre answers at once from its knowledge base")
        article = self._centre.publish_article(self._article)
        for told in self._ending(ANSWERED_FROM_KNOWLEDGE):
            suggested = self._centre.suggestions(told.complaint["id"])
            if article["id"] not in [suggestion["id"] for suggestion in suggested]:
                raise StepFailed(f"{told.name}: คลังความรู้ไม่ได้เสนอบทความ “{article['question']}”")
            self._say("คลังความรู้", f"เสนอบทความ “{article['question']}”")
            self._centre.answer(told.complaint["id"], article["answer"], [article["id"]])
            self._complaint_becomes(told, "answered")
            told.outcome = "ตอบจากคลังความรู้"
            self._say("เจ้าหน้าที่ศูนย์", f"ตอบ{told.scene['who']}: “{article['answer']}”")

    def _refer(self) -> None:
        self._title("ศูนย์ 1111 ส่งต่อเรื่องเชิงลึกไปสำนักงาน", "The Centre refers what goes deep to the Office")
        referred = [told for told in self.complaints if told.ending != ANSWERED_FROM_KNOWLEDGE]
        for told in referred:
            told.referral = self._centre.refer(told.complaint["id"], told.scene["question"])
            self._complaint_becomes(told, "referred")
        for told in referred:
            told.case = eventually(partial(self._office.case_of, told.referral["id"]), f"{told.name} ถึงสำนักงาน")
            _expect(told, told.complaint["tracking_number"], told.case["referral"]["complaint_number"])
            self._say("เจ้าหน้าที่ศูนย์", f"ส่งเลขที่ {told.referral['number']}: “{told.scene['question']}”")
            self._say("สำนักงาน", f"เปิดเรื่องเลขที่ {told.case['case_number']}", indent=True)

    # The Office

    def _take_in_at_the_office(self) -> None:
        self._title("สำนักงานรับเรื่องเอง ห้าช่องทาง", "The Office takes cases in through its own five channels")
        for told in self.cases:
            given = told.scene["case"]
            told.case = self._office.open_case(given)
            seen = self._office.case(told.case["id"])
            _expect(told, "channel", seen["origin"])
            _expect(told, given["channel"], seen["channel"])
            self._say(told.name, f"“{given['subject']}”")
            self._say("งานสารบรรณ", f"รับทาง{CHANNELS[given['channel']]} ได้เลขที่ {seen['case_number']}", indent=True)

    def _route(self) -> None:
        self._title("สำนักงานจัดส่งเข้ากลุ่มงานตามเนื้อหา", "The Office routes every case to a work group by its content")
        for told in self._with_case():
            told.case = self._office.case(told.case["id"])
            if told.case["work_group"] is None:
                self._say("ระบบ", f"{told.case['case_number']} เนื้อหาไม่ชัดพอ ให้คนตัดสิน")
                self._office.reroute(
                    told.case["id"], told.scene.get("topic_by_hand", "complaints"), "อ่านเนื้อหาแล้ว ต้องให้กลุ่มงานนี้พิจารณา"
                )
                told.case = self._office.case(told.case["id"])
            _expect(told, "routed", told.case["state"])
            self._say(
                WORK_GROUPS[told.case["work_group"]],
                f"ได้เรื่อง {told.case['case_number']} {why_routed(told.case['routing'])}",
            )
        reached = {told.case["work_group"] for told in self._with_case()}
        missed = [label for code, label in WORK_GROUPS.items() if code not in reached]
        if missed:
            raise StepFailed(f"ไม่มีเรื่องใดถึง {', '.join(missed)}")

    def _hand_back(self) -> None:
        self._title("สำนักงานส่งคืนเรื่องที่ไม่ใช่หน้าที่", "The Office returns what is not its own")
        for told in self._ending(RETURNED):
            reason, owner = told.scene["returned_because"], told.scene["suggested_owner"]
            self._office.hand_back(told.case, "not_ours", reason, owner)
            _expect(told, "returned", self._office.case(told.case["id"])["state"])
            self._say(WORK_GROUPS[told.case["work_group"]], f"คืน {told.case['case_number']}: “{reason}” ควรส่ง{owner}")
            self._referral_becomes(told, "returned")
            self._complaint_becomes(told, "verified")
            self._centre.answer(told.complaint["id"], told.scene["answer"], [])
            self._complaint_becomes(told, "answered")
            told.outcome = "ส่งคืน แล้วศูนย์ตอบ"
            self._say("เจ้าหน้าที่ศูนย์", f"ตอบ{told.scene['who']}: “{told.scene['answer']}”", indent=True)

    def _accept(self) -> None:
        self._title("กลุ่มงานรับเรื่อง", "The work groups accept, and the Centre is told")
        for told in self._to_be_answered():
            self._office.accept(told.case)
            _expect(told, "accepted", self._office.case(told.case["id"])["state"])
            self._say(WORK_GROUPS[told.case["work_group"]], f"รับ {told.case['case_number']} ไว้ดำเนินการ")
        for told in self._to_be_answered():
            if told.referral:
                self._referral_becomes(told, "accepted")

    def _answer(self) -> None:
        self._title("กลุ่มงานร่างคำตอบ หัวหน้ากลุ่มอนุมัติ", "Officers draft, heads of groups approve")
        for told in self._to_be_answered():
            text = told.scene["answer"]
            self._office.draft(told.case, text)
            self._say(f"เจ้าหน้าที่ {WORK_GROUPS[told.case['work_group']]}", f"ร่าง {told.case['case_number']}: “{text}”")
            self._office.approve(told.case)
            _expect(told, "answered", self._office.case(told.case["id"])["state"])
            self._say(f"หัวหน้า {WORK_GROUPS[told.case['work_group']]}", "อนุมัติ", indent=True)
            told.outcome = "สำนักงานตอบ"

    def _bring_answers_back(self) -> None:
        self._title("คำตอบกลับถึงศูนย์ 1111 และบันทึกไว้", "Every answer is back and recorded at the Centre")
        for told in self._to_be_answered():
            if told.referral:
                referral = self._referral_becomes(told, "answered")
                _expect(told, told.scene["answer"], referral["answer"]["text"])
                self._complaint_becomes(told, "answered")
                number, case_number = told.complaint["tracking_number"], referral["case_number"]
                self._say("ศูนย์ 1111", f"{number} ได้คำตอบจาก {case_number} แจ้ง{told.scene['who']}ได้แล้ว")

    # How it ended

    def _summarise(self) -> None:
        self._screen.print()
        table = Table("เลขที่ศูนย์ 1111", "เลขที่สำนักงาน", "ช่องทาง", "กลุ่มงาน", "ผล", "สถานะ", title="สรุป · Summary")
        for told in (*self.complaints, *self.cases):
            complaint = self._centre.complaint(told.complaint["id"]) if told.complaint else {}
            case = self._office.case(told.case["id"]) if told.case else {}
            _expect(told, "answered", (complaint or case)["state"])
            table.add_row(
                complaint.get("tracking_number", "–"),
                case.get("case_number", "–"),
                CHANNELS[(complaint or case)["channel"]],
                WORK_GROUPS.get(case.get("work_group", ""), "–"),
                told.outcome,
                STATES[(complaint or case)["state"]],
            )
        self._screen.print(table)
        outcomes = Counter(told.outcome for told in (*self.complaints, *self.cases))
        self._screen.print(
            f"ครบทุกขั้นตอน: {', '.join(f'{outcome} {count} เรื่อง' for outcome, count in outcomes.items())}",
            style="bold green",
        )

    # Helpers

    def _ending(self, ending: str) -> Iterator[Told]:
        return (told for told in self.complaints if told.ending == ending)

    def _with_case(self) -> Iterator[Told]:
        return (told for told in (*self.complaints, *self.cases) if told.case)

    def _to_be_answered(self) -> Iterator[Told]:
        return (told for told in self._with_case() if told.ending == ANSWERED_BY_OFFICE)

    def _complaint_becomes(self, told: Told, state: str) -> None:
        _wait_for(told, state, lambda: self._centre.complaint(told.complaint["id"]))

    def _referral_becomes(self, told: Told, state: str) -> Json:
        return _wait_for(told, state, lambda: self._centre.referral(told.referral["id"]))

    def _title(self, thai: str, english: str) -> None:
        self._steps += 1
        self._screen.print()
        self._screen.rule(f"[bold]{self._steps}. {thai}[/] · {english}", align="left")

    def _say(self, speaker: str, words: str, *, indent: bool = False) -> None:
        self._screen.print(f"{'   ' if indent else ''}[bold]{escape(speaker)}[/]  {escape(words)}", highlight=False)


def why_routed(routing: Json) -> str:
    """The reason of a routing, in words."""
    if routing["method"] == "person":
        return "(คนตัดสิน)"
    terms = ", ".join(term["term"] for term in routing["terms"] if term["weight"] > 0)
    return f"เพราะพบคำว่า {terms}"


def _wait_for(told: Told, state: str, look: Callable[[], Json]) -> Json:
    def there() -> Json | None:
        seen = look()
        return seen if seen["state"] == state else None

    return eventually(there, f"{told.name} เป็น {STATES.get(state, state)}")


def _expect(told: Told, expected: object, seen: object) -> None:
    if expected != seen:
        raise StepFailed(f"{told.name}: ควรเป็น {expected!r} แต่เป็น {seen!r}")


def _load() -> dict[str, Any]:
    now = datetime.now(UTC)
    text = files("devstack.demo").joinpath("story.json").read_text("utf-8")
    for placeholder, moment in {
        "{two_days_ago}": (now - timedelta(days=2)).date().isoformat(),
        "{unique}": uuid4().hex,
        "{an_hour_ago}": (now - timedelta(hours=1)).isoformat(timespec="seconds"),
    }.items():
        text = text.replace(placeholder, moment)
    loaded: dict[str, Any] = json.loads(text)
    return loaded
