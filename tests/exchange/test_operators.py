"""What operators see and decide, by API and by command line."""

import base64
import io
import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from http import HTTPStatus
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from fastapi.testclient import TestClient
from rich.console import Console
from typer.testing import CliRunner

from exchange import OwnKeys, generate_keys, write_keys
from exchange.cli import Desk, exchange_commands
from exchange.keys import KeysError, add_key, drop_first_key
from servicekit.clock import utc_now

from .conftest import Clock, Party, Wire, answering

Run = Callable[..., tuple[int, str]]


@pytest.fixture
def api(centre: Party) -> TestClient:
    return TestClient(centre.app)


@pytest.fixture
def office_api(office: Party) -> TestClient:
    return TestClient(office.app)


@pytest.fixture
def run(centre: Party, tmp_path: Path) -> Run:
    """Runs a command of the Centre's; its exit code and what it says."""
    return commands_of(centre, tmp_path / "keys.json")


def commands_of(party: Party, keys: Path) -> Run:
    @contextmanager
    def desk() -> Iterator[Desk]:
        yield Desk(party.exchange, party.sessions, party.effects, keys)

    def run(*arguments: object) -> tuple[int, str]:
        said = io.StringIO()
        app = exchange_commands(desk, console=Console(file=said, width=400))
        result = CliRunner().invoke(app, [str(one) for one in arguments])
        return result.exit_code, said.getvalue()

    return run


def dead(centre: Party, wire: Wire, clock: Clock) -> UUID:
    """The id of a message whose delivery was given up."""
    _, message = centre.owes("ก", now=clock())
    wire.faults = [answering(413)]
    centre.relay(clock, batch_messages=1).round(centre.peer())
    return message


def quarantined(centre: Party) -> UUID:
    """The id of a message that the Office refuses."""
    _, message = centre.owes("refuse")
    centre.relay().round(centre.peer())
    return message


def only(page: Any) -> Any:  # noqa: ANN401  # JSON
    (item,) = page["items"]
    return item


@pytest.mark.usefixtures("office")
def test_a_dead_message_is_seen_with_its_reason_and_sent_again(
    centre: Party, wire: Wire, clock: Clock, api: TestClient
) -> None:
    """The reason is in plain words, in both languages; the decision is kept with who and why."""
    message = dead(centre, wire, clock)
    shown = only(api.get("/v1/exchange/outbox", params={"state": "dead,queued", "peer": "chumchon"}).json())
    assert (str(message), "dead", "too large for the peer, even alone") == (
        shown["id"],
        shown["state"],
        shown["last_problem"],
    )
    assert "no longer tried" in shown["reason"]["en"]
    assert "หยุดพยายามแล้ว" in shown["reason"]["th"]
    assert "content" not in shown
    answer = api.post(f"/v1/exchange/outbox/{message}/redelivery", json={"reason": "ผู้รับแก้ไขแล้ว"})
    assert (HTTPStatus.OK, "queued") == (answer.status_code, answer.json()["state"])
    decision = only(api.get("/v1/exchange/decisions").json())
    assert ("นิดา", "redeliver", str(message), "ผู้รับแก้ไขแล้ว") == (
        decision["decided_by"],
        decision["action"],
        decision["message_id"],
        decision["reason"],
    )
    again = api.post(f"/v1/exchange/outbox/{message}/redelivery", json={})
    assert (HTTPStatus.NOT_FOUND, "/problems/exchange-message-not-found") == (again.status_code, again.json()["type"])


@pytest.mark.usefixtures("office")
def test_all_dead_messages_of_a_peer_are_sent_again(centre: Party, wire: Wire, clock: Clock, api: TestClient) -> None:
    """One word for all; another peer's are left alone, and an unknown peer is told."""
    dead(centre, wire, clock)
    assert {"messages": 1} == api.post("/v1/exchange/peers/chumchon/redelivery", json={}).json()
    assert {"messages": 0} == api.post("/v1/exchange/peers/chumchon/redelivery", json={}).json()
    assert HTTPStatus.NOT_FOUND == api.post("/v1/exchange/peers/chumchom/redelivery", json={}).status_code


@pytest.mark.usefixtures("office")
def test_a_dead_message_is_given_up_with_a_reason(centre: Party, wire: Wire, clock: Clock, api: TestClient) -> None:
    """Without a reason it is not; the tombstone is named."""
    message = dead(centre, wire, clock)
    path = f"/v1/exchange/outbox/{message}/tombstone"
    assert HTTPStatus.BAD_REQUEST == api.post(path, json={"reason": " "}).status_code
    answer = api.post(path, json={"reason": "ส่งทางไปรษณีย์แล้ว"})
    assert HTTPStatus.CREATED == answer.status_code
    tombstone = api.get(f"/v1/exchange/outbox/{answer.json()['tombstone']}").json()
    assert ("referral.void.v1", "queued") == (tombstone["type"], tombstone["state"])


def test_a_quarantined_message_is_tried_again_and_set_aside(
    centre: Party, office: Party, api: TestClient, office_api: TestClient
) -> None:
    """Both sides see why it stands there; the reason for setting it aside stays with it."""
    message = quarantined(centre)
    assert "รับไม่ได้ในสถานะนี้" in api.get(f"/v1/exchange/outbox/{message}").json()["reason"]["th"]
    shown = only(office_api.get("/v1/exchange/inbox", params={"state": "quarantined"}).json())
    assert "Not in this state. Ask กสป." == shown["reason"]["en"]
    path = f"/v1/exchange/inbox/center1111/{message}"
    tried = office_api.post(f"{path}/application", json={"reason": "ลองใหม่"}).json()
    assert ("quarantined", "/problems/not-acceptable") == (tried["state"], tried["problem"]["type"])
    aside = office_api.post(f"{path}/dismissal", json={"reason": "ส่งซ้ำ"}).json()
    assert ("dismissed", "ส่งซ้ำ") == (aside["state"], aside["note"])
    assert ["dismiss", "apply_again"] == [
        it["action"] for it in office_api.get("/v1/exchange/decisions").json()["items"]
    ]
    assert [] == office.said()


def test_a_held_message_says_what_it_waits_for(centre: Party, office: Party, office_api: TestClient) -> None:
    """The sequence that is missing."""
    subject, first = centre.owes("ก")
    centre.owes("ข", subject=subject)
    centre.sql("UPDATE exchange_outbox SET state = 'void', settled_at = now() WHERE id = :id", id=first)
    centre.relay().round(centre.peer())
    shown = only(office_api.get("/v1/exchange/inbox", params={"state": "held"}).json())
    assert "It waits for sequence 1 of its subject, and is applied when that comes." == shown["reason"]["en"]
    assert [] == office.said()


@pytest.mark.usefixtures("office")
def test_a_receipt_is_shown_with_its_proof(centre: Party, office: Party, api: TestClient) -> None:
    """Anyone with the peer's public key can check it again."""
    _, message = centre.owes()
    assert HTTPStatus.NOT_FOUND == api.get(f"/v1/exchange/outbox/{message}/receipt").status_code
    centre.relay().round(centre.peer())
    proof = api.get(f"/v1/exchange/outbox/{message}/receipt").json()
    assert str(message) in proof["content"]
    signature = base64.b64decode(proof["signature"].partition(":")[2].removesuffix(":"))
    key: Ed25519PublicKey = office.exchange.keys.private_key.public_key()
    key.verify(signature, proof["signature_base"].encode("ascii"))


@pytest.mark.usefixtures("office")
def test_a_peer_is_paused_and_resumed(centre: Party, api: TestClient) -> None:
    """While it is paused the backlog grows, and the status says why."""
    centre.owes()
    centre.relay().round(centre.peer())
    paused = api.post("/v1/exchange/peers/chumchon/pause", json={"reason": "ซ่อมบำรุง"}).json()
    assert ("operator", "ซ่อมบำรุง") == (paused["pause"], paused["pause_reason"])
    centre.owes()
    centre.relay().round(centre.peer())
    assert ["delivered", "queued"] == centre.states()
    resumed = api.post("/v1/exchange/peers/chumchon/resumption", json={}).json()
    assert (None, 1) == (resumed["pause"], resumed["backlog"])


def test_lists_page_and_refuse_what_they_do_not_know(centre: Party, api: TestClient) -> None:
    """By keyset, newest first; a misspelt state is a clear 400."""
    ids = [str(centre.owes()[1]) for _ in range(5)]
    first = api.get("/v1/exchange/outbox", params={"limit": 3}).json()
    second = api.get("/v1/exchange/outbox", params={"limit": 3, "cursor": first["next"]}).json()
    assert ids[::-1] == [it["id"] for it in (*first["items"], *second["items"])]
    assert second["next"] is None
    for wrong in ({"state": "deed"}, {"peeer": "x"}, {"subject": "1"}):
        assert HTTPStatus.BAD_REQUEST == api.get("/v1/exchange/outbox", params=wrong).status_code
    assert HTTPStatus.NOT_FOUND == api.get(f"/v1/exchange/outbox/{uuid4()}").status_code
    assert HTTPStatus.NOT_FOUND == api.get(f"/v1/exchange/inbox/chumchon/{uuid4()}").status_code


@pytest.mark.usefixtures("office")
def test_the_commands_show_and_decide(centre: Party, wire: Wire, clock: Clock, run: Run) -> None:
    """The same as by API, on the database itself."""
    assert (0, "Peers: none\n") == run("status")
    message = dead(centre, wire, clock)
    code, said = run("outbox", "--state", "dead")
    assert 0 == code
    assert str(message) in said
    assert "too large for the peer" in said
    assert re.search(r"chumchon(.|\n)*dead +│ 1 ", run("status")[1])
    assert (0, "It is sent again.\n") == run("redeliver", message, "--reason", "แก้แล้ว")
    assert (0, "Nothing is sent to chumchon any more.\n") == run("pause", "chumchon", "--reason", "ซ่อม")
    assert (0, "chumchon is sent to again.\n") == run("resume", "chumchon")
    assert (0, "0 messages are sent again.\n") == run("redeliver-all", "chumchon")
    assert "redeliver" in run("decisions")[1]
    assert (1, "There is no such message in that state. Look at the present list of messages.\n") == run(
        "give-up", message, "--reason", "ก"
    )
    centre.relay().round(centre.peer())
    assert "signature_base" in run("receipt", message)[1]
    assert (0, "Alarms: none\n") == run("alarms")


def test_the_commands_decide_about_what_was_received(centre: Party, office: Party, tmp_path: Path) -> None:
    """Apply again, which may fail again, and dismiss."""
    message = quarantined(centre)
    run = commands_of(office, tmp_path / "keys.json")
    assert str(message) in run("inbox", "--state", "quarantined")[1]
    assert (1, "Still not: Not in this state. Ask กสป.\n") == run(
        "apply-again", "center1111", message, "--reason", "ลองใหม่"
    )
    assert (0, "It is set aside.\n") == run("dismiss", "center1111", message, "--reason", "ส่งซ้ำ")


@pytest.mark.usefixtures("office")
def test_the_commands_compare_ledgers(centre: Party, run: Run) -> None:
    """An equal ledger ends with 0; a peer that does not answer, or a misspelt one, with 1."""
    centre.owes(now=utc_now())
    centre.relay().round(centre.peer())
    code, said = run("reconcile", "chumchon")
    assert (0, True) == (code, "equal" in said)
    assert 1 == run("recover", "chumchom")[0]


def test_keys_are_rotated_with_overlap(tmp_path: Path, run: Run) -> None:
    """The new key is published before it signs, and the old one goes only when peers had time to learn the new."""
    path = tmp_path / "keys.json"
    write_keys(path, generate_keys())
    old = OwnKeys.read(path)
    code, said = run("rotate-keys")
    both = OwnKeys.read(path)
    assert (0, old.key_id, 2) == (code, both.key_id, len(both.published["keys"]))
    assert "Restart the service" in said
    assert 1 == run("rotate-keys")[0]
    assert "too new" in run("rotate-keys", "--finish")[1]
    earlier = utc_now().timestamp() - 3600
    os.utime(path, (earlier, earlier))
    assert 0 == run("rotate-keys", "--finish")[0]
    new = OwnKeys.read(path)
    assert [both.published["keys"][1]] == new.published["keys"]
    assert 1 == run("rotate-keys", "--finish")[0]
    assert 0o600 == path.stat().st_mode & 0o777


def test_a_rotation_needs_its_order(tmp_path: Path) -> None:
    """There is always exactly one key to begin with, and one to end with."""
    path = tmp_path / "keys.json"
    write_keys(path, generate_keys())
    with pytest.raises(KeysError, match="no second key"):
        drop_first_key(path, now=datetime(2030, 1, 1, tzinfo=UTC))
    added = add_key(path)
    assert added == drop_first_key(path, now=datetime(2030, 1, 1, tzinfo=UTC))
    assert added == OwnKeys.read(path).key_id
