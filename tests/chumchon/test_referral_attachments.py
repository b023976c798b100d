"""Files that come with a referral: described in its messages, fetched by the exchange, read at the Office."""

import hashlib
from collections.abc import Callable
from uuid import UUID

import sqlalchemy as sa

from schemas.bodies import ReferralAmended
from servicekit.ids import uuid7

from .conftest import Centre, Json, Office, numbers

CONTENT = "ใบเสร็จรับเงิน".encode()


def described() -> Json:
    return {
        "id": str(uuid7()),
        "filename": "ใบเสร็จ.pdf",
        "media_type": "application/pdf",
        "bytes": len(CONTENT),
        "sha256": hashlib.sha256(CONTENT).hexdigest(),
    }


def test_files_of_a_referral_are_wanted_and_read_when_they_are_here(
    office: Office, centre: Centre, case_of: Callable[[UUID], Json]
) -> None:
    """Those of the referral and of an amendment; the case is open all the while."""
    first, second = described(), described()
    referral = centre.refer(attachments=[first])
    centre.send(referral, ReferralAmended.model_validate({**numbers(), "attachments": [first, second]}))
    path = f"/cases/{case_of(referral)['id']}/referral/attachments"
    listed = office.done("GET", path)["items"]
    assert [first["id"], second["id"]] == [it["id"] for it in listed]
    assert [None, None] == [it["fetched_at"] for it in listed]
    assert (404, "attachment-not-found") == office.refused("GET", f"{path}/{first['id']}")
    with office.app.state.sessions.begin() as session:
        session.execute(
            sa.text("UPDATE exchange_attachments SET content = :content, fetched_at = now() WHERE id = :id"),
            {"content": CONTENT, "id": first["id"]},
        )
    answer = office.ask("GET", f"{path}/{first['id']}")
    assert (200, CONTENT, "nosniff") == (answer.status_code, answer.content, answer.headers["x-content-type-options"])
    assert "attachment; filename*=UTF-8''%E0%B9%83" in answer.headers["content-disposition"]


def test_a_case_of_our_own_has_no_referral_and_no_such_files(office: Office) -> None:
    """Its list is empty."""
    case = office.record()
    assert [] == office.done("GET", f"/cases/{case['id']}/referral/attachments")["items"]
    assert (404, "attachment-not-found") == office.refused("GET", f"/cases/{case['id']}/referral/attachments/{uuid7()}")
