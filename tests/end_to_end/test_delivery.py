"""What may happen to a request on its way: an answer that never arrives, repeats, disorder, forgery."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from http import HTTPStatus

import httpx2
import psycopg
import pytest
from prometheus_client import CollectorRegistry

from devstack.demo.people import Json
from devstack.testing.acting import complaint_by, refer
from devstack.testing.line import Line
from devstack.testing.pair import Pair
from devstack.testing.processes import Process
from exchange import Exchange, ExchangeMetrics, OwnKeys, Peer, Relay, generate_keys
from exchange.delivering import Courier
from exchange.parties import MESSAGES_PATH
from exchange.relay import Round
from exchange.signing import sign_request
from servicekit.database import make_engine, make_sessions


@pytest.fixture
def relay(pair_by_line: Pair) -> Iterator[Process]:
    """The Centre's relay as a process of its own: not started yet, killed at the end."""
    yield pair_by_line.centre_relay
    pair_by_line.centre_relay.kill()


@pytest.fixture
def line(pair_by_line: Pair) -> Iterator[Line]:
    assert pair_by_line.line is not None
    yield pair_by_line.line
    pair_by_line.line.release()


def post(line: Line, body: bytes, headers: dict[str, str]) -> httpx2.Response:
    return httpx2.post(line.url + MESSAGES_PATH, content=body, headers=headers, trust_env=False)


def signed(line: Line, body: bytes, keys: OwnKeys, *, created: datetime) -> dict[str, str]:
    """The headers of a batch for the Office, signed with `keys`."""
    headers = {"Content-Type": "application/json"}
    request = httpx2.Request("POST", line.url + MESSAGES_PATH, content=body, headers=headers)
    sign_request(request, keys, created=created)
    return {name: value for name, value in request.headers.items() if name not in {"content-length", "host"}}


def deliver(pair: Pair, line: Line, *owed: Json) -> list[str]:
    """Send rows of the Centre's outbox as the Centre would, in one batch; the receipts' dispositions."""
    body = b'{"messages":[' + ",".join(row["content"] for row in owed).encode() + b"]}"
    headers = signed(line, body, OwnKeys.read(pair.centre_keys), created=datetime.now(UTC))
    answer = post(line, body, headers).raise_for_status()
    return [receipt["disposition"] for receipt in answer.json()["receipts"]]


def owed_about(pair: Pair, referral: Json) -> list[Json]:
    return [row for row in pair.outbox("centre") if str(row["subject"]) == referral["id"]]


def cases_of(pair: Pair, referral: Json) -> list[Json]:
    return list(pair.office.items("registrar", "/v1/cases", referral=referral["id"]))


def send_what_is_owed(pair: Pair, line: Line) -> None:
    """Do a relay's work for the Centre here, until nothing is due: quicker than to start a process for it."""
    engine = make_engine(pair.centre_database, pool_size=1)
    office = Peer("chumchon", line.url)
    keys = OwnKeys.read(pair.centre_keys)
    exchange = Exchange.between("center1111", "http://centre.example", keys, [office])
    courier = Courier(exchange, timeout_seconds=9)
    relay = Relay(exchange, make_sessions(engine), ExchangeMetrics(CollectorRegistry()), courier=courier)
    try:
        while relay.round(office) is not Round.IDLE:
            pass
    finally:
        courier.close()
        exchange.close()
        engine.dispose()


def end_leases(pair: Pair) -> None:
    """Let the time pass that a killed relay's claim would still hold."""
    with psycopg.connect(pair.centre_database) as connection:
        connection.execute("UPDATE exchange_outbox SET leased_until = now() WHERE lease IS NOT NULL")


def test_a_relay_killed_before_it_recorded_the_receipts_doubles_nothing(
    pair_by_line: Pair, line: Line, relay: Process
) -> None:
    """The Office has the message and the Centre does not know: the next relay sends it again, and it opens no case."""
    pair = pair_by_line
    line.hold_answers()
    relay.start()
    _, referral = refer(pair.centre, complaint_by("hotline", "ขอให้ตรวจสอบการทุจริต"))
    assert line.answered.wait(timeout=30)
    relay.kill()
    line.release()
    assert [row["state"] for row in owed_about(pair, referral)] == ["queued"]
    assert len(cases_of(pair, referral)) == 1
    end_leases(pair)
    send_what_is_owed(pair, line)
    assert pair.exchange_faults() == []
    assert [row["disposition"] for row in owed_about(pair, referral)] == ["duplicate"]
    assert len(cases_of(pair, referral)) == 1


def test_the_same_batch_twice_is_applied_once(pair_by_line: Pair, line: Line) -> None:
    """The very same signed request, sent again by somebody, changes nothing."""
    pair = pair_by_line
    _, referral = refer(pair.centre, complaint_by("letter", "ขอแบบฟอร์มโครงการ"))
    send_what_is_owed(pair, line)
    batch = next(sent for sent in reversed(line.batches) if referral["id"].encode() in sent.body)
    before = pair.inbox("office")
    receipts = post(line, batch.body, dict(batch.headers)).raise_for_status().json()["receipts"]
    assert {"duplicate"} == {receipt["disposition"] for receipt in receipts}
    assert before == pair.inbox("office")
    assert len(cases_of(pair, referral)) == 1
    assert pair.exchange_faults() == []


def test_messages_in_reverse_order_are_applied_in_order(pair_by_line: Pair, line: Line) -> None:
    """A withdrawal that comes before its referral is held, and applied as soon as the referral has come."""
    pair = pair_by_line
    _, referral = refer(pair.centre, complaint_by("website", "ขอหลักสูตรการฝึกอบรม"))
    pair.centre.withdraw(referral["id"], "ผู้ร้องขอถอนเรื่อง")
    sent, withdrawn = owed_about(pair, referral)
    assert deliver(pair, line, withdrawn) == ["held"]
    assert cases_of(pair, referral) == []
    assert deliver(pair, line, sent) == ["applied"]
    assert [case["state"] for case in cases_of(pair, referral)] == ["withdrawn"]
    send_what_is_owed(pair, line)
    assert pair.exchange_faults() == []
    assert [row["disposition"] for row in owed_about(pair, referral)] == ["duplicate", "duplicate"]


def test_altered_forged_and_stale_requests_are_refused_and_change_nothing(pair_by_line: Pair, line: Line) -> None:
    """401 for a body that was changed on its way, for a stranger's key, for an old signature, and for none."""
    pair = pair_by_line
    _, referral = refer(pair.centre, complaint_by("walk_in", "ขอทราบระเบียบ"))
    (owed,) = owed_about(pair, referral)
    body = b'{"messages":[' + owed["content"].encode() + b"]}"
    now = datetime.now(UTC)
    keys = OwnKeys.read(pair.centre_keys)
    altered = body.replace("ขอทราบระเบียบ".encode(), "ขอเงินหนึ่งล้าน".encode())
    assert body != altered
    before = pair.inbox("office")
    refused = [
        post(line, altered, signed(line, body, keys, created=now)),
        post(line, body, signed(line, body, OwnKeys(generate_keys()), created=now)),
        post(line, body, signed(line, body, keys, created=now - timedelta(minutes=6))),
        post(line, body, {"Content-Type": "application/json"}),
    ]
    assert [answer.status_code for answer in refused] == [HTTPStatus.UNAUTHORIZED] * 4
    assert {"application/problem+json"} == {answer.headers["Content-Type"] for answer in refused}
    assert before == pair.inbox("office")
    assert cases_of(pair, referral) == []
    send_what_is_owed(pair, line)
    assert pair.exchange_faults() == []
    assert len(cases_of(pair, referral)) == 1


def test_two_relays_at_once_send_everything_once(pair_by_line: Pair, line: Line) -> None:
    """A second relay beside the first shares the work: each message goes out exactly once."""
    pair = pair_by_line
    batches_before = len(line.batches)
    referred = [refer(pair.centre, complaint_by("hotline", f"ขอข้อมูลเรื่องที่ {n}"))[1] for n in range(10)]
    with ThreadPoolExecutor() as relays:
        for done in [relays.submit(send_what_is_owed, pair, line) for _ in range(2)]:
            done.result()
    assert pair.exchange_faults() == []
    sent = b"".join(batch.body for batch in line.batches[batches_before:])
    assert [sent.count(f'"subject":"{referral["id"]}"'.encode()) for referral in referred] == [1] * 10
    assert {"delivered"} == {pair.centre.referral(referral["id"])["state"] for referral in referred}
