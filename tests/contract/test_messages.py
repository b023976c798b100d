"""What each side really sends is what the schemas promise, and what the other side really takes.

Both services run inside this process; a carrier stands in place of relays and network.
"""

from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import httpx2
import orjson
import psycopg
import pytest
from fastapi import FastAPI
from psycopg.rows import dict_row
from starlette.testclient import TestClient

import center1111.app
import center1111.settings
import chumchon.app
import chumchon.settings
from devstack.demo.people import Centre, Json, Office
from devstack.stack import mint_tokens, our_services
from devstack.testing.acting import answer, complaint_by, refer
from devstack.testing.databases import templates
from exchange import OwnKeys, generate_keys, write_keys
from exchange.canonical import canonical
from exchange.parties import MESSAGES_PATH
from exchange.signing import sign_request
from schemas import TYPES, VOID, Message, PartyKind, sample, sent_by
from servicekit import development_issuer
from servicekit.ids import uuid7
from servicekit.testing import Databases


def about_referrals(party: PartyKind) -> list[str]:
    """The types about referrals that such a party sends; a tombstone says nothing of its own."""
    return [kind.name for kind in sent_by(party) if kind.name.startswith("referral.") and kind.name != VOID]


FROM_CENTRE = about_referrals(PartyKind.CENTRE)
FROM_OFFICE = about_referrals(PartyKind.OFFICE)

URLS = {"center1111": "http://centre.example", "chumchon": "http://office.example"}


@dataclass
class Side:
    """One service: its HTTP client, its database, its keys, and which of its messages were carried already."""

    party: str
    http: TestClient
    database: str
    keys: OwnKeys
    carried: set[Any] = field(default_factory=set)

    def owed(self) -> list[Json]:
        """The messages that wait to be carried, in their order."""
        with psycopg.connect(self.database, row_factory=dict_row) as connection:
            rows = connection.execute("SELECT * FROM exchange_outbox ORDER BY subject, sequence").fetchall()
        return [row for row in rows if row["id"] not in self.carried]


@dataclass
class Both:
    """Both sides, and the people who work there."""

    centre_side: Side
    office_side: Side
    centre: Centre
    office: Office

    def carry_to_the_office(self) -> list[Json]:
        """Bring what the Centre owes to the Office; the messages, which the Office has applied."""
        return carry(self.centre_side, self.office_side)

    def carry_to_the_centre(self) -> list[Json]:
        """Bring what the Office owes to the Centre; the messages, which the Centre has applied."""
        return carry(self.office_side, self.centre_side)


def carry(sender: Side, receiver: Side) -> list[Json]:
    """Send what is owed in one signed batch to the real inbox; the messages as they travelled."""
    rows = sender.owed()
    messages = [orjson.loads(row["content"]) for row in rows]
    receipts = deliver(sender, receiver, messages)
    assert [(receipt["disposition"], receipt.get("problem")) for receipt in receipts] == [("applied", None)] * len(rows)
    assert [receipt["digest"] for receipt in receipts] == [row["digest"] for row in rows]
    sender.carried.update(row["id"] for row in rows)
    return messages


def deliver(sender: Side, receiver: Side, messages: list[Json]) -> list[Json]:
    """Send messages in one request signed by the sender; the receipts."""
    request = httpx2.Request(
        "POST",
        URLS[receiver.party] + MESSAGES_PATH,
        content=orjson.dumps({"messages": messages}),
        headers={"Content-Type": "application/json"},
    )
    sign_request(request, sender.keys, created=datetime.now(UTC))
    answered = receiver.http.send(request).raise_for_status()
    receipts: list[Json] = answered.json()["receipts"]
    return receipts


@pytest.fixture(scope="module")
def both(databases: Databases, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Both]:
    """Both services without relays, knowing each other's keys; each test has referrals of its own."""
    migrated, tmp_path = templates(databases), tmp_path_factory.mktemp("both")
    issuer = tmp_path / "issuer.json"
    development_issuer.make_key_file(issuer)
    development_issuer.write_public_keys(issuer, tmp_path / "issuer.public.json")
    keys = {}
    for party in URLS:
        write_keys(tmp_path / f"{party}.json", generate_keys())
        keys[party] = OwnKeys.read(tmp_path / f"{party}.json")

    def settings_of(party: str, peer: str, database: str) -> dict[str, Any]:
        return {
            "database_url": database,
            "public_url": URLS[party],
            "environment": "development",
            "issuer": development_issuer.ISSUER,
            "issuer_jwks": str(tmp_path / "issuer.public.json"),
            "exchange_keys_file": tmp_path / f"{party}.json",
            "peers": {peer: {"url": URLS[peer], "jwks": keys[peer].published}},
            "relay_in_service": False,
        }

    with ExitStack() as exits:
        centre_database = exits.enter_context(migrated.centre.clone())
        office_database = exits.enter_context(migrated.office.clone())
        centre_app = center1111.app.create_app(
            center1111.settings.Settings(**settings_of("center1111", "chumchon", centre_database))
        )
        office_app = chumchon.app.create_app(
            chumchon.settings.Settings(**settings_of("chumchon", "center1111", office_database))
        )

        def client(party: str, app: FastAPI) -> TestClient:
            return exits.enter_context(TestClient(app, base_url=URLS[party]))

        centre_http, office_http = client("center1111", centre_app), client("chumchon", office_app)
        centre_service, office_service = our_services(0, 0)
        yield Both(
            Side("center1111", centre_http, centre_database, keys["center1111"]),
            Side("chumchon", office_http, office_database, keys["chumchon"]),
            Centre(URLS["center1111"], mint_tokens(issuer, centre_service), centre_http),
            Office(URLS["chumchon"], mint_tokens(issuer, office_service), office_http),
        )


def faults(sent: list[Json], party: PartyKind) -> list[str]:
    """What of these messages the schemas do not promise."""
    found = []
    for content in sent:
        message = Message.model_validate(content)
        kind = TYPES[message.type]
        body = kind.body.model_validate(message.data)
        if party not in kind.sent_by:
            found.append(f"{message.type} is not the {party}'s to send")
        found += [
            f"{message.type} has an unknown field {name}" for name in message.data.keys() - type(body).model_fields
        ]
    return found


def a_case(both: Both, subject: str = "ขอให้ตรวจสอบการทุจริตของกรรมการ") -> tuple[Json, Json]:
    """A referral that has arrived, and its case in a work group."""
    _, referral = refer(both.centre, complaint_by("letter", subject))
    both.carry_to_the_office()
    case = both.office.case_of(referral["id"])
    assert case is not None
    return referral, case


def is_applied(sender: Side, receiver: Side, message: Json) -> None:
    (receipt,) = deliver(sender, receiver, [message])
    assert (receipt["disposition"], receipt.get("problem")) == ("applied", None)


def test_a_whole_life_of_a_referral_speaks_the_contract(both: Both) -> None:
    """Every type that the two have handlers for is sent in some life, is valid, and is applied by the other side."""
    _, referral = refer(both.centre, complaint_by("hotline", "ขอให้ตรวจสอบการทุจริตของกรรมการ"))
    from_centre = both.carry_to_the_office()
    case = both.office.case_of(referral["id"])
    assert case is not None
    both.office.accept(case)
    both.office.report_progress(case, "คณะตรวจสอบลงพื้นที่แล้ว")
    both.office.ask_back(case, "ขอสำเนาใบเสร็จ")
    from_office = both.carry_to_the_centre()
    assert both.centre.referral(referral["id"])["state"] == "awaiting_complainant"
    both.centre.amend(referral["id"], "ผู้ร้องส่งใบเสร็จแล้ว")
    from_centre += both.carry_to_the_office()
    both.office.answer(case, "ราคาสูงเกินจริง")
    from_office += both.carry_to_the_centre()
    both.centre.contest(referral["id"], "ไม่ได้กล่าวถึงการคืนเงิน")
    from_centre += both.carry_to_the_office()
    assert both.office.case(case["id"])["state"] == "accepted"
    both.centre.withdraw(referral["id"], "ผู้ร้องพอใจแล้ว")
    from_centre += both.carry_to_the_office()
    assert both.office.case(case["id"])["state"] == "withdrawn"

    other_referral, other_case = a_case(both)
    both.office.hand_back(other_case, "not_ours", "ไม่ใช่โครงการชุมชนพอเพียง", "กรมส่งเสริมการปกครองท้องถิ่น")
    from_office += both.carry_to_the_centre()
    assert both.centre.referral(other_referral["id"])["state"] == "returned"

    assert faults(from_centre, PartyKind.CENTRE) == []
    assert faults(from_office, PartyKind.OFFICE) == []
    assert sorted({message["type"] for message in from_centre}) == sorted(FROM_CENTRE)
    assert sorted({message["type"] for message in from_office}) == sorted(FROM_OFFICE)


def test_messages_are_kept_as_canonical_json(both: Both) -> None:
    """What is in the outbox is what is signed for: the same bytes on either side (RFC 8785)."""
    refer(both.centre, complaint_by("website", "ขอทราบระเบียบ"))
    for row in both.centre_side.owed():
        assert row["content"] == canonical(orjson.loads(row["content"])).decode()


@pytest.mark.parametrize("confidential", [False, True])
def test_a_confidential_complaint_travels_without_its_complainant(both: Both, *, confidential: bool) -> None:
    """The Office learns who complained only if the complainant did not ask to be kept secret."""
    _, referral = refer(both.centre, complaint_by("letter", "ขอให้ตรวจสอบ") | {"confidential": confidential})
    (message,) = [it for it in both.carry_to_the_office() if it["subject"] == referral["id"]]
    assert message["data"]["confidential"] is confidential
    assert confidential == (message["data"]["complainant"] is None)


def sample_about(type_name: str, referral_id: str, *, sequence: int) -> Json:
    """The kept sample as a message of another referral: the same in everything that the receiver is told."""
    return sample(type_name) | {"id": str(uuid7()), "subject": referral_id, "sequence": sequence}


@pytest.mark.parametrize("type_name", FROM_CENTRE)
def test_the_office_takes_the_kept_sample(both: Both, type_name: str) -> None:
    """A partner that sends what the sample shows is understood by the Office."""
    referral_id = str(uuid7())
    if type_name != "referral.sent.v1":
        is_applied(both.centre_side, both.office_side, sample_about("referral.sent.v1", referral_id, sequence=1))
    if type_name == "referral.contested.v1":
        case = both.office.case_of(referral_id)
        assert case is not None
        answer(both.office, case, "ตรวจสอบแล้ว")
    sequence = 1 if type_name == "referral.sent.v1" else 2
    is_applied(both.centre_side, both.office_side, sample_about(type_name, referral_id, sequence=sequence))


@pytest.mark.parametrize("type_name", FROM_OFFICE)
def test_the_centre_takes_the_kept_sample(both: Both, type_name: str) -> None:
    """A partner that answers as the sample shows is understood by the Centre."""
    _, referral = refer(both.centre, complaint_by("letter", "ขอให้ตรวจสอบ"))
    is_applied(both.office_side, both.centre_side, sample_about(type_name, referral["id"], sequence=1))


def test_fields_of_a_newer_sender_are_passed_over(both: Both) -> None:
    """A later release may add fields to a type: today's reader does not stumble over them."""
    message = sample_about("referral.sent.v1", str(uuid7()), sequence=1)
    message["data"] |= {"mood": "hopeful", "place": message["data"]["place"] | {"plus_code": "7P52"}}
    is_applied(both.centre_side, both.office_side, message)
