"""Complaints travel from the Centre to the Office and their answers back, between two real processes."""

import hashlib
from collections.abc import Callable

import httpx2
import pytest

from devstack.demo.people import Json
from devstack.testing.acting import CENTRE_CHANNELS, OFFICE_CHANNELS, answer, case_by, complaint_by, refer
from devstack.testing.pair import Pair
from exchange import Exchange, OwnKeys
from exchange.attachments import Fetcher
from exchange.parties import Peer
from servicekit.database import make_engine, make_sessions
from servicekit.testing import eventually


def becomes(state: str, look: Callable[[], Json]) -> Json:
    """What `look` gives once its state is the one awaited."""
    return eventually(lambda: seen if (seen := look())["state"] == state else None)


def referral_becomes(pair: Pair, state: str, referral: Json) -> Json:
    return becomes(state, lambda: pair.centre.referral(referral["id"]))


def moves(pair: Pair, complaint: Json) -> list[tuple[str | None, str]]:
    """From where to where the complaint's history says it went, oldest first; notes and tellings left out."""
    history = pair.centre.read("officer", f"/v1/complaints/{complaint['id']}/history")["items"]
    went = [(entry["from_state"], entry["to_state"]) for entry in history if entry["about"] == "complaint"]
    return [(before, after) for before, after in went if before != after]


@pytest.mark.parametrize("channel", CENTRE_CHANNELS)
def test_a_referred_complaint_comes_back_answered(pair: Pair, channel: str) -> None:
    """What the Office answers, the Centre has recorded, whatever channel the complaint came by."""
    complaint, referral = refer(pair.centre, complaint_by(channel, "ขอทราบระเบียบและหลักเกณฑ์การโอนเงินโครงการ"))
    case = eventually(lambda: pair.office.case_of(referral["id"]))
    assert complaint["tracking_number"] == case["referral"]["complaint_number"]
    assert referral["number"] == case["referral"]["number"]
    answer(pair.office, case, "โอนภายใน 30 วัน")
    answered = referral_becomes(pair, "answered", referral)
    assert (answered["answer"]["version"], answered["answer"]["text"]) == (1, "โอนภายใน 30 วัน")
    assert case["case_number"] == answered["case_number"]
    assert pair.centre.complaint(complaint["id"])["state"] == "answered"
    assert moves(pair, complaint) == [
        (None, "received"),
        ("received", "verified"),
        ("verified", "referred"),
        ("referred", "answered"),
    ]
    assert pair.exchange_faults() == []


@pytest.mark.parametrize("channel", OFFICE_CHANNELS)
def test_a_case_of_an_own_channel_is_answered_at_the_office(pair: Pair, channel: str) -> None:
    """A case that came to the Office itself is answered there, and the Centre hears nothing of it."""
    owed_before = len(pair.outbox("office"))
    case = pair.office.open_case(case_by(channel, "ขอวาระการประชุมและรายงานการประชุมคณะกรรมการ"))
    answer(pair.office, case, "ส่งวาระการประชุมให้แล้ว")
    assert pair.office.case(case["id"])["state"] == "answered"
    assert owed_before == len(pair.outbox("office"))


def test_an_office_that_is_down_gets_everything_when_it_is_back(pair: Pair) -> None:
    """Ten complaints referred while the Office is down wait as queued, and each opens one case when it is back."""
    pair.office_process.kill()
    referred = [refer(pair.centre, complaint_by("hotline", f"ขอติดตามความคืบหน้า เรื่องที่ {n}")) for n in range(10)]
    eventually(lambda: any(row["last_problem"] for row in pair.outbox("centre")))
    assert {"queued"} == {pair.centre.referral(referral["id"])["state"] for _, referral in referred}
    pair.office_process.start()
    pair.office_process.wait_until_ready()
    pair.let_time_pass()
    pair.wait_until_settled()
    for complaint, referral in referred:
        (case,) = pair.office.items("registrar", "/v1/cases", referral=referral["id"])
        assert complaint["tracking_number"] == case["referral"]["complaint_number"]
        referral_becomes(pair, "delivered", referral)
    assert pair.exchange_faults() == []


def test_a_returned_complaint_is_the_centres_again_and_may_be_referred_again(pair: Pair) -> None:
    """A return gives the complaint back with its reason; a second referral is a new sending with the path so far."""
    complaint, first = refer(pair.centre, complaint_by("letter", "ขอให้ตรวจสอบการทุจริตของกรรมการ"))
    case = eventually(lambda: pair.office.case_of(first["id"]))
    pair.office.hand_back(routed(pair, case), "unclear", "ไม่ทราบชื่อชุมชน")
    returned = referral_becomes(pair, "returned", first)
    assert pair.centre.complaint(complaint["id"])["state"] == "verified"
    again = pair.centre.refer(complaint["id"], "ชุมชนบ้านทุ่งตัวอย่าง ขอให้ตรวจสอบ", insist=True)
    assert [f"{complaint['tracking_number']}/1", f"{complaint['tracking_number']}/2"] == [
        returned["number"],
        again["number"],
    ]
    other_case = eventually(lambda: pair.office.case_of(again["id"]))
    assert case["id"] != other_case["id"]
    answer(pair.office, other_case, "ตรวจสอบแล้ว")
    referral_becomes(pair, "answered", again)
    assert pair.centre.referral(first["id"])["state"] == "returned"
    assert pair.exchange_faults() == []


def test_a_withdrawn_referral_closes_its_case(pair: Pair) -> None:
    """What the Centre takes back, the Office no longer works on."""
    complaint, referral = refer(pair.centre, complaint_by("walk_in", "ขอหลักสูตรการฝึกอบรม"))
    case = eventually(lambda: pair.office.case_of(referral["id"]))
    pair.centre.withdraw(referral["id"], "ผู้ร้องขอถอนเรื่อง")
    becomes("withdrawn", lambda: pair.office.case(case["id"]))
    assert pair.centre.referral(referral["id"])["state"] == "withdrawn"
    assert pair.centre.complaint(complaint["id"])["state"] == "verified"
    assert pair.exchange_faults() == []


def test_what_the_office_asks_the_complainant_answers_online(pair: Pair) -> None:
    """The question reaches who has number and secret, stops both clocks, and the reply reaches who works on the case.

    Progress is shown to them, too, and when they withdraw, the case ends.
    """
    complaint, referral = refer(pair.centre, complaint_by("hotline", "ขอทราบกำหนดการโอนเงินงวดที่สอง"))
    own = f"/v1/public/complaints/{complaint['tracking_number']}"

    def seen() -> Json:
        return public(pair, complaint, "GET", own)

    case = routed(pair, eventually(lambda: pair.office.case_of(referral["id"])))
    pair.office.accept(case)
    pair.office.ask_back(case, "ขอสำเนาสมุดบัญชีของชุมชน")
    assert "ขอสำเนาสมุดบัญชีของชุมชน" == eventually(lambda: seen()["question"])["text"]
    assert pair.centre.complaint(complaint["id"])["clock_stopped_at"]

    public(pair, complaint, "POST", f"{own}/messages", {"text": "ส่งทางไปรษณีย์แล้ว"})
    assert (None, None) == tuple(seen()[name] for name in ("question", "clock_stopped_at"))
    becomes("accepted", lambda: pair.office.case(case["id"]))
    told = pair.office.read("registrar", f"/v1/cases/{case['id']}/messages")["items"]
    assert "ส่งทางไปรษณีย์แล้ว" in [message["text"] for message in told]

    pair.office.report_progress(case, "กำลังตรวจสอบกับธนาคาร")
    assert ["กำลังตรวจสอบกับธนาคาร"] == [one["text"] for one in eventually(lambda: seen()["progress"])]

    public(pair, complaint, "POST", f"{own}/withdrawal", {"reason": "ได้รับเงินแล้ว"})
    becomes("withdrawn", lambda: pair.office.case(case["id"]))
    assert "withdrawn" == seen()["state"]
    assert pair.exchange_faults() == []


def public(pair: Pair, complaint: Json, method: str, path: str, body: Json | None = None) -> Json:
    """What somebody gets who has the complaint's number and secret, and nothing else."""
    headers = {"Tracking-Secret": complaint["tracking_secret"]}
    answer = httpx2.request(method, pair.centre.url + path, json=body, headers=headers, trust_env=False)
    shown: Json = answer.raise_for_status().json()
    return shown


def test_a_corrected_answer_supersedes_the_first(pair: Pair) -> None:
    """Version 2 of an answer is what the Centre shows from then on."""
    complaint, referral = refer(pair.centre, complaint_by("website", "เข้าเว็บไซต์ไม่ได้ ลืมรหัสผ่าน"))
    case = answer(pair.office, eventually(lambda: pair.office.case_of(referral["id"])), "แก้ไขแล้ววันที่ 5")
    referral_becomes(pair, "answered", referral)
    pair.office.answer(case, "แก้ไขแล้ววันที่ 6")
    answered = eventually(
        lambda: seen if (seen := pair.centre.referral(referral["id"]))["answer"]["version"] == 2 else None
    )
    assert answered["answer"]["text"] == "แก้ไขแล้ววันที่ 6"
    assert pair.centre.complaint(complaint["id"])["state"] == "answered"
    assert pair.exchange_faults() == []


def test_a_file_of_a_referred_complaint_can_be_read_at_the_office(pair: Pair) -> None:
    """The Office fetches what the referral described, and it is what was attached at the Centre, to the byte."""
    content = b"%PDF-1.7\n1 0 obj\n<<>>\nendobj\n%%EOF\n"
    complaint = pair.centre.register(complaint_by("letter", "ขอให้ตรวจสอบราคาเครื่องสีข้าว"))
    attach(pair, complaint, content)
    pair.centre.verify(complaint["id"])
    referral = pair.centre.refer(complaint["id"], "ขอให้พิจารณาตอบผู้ร้อง")
    case = eventually(lambda: pair.office.case_of(referral["id"]))
    fetch_at_the_office(pair)
    path = f"/v1/cases/{case['id']}/referral/attachments"
    described = eventually(lambda: fetched_file(pair, path))
    assert (len(content), hashlib.sha256(content).hexdigest()) == (described["bytes"], described["sha256"])
    assert content == pair.office.ask("registrar", "GET", f"{path}/{described['id']}").content


def attach(pair: Pair, complaint: Json, content: bytes) -> None:
    """Announce a file of the complaint at the Centre, and send it."""
    announcement = {"filename": "ใบเสนอราคา.pdf", "media_type": "application/pdf", "bytes": len(content)}
    announced = pair.centre.change("officer", "POST", f"/v1/complaints/{complaint['id']}/attachments", announcement)
    token = pair.run["center1111"]["tokens"]["officer"]
    sent = httpx2.put(
        f"{pair.centre.url}{announced['upload']['url']}",
        content=content,
        headers={"Authorization": f"Bearer {token}"},
        trust_env=False,
    )
    assert sent.is_success, sent.text


def fetch_at_the_office(pair: Pair) -> None:
    """What the Office's own upkeep does every few seconds, now: any number of processes may fetch beside each other."""
    office = Exchange.between(
        "chumchon", pair.office.url, OwnKeys.read(pair.office_keys), [Peer("center1111", pair.centre.url)]
    )
    engine = make_engine(pair.office_database, pool_size=1)
    fetcher = Fetcher(office, make_sessions(engine))
    try:
        fetcher.fetch_what_is_due()
    finally:
        fetcher.close()
        engine.dispose()
        office.close()


def fetched_file(pair: Pair, path: str) -> Json | None:
    """The only file of a case's referral, once it is at the Office."""
    only: Json
    (only,) = pair.office.read("registrar", path)["items"]
    return only if only["fetched_at"] else None


def routed(pair: Pair, case: Json) -> Json:
    """The case in a work group: by its content, or else by the registrar."""
    if case["work_group"] is None:
        pair.office.reroute(case["id"], "complaints", "ให้ตรวจสอบ")
    return pair.office.case(case["id"])
