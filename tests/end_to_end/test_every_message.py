"""Every type of message between two running services: what it does on both sides, and at the complainant.

The table of docs/exchange.md, row by row.
"""

import hashlib
from collections.abc import Callable
from typing import Any

import httpx2
import pytest

from devstack.demo.people import Json, Refused
from devstack.testing.acting import answer, complaint_by, refer
from devstack.testing.pair import Pair
from servicekit.testing import eventually

GROUP = "participation"
OFFICER, HEAD = f"group_officer.{GROUP}", f"group_head.{GROUP}"
TOPIC = "transfers_and_changes"


class Story:
    """One complaint at the Centre, its referral, and its case at the Office."""

    def __init__(self, pair: Pair) -> None:
        self.pair = pair
        self.complaint, self.referral = refer(pair.centre, complaint_by("website", "เงินงวดที่สองยังไม่เข้าบัญชีโครงการ"))
        self.case = eventually(lambda: pair.office.case_of(self.referral["id"]))
        if self.case["topic"] != TOPIC:
            pair.office.reroute(self.case["id"], TOPIC, "เรื่องการโอนเงิน")
            self.case = self.seen_case()

    def accepted(self) -> "Story":
        """The group has taken the case on, and the Centre knows."""
        self.pair.office.accept(self.case)
        self.referral_becomes("accepted")
        return self

    def answered(self, text: str, version: int = 1) -> "Story":
        """The group's head has answered, and the Centre knows."""
        answer(self.pair.office, self.seen_case(), text)
        eventually(lambda: (self.seen_referral()["answer"] or {}).get("version") == version)
        return self

    def seen_case(self) -> Json:
        """The case as the Office sees it."""
        return self.pair.office.case(self.case["id"])

    def seen_referral(self) -> Json:
        """The referral as the Centre sees it."""
        return self.pair.centre.referral(self.referral["id"])

    def seen_complaint(self) -> Json:
        """The complaint as the Centre sees it."""
        return self.pair.centre.complaint(self.complaint["id"])

    def seen_by_complainant(self) -> Json:
        """The complaint as who filed it sees it."""
        found = httpx2.get(
            f"{self.pair.centre.url}/v1/public/complaints/{self.complaint['tracking_number']}",
            headers={"Tracking-Secret": self.complaint["tracking_secret"]},
            trust_env=False,
        )
        assert found.is_success, found.text
        seen: Json = found.json()
        return seen

    def referral_becomes(self, state: str) -> Json:
        """The referral, once it is so."""
        return self._once(self.seen_referral, lambda seen: seen["state"] == state)

    def case_becomes(self, state: str) -> Json:
        """The case, once it is so."""
        return self._once(self.seen_case, lambda seen: seen["state"] == state)

    def at_the_office(self) -> list[str]:
        """What the case's history says was done, oldest first."""
        history = self.pair.office.read("registrar", f"/v1/cases/{self.case['id']}/history")
        return [entry["action"] for entry in history["items"]]

    def at_the_centre(self) -> list[str]:
        """What the complaint's history says was done with this referral, oldest first."""
        history = self.pair.centre.read("officer", f"/v1/complaints/{self.complaint['id']}/history")
        return [entry["move"] for entry in history["items"] if entry["referral_id"] == self.referral["id"]]

    def told_on_the_way(self) -> list[tuple[str, str]]:
        """Progress, questions, amendments and contests, as the Office keeps them."""
        messages = self.pair.office.read("registrar", f"/v1/cases/{self.case['id']}/messages")
        return [(message["kind"], message["text"]) for message in messages["items"]]

    @staticmethod
    def _once(look: Callable[[], Json], is_so: Callable[[Json], Any]) -> Json:
        return eventually(lambda: seen if is_so(seen := look()) else None)


@pytest.fixture
def story(pair: Pair) -> Story:
    """A complaint that was referred and opened its case."""
    return Story(pair)


def test_accepted_is_the_second_acknowledgement(story: Story) -> None:
    """The Centre knows the case's number, its group and topic, and by when the Office will answer."""
    case = story.accepted().seen_case()
    seen = story.seen_referral()
    expected = (case["case_number"], GROUP, TOPIC, case["due_at"])
    assert expected == (seen["case_number"], seen["work_group"], seen["topic"], seen["agency_due_at"])
    assert ["send", "accept"] == story.at_the_centre()
    assert "accept" == story.at_the_office()[-1]
    assert "in_progress" == story.seen_by_complainant()["state"]


def test_returned_is_the_centres_again_and_knows_its_way(pair: Pair, story: Story) -> None:
    """With reason, note and suggested owner; a new referral carries the path so far, and goes not round in circles."""
    pair.office.hand_back(story.case, "not_ours", "เป็นเรื่องของจังหวัด", "สำนักงานจังหวัดขอนแก่น")
    returned = story.referral_becomes("returned")
    assert ("not_ours", "เป็นเรื่องของจังหวัด", "สำนักงานจังหวัดขอนแก่น") == (
        returned["return_reason"],
        returned["return_note"],
        returned["suggested_owner"],
    )
    assert "verified" == story.seen_complaint()["state"]
    assert ("returned", "return") == (story.seen_case()["state"], story.at_the_office()[-1])
    assert ["send", "return"] == story.at_the_centre()
    again = pair.centre.refer(story.complaint["id"], "จังหวัดตอบว่าเป็นของสำนักงาน", insist=True)
    assert f"{story.complaint['tracking_number']}/2" == again["number"]
    case = pair.office.case(eventually(lambda: pair.office.case_of(again["id"]))["id"])
    assert case["id"] != story.case["id"]
    (earlier,) = case["referral"]["path"]
    assert (story.referral["number"], "chumchon", "not_ours", "เป็นเรื่องของจังหวัด") == tuple(
        earlier[name] for name in ("referral_number", "to", "reason", "note")
    )
    pair.office.hand_back(case, "not_ours", "ยืนยันว่าเป็นเรื่องของจังหวัด", "สำนักงานจังหวัดขอนแก่น")
    eventually(lambda: pair.centre.referral(again["id"])["state"] == "returned")
    with pytest.raises(Refused) as refused:
        pair.centre.refer(story.complaint["id"], "ส่งอีกครั้ง")
    assert 409 == refused.value.status
    assert (
        f"{story.complaint['tracking_number']}/3"
        == pair.centre.refer(story.complaint["id"], "ผู้บังคับบัญชายืนยัน", insist=True)["number"]
    )
    assert [] == pair.exchange_faults()


def test_progressed_is_shown_on_the_complaint(pair: Pair, story: Story) -> None:
    """The interim report stands in both timelines, and the referral goes on."""
    story.accepted()
    pair.office.report_progress(story.seen_case(), "กำลังตรวจสอบกับธนาคาร")
    entry = eventually(
        lambda: found[-1] if (found := story.seen_referral()["timeline"])[-1]["move"] == "progress" else None
    )
    assert ("กำลังตรวจสอบกับธนาคาร", "accepted", "accepted") == (entry["note"], entry["from_state"], entry["to_state"])
    assert ["send", "accept", "progress"] == story.at_the_centre()
    assert ("report_progress", [("progress", "กำลังตรวจสอบกับธนาคาร")]) == (
        story.at_the_office()[-1],
        story.told_on_the_way(),
    )


def test_a_question_waits_for_the_complainant_and_an_amendment_brings_the_reply(pair: Pair, story: Story) -> None:
    """Both sides wait; what the complainant tells goes on to the group, which is told that it is there."""
    story.accepted()
    pair.office.ask_back(story.seen_case(), "โปรดแจ้งเลขที่บัญชีของโครงการ")
    asked = story.referral_becomes("awaiting_complainant")
    assert "โปรดแจ้งเลขที่บัญชีของโครงการ" == asked["timeline"][-1]["note"]
    assert "awaiting_complainant" == story.seen_case()["state"]
    pair.centre.amend(story.referral["id"], "เลขที่บัญชี 020-1-23456-7")
    assert "accepted" == story.referral_becomes("accepted")["state"]
    replied = story.case_becomes("accepted")
    assert replied["news_at"] is not None
    assert {("question", "โปรดแจ้งเลขที่บัญชีของโครงการ"), ("amendment", "เลขที่บัญชี 020-1-23456-7")} == set(
        story.told_on_the_way()
    )
    assert ["ask", "reply", "amend"] == story.at_the_office()[-3:]
    assert ["send", "accept", "ask", "amend"] == story.at_the_centre()
    read = pair.office.change(OFFICER, "POST", f"/v1/cases/{story.case['id']}/reading", {})
    assert read["news_at"] is None


def test_an_amendment_reaches_who_works_on_the_case(pair: Pair, story: Story) -> None:
    """What has become known since stands in the case, which is marked and listed as having news."""
    story.accepted()
    pair.centre.amend(story.referral["id"], "ชุมชนส่งสำเนาสมุดบัญชีเพิ่มแล้ว")
    eventually(lambda: story.seen_case()["news_at"])
    assert [("amendment", "ชุมชนส่งสำเนาสมุดบัญชีเพิ่มแล้ว")] == story.told_on_the_way()
    assert story.case["id"] in {case["id"] for case in pair.office.items(OFFICER, "/v1/cases", news="true")}
    assert "amend" == story.at_the_office()[-1] == story.at_the_centre()[-1]


def test_an_answer_is_corrected_contested_and_given_again(pair: Pair, story: Story) -> None:
    """Version 2 supersedes what the complainant was told, and says so; a contest reopens; version 3 is the last."""
    story.accepted().answered("โอนแล้ววันที่ 5")
    assert "answered" == story.seen_complaint()["state"]
    first = eventually(lambda: story.seen_by_complainant()["answer"])
    assert "โอนแล้ววันที่ 5" == first["text"]
    assert story.seen_complaint()["told_at"] is not None, "the website shows it"
    story.answered("โอนแล้ววันที่ 6", version=2)
    assert "แทนคำตอบฉบับที่ 1 ซึ่งแจ้งผู้ร้องไปแล้ว ต้องแจ้งอีกครั้ง" == story.seen_referral()["timeline"][-1]["note"]
    assert "โอนแล้ววันที่ 6" == story.seen_by_complainant()["answer"]["text"]
    pair.centre.contest(story.referral["id"], "บัญชียังไม่มีเงินเข้า")
    reopened = story.case_becomes("accepted")
    assert (True, None) == (reopened["news_at"] is not None, reopened["answered_at"])
    assert ("accepted", "referred") == (story.seen_referral()["state"], story.seen_complaint()["state"])
    assert ("contest", "บัญชียังไม่มีเงินเข้า") == story.told_on_the_way()[-1]
    assert ("in_progress", None) == ((seen := story.seen_by_complainant())["state"], seen["answer"])
    story.answered("โอนอีกครั้งวันที่ 9 ตรวจสอบกับธนาคารแล้ว", version=3)
    story.referral_becomes("answered")
    assert "โอนอีกครั้งวันที่ 9 ตรวจสอบกับธนาคารแล้ว" == story.seen_by_complainant()["answer"]["text"]
    assert ["send", "accept", "answer", "answer", "contest", "answer"] == story.at_the_centre()
    done = [move for move in story.at_the_office() if move != "draft"]
    assert ["answer", "correct_answer", "contest", "answer"] == done[-4:]
    versions = pair.office.read("registrar", f"/v1/cases/{story.case['id']}/answers")["items"]
    assert [1, 2, 3] == [version["version"] for version in versions]
    assert [] == pair.exchange_faults()


def test_the_files_of_an_answer_come_with_it(pair: Pair, story: Story) -> None:
    """Sent in at the Office, described by the answer, fetched by the Centre, and the same to the byte."""
    story.accepted()
    content = b"%PDF-1.7\n1 0 obj\n<<>>\nendobj\n%%EOF\n"
    token = pair.run["chumchon"]["tokens"][OFFICER]
    sent = httpx2.post(
        f"{pair.office.url}/v1/cases/{story.case['id']}/answer-files",
        params={"filename": "ตารางการโอนเงิน.pdf"},
        content=content,
        headers={"Authorization": f"Bearer {token}"},
        trust_env=False,
    )
    assert sent.is_success, sent.text
    pair.office.draft(story.case, "ตามตารางที่แนบ")
    pair.office.change(HEAD, "POST", f"/v1/cases/{story.case['id']}/answers", {"files": [sent.json()["id"]]})
    story.referral_becomes("answered")
    path = f"/v1/referrals/{story.referral['id']}/attachments"
    described = eventually(
        lambda: next((file for file in pair.centre.read("officer", path)["items"] if file["fetched_at"]), None)
    )
    assert (sent.json()["id"], hashlib.sha256(content).hexdigest()) == (described["id"], described["sha256"])
    assert content == pair.centre.ask("officer", "GET", f"{path}/{described['id']}").content


def test_withdrawn_closes_the_case(pair: Pair, story: Story) -> None:
    """Its people are told, and nothing can be done with it any more."""
    story.accepted()
    pair.centre.withdraw(story.referral["id"], "ผู้ร้องขอถอนเรื่อง")
    closed = story.case_becomes("withdrawn")
    assert closed["news_at"] is not None
    assert ("withdrawn", "verified") == (story.seen_referral()["state"], story.seen_complaint()["state"])
    assert "withdraw" == story.at_the_office()[-1] == story.at_the_centre()[-1]
    with pytest.raises(Refused):
        pair.office.answer(closed, "ตอบ")
