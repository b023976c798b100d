"""What the Centre's own messages do when it was restored, and its peer gives them back."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import orjson
import pytest

from center1111.recalling import recalled
from exchange import Effects
from exchange.canonical import canonical, digest_of
from exchange.inbox import apply_again_to
from exchange.reconciling import recall_copy
from schemas import (
    Complainant,
    Corrections,
    Disposition,
    Message,
    Place,
    Receipt,
    ReceiptCopy,
    ReferralAmended,
    ReferralContested,
    ReferralWithdrawn,
    Wire,
    type_of,
)
from servicekit.ids import uuid7

from .conftest import AGENCY, Centre, Json, ok

NOW = datetime.now(UTC)


@pytest.fixture
def sent(busy_centre: Centre) -> Json:
    """A message by which the Centre had referred a complaint, which another Centre knows nothing of."""
    (message,) = busy_centre.owed(busy_centre.referred()["id"])
    return message


def recall(centre: Centre, message: Json) -> Any:  # noqa: ANN401  # a problem or nothing
    """Take a message back in, as a recovery does."""
    content = canonical(message)
    receipt = Receipt(
        id=UUID(message["id"]), disposition=Disposition.APPLIED, received_at=NOW, digest=digest_of(content)
    )
    with centre.session() as session, session.begin():
        assert recall_copy(session, "center1111", AGENCY, ReceiptCopy(message=message, receipt=receipt), NOW)
        return apply_again_to(
            session, content.decode(), "center1111", Effects(recalled(centre.app.state.deadlines)), NOW
        )


def following(sent: Json, sequence: int, body: Wire) -> Json:
    message = Message(
        id=uuid7(),
        source="center1111",
        type=type_of(body).name,
        subject=UUID(sent["subject"]),
        sequence=sequence,
        time=NOW,
        data=body.model_dump(mode="json"),
    )
    shown: Json = orjson.loads(message.model_dump_json(exclude_none=True))
    return shown


def numbers(sent: Json) -> Json:
    return {name: sent["data"][name] for name in ("referral_number", "tracking_number")}


def test_a_forgotten_complaint_is_recorded_again_with_its_referral(centre: Centre, sent: Json) -> None:
    """As far as it had been sent; and its number is given to no other."""
    assert recall(centre, sent) is None
    (complaint,) = ok(centre.as_("officer").get("/v1/complaints"))["items"]
    assert (sent["data"]["tracking_number"], "referred") == (complaint["tracking_number"], complaint["state"])
    referral = centre.referral(sent["subject"])
    assert (sent["data"]["referral_number"], AGENCY) == (referral["number"], referral["to"])
    assert sent["data"]["tracking_number"] < centre.registered()["tracking_number"]


def test_a_forgotten_withdrawal_takes_the_complaint_back(centre: Centre, sent: Json) -> None:
    """Nothing is owed to the agency again."""
    recall(centre, sent)
    assert recall(centre, following(sent, 2, ReferralWithdrawn(**numbers(sent), reason="ผู้ร้องขอถอน"))) is None
    assert "withdrawn" == centre.referral(sent["subject"])["state"]
    assert 2 == len(centre.owed(sent["subject"]))


def test_a_forgotten_correction_is_made_again(centre: Centre, sent: Json) -> None:
    """As far as the agency was told of it; who was taken back from the agency is still known here."""
    recall(centre, sent)
    corrections = Corrections(
        subject="แก้ไขหัวเรื่อง", place=Place(province="ตรัง"), complainant=Complainant(first_name="มาลี")
    )
    assert recall(centre, following(sent, 2, ReferralAmended(**numbers(sent), corrections=corrections))) is None
    taken_back = Corrections(complainant=Complainant())
    assert recall(centre, following(sent, 3, ReferralAmended(**numbers(sent), corrections=taken_back))) is None
    (line,) = ok(centre.as_("officer").get("/v1/complaints", params={"q": "แก้ไขหัวเรื่อง"}))["items"]
    complaint = centre.complaint(line["id"])
    assert ("แก้ไขหัวเรื่อง", "ตรัง", "มาลี") == (
        complaint["subject"],
        complaint["place"]["province"],
        complaint["complainant"]["first_name"],
    )
    assert [2, 3] == [message["sequence"] for message in centre.owed(sent["subject"])[1:]]


def test_a_message_that_cannot_follow_yet_is_told(centre: Centre, sent: Json) -> None:
    """An answer that is contested must be on record first: it is tried again when that is."""
    recall(centre, sent)
    problem = recall(centre, following(sent, 2, ReferralContested(**numbers(sent), reason="ยังไม่ได้รับเงิน")))
    assert problem is not None
