"""What people say and do in tests: complaints and cases by every channel, referred and answered."""

from collections.abc import Mapping

from devstack.demo.people import Centre, Json, Office

CENTRE_CHANNELS = ("letter", "hotline", "walk_in", "website")
OFFICE_CHANNELS = ("po_box", "fax", "telephone", "website", "email")
_EVIDENCE: Mapping[str, Json] = {
    "letter": {"postmarked_on": "2026-01-05", "registered_number": "RL123456785TH", "pages": 2},
    "hotline": {"caller_number": "0800000001", "call_started_at": "2026-01-05T09:30:00+07:00"},
    "walk_in": {"counter": "3", "id_checked": True},
    "website": {"consent": True},
    "po_box": {"postmarked_on": "2026-01-05", "registered_number": "RL123456799TH", "pages": 1},
    "fax": {"sender_number": "035000000", "received_on_number": "02-629-9227", "pages": 1},
    "telephone": {
        "caller_number": "0800000001",
        "called_number": "02-629-9226",
        "call_started_at": "2026-01-05T09:30:00+07:00",
    },
    "email": {"message_id": "<end-to-end@example.com>", "from_address": "somjai@example.com"},
}


def complaint_by(channel: str, subject: str) -> Json:
    """A complaint to register at the Centre, with the evidence that its channel asks for."""
    return {"channel": channel, "evidence": _EVIDENCE[channel], **_content(subject)}


def case_by(channel: str, subject: str) -> Json:
    """A case to open at the Office, with the evidence that its channel asks for."""
    return {"channel": channel, "evidence": _EVIDENCE[channel], **_content(subject)}


def refer(centre: Centre, complaint: Json) -> tuple[Json, Json]:
    """Register a complaint, verify it and refer it; the complaint as registered, and the referral."""
    registered = centre.register(complaint)
    centre.verify(registered["id"])
    return registered, centre.refer(registered["id"], "ขอให้พิจารณาตอบผู้ร้อง")


def answer(office: Office, case: Json, text: str) -> Json:
    """See a case to its answer, from wherever it stands; the case as it was before the answer."""
    if case["work_group"] is None:
        office.reroute(case["id"], "complaints", "อ่านแล้วเป็นเรื่องร้องเรียน")
        case = office.case(case["id"])
    if case["state"] == "routed":
        office.accept(case)
        case = office.case(case["id"])
    office.answer(case, text)
    return case


def _content(subject: str) -> Json:
    return {
        "kind": "inquiry",
        "subject": subject,
        "details": f"{subject} โดยละเอียด",
        "complainant": {"first_name": "สมใจ", "last_name": "ตัวอย่างดี"},
        "place": {"province": "ขอนแก่น"},
    }
