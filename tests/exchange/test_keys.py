"""Keys: read, published, fetched seldom, and kept while a peer is away."""

import stat
from pathlib import Path

import orjson
import pytest
from joserfc.jwk import KeySet, OKPKey
from starlette.types import Receive, Scope, Send

from exchange.keys import (
    FRESH_SECONDS,
    KEPT_SECONDS,
    RETRY_SECONDS,
    KeysError,
    OwnKeys,
    PeerKeys,
    generate_keys,
    write_keys,
)

from .conftest import Fault, answering, free_socket, served


def test_keys_are_written_for_their_owner_alone(tmp_path: Path) -> None:
    """The file can be read back, and by nobody else."""
    path = tmp_path / "keys.json"
    jwks = generate_keys()
    write_keys(path, jwks)
    write_keys(path, jwks)
    assert 0o600 == stat.S_IMODE(path.stat().st_mode)
    assert jwks["keys"][0]["kid"] == OwnKeys.read(path).key_id


def test_the_first_key_signs_and_all_are_published() -> None:
    """So a new key is known to peers before it signs."""
    old, new = generate_keys()["keys"][0], generate_keys()["keys"][0]
    keys = OwnKeys({"keys": [old, new]})
    assert old["kid"] == keys.key_id
    assert [old["kid"], new["kid"]] == [key["kid"] for key in keys.published["keys"]]
    assert all("d" not in key for key in keys.published["keys"])


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{}",
        b"[]",
        b'{"keys": []}',
        b'{"keys": [{"kty": "OKP"}]}',
        orjson.dumps(KeySet([OKPKey.generate_key("Ed25519")]).as_dict(private=False)),
        orjson.dumps(KeySet([OKPKey.generate_key("X25519")]).as_dict(private=True)),
    ],
)
def test_a_file_without_usable_keys_is_named(tmp_path: Path, content: bytes) -> None:
    """The operator reads which file is wrong."""
    path = tmp_path / "keys.json"
    path.write_bytes(content)
    with pytest.raises(KeysError, match=r"keys\.json"):
        OwnKeys.read(path)


class Published:
    """A peer's well-known address that counts how often it is asked."""

    def __init__(self, *answers: Fault) -> None:
        self.answers = list(answers)
        self.asked = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Give the next answer, the last one again and again."""
        self.asked += 1
        await self.answers[min(self.asked, len(self.answers)) - 1](scope, receive, send, self)


def test_a_peers_keys_are_fetched_seldom_and_kept_while_it_is_away() -> None:
    """Unknown key ids cause few questions; a peer that is down keeps its known keys for a day."""
    jwks = generate_keys()
    key_id = jwks["keys"][0]["kid"]
    now = 1000.0
    app = Published(answering(200, orjson.dumps(OwnKeys(jwks).published)), answering(500))
    listener = free_socket()
    keys = PeerKeys({"chumchon": f"http://127.0.0.1:{listener.getsockname()[1]}"}, {}, clock=lambda: now)
    with served(app, listener):
        assert (True, True) == (keys.stale(), keys.uncertain())
        assert keys.key("chumchon", key_id) is not None
        assert (False, False) == (keys.stale(), keys.uncertain())
        for _ in range(50):
            assert keys.key("chumchon", "unknown") is None
        assert 1 == app.asked
        now += FRESH_SECONDS
        assert keys.stale()
        assert keys.key("chumchon", key_id) is not None
        assert (2, True) == (app.asked, keys.uncertain())
        now += KEPT_SECONDS
        assert keys.key("chumchon", key_id) is None
    keys.close()


def test_a_peer_that_did_not_answer_is_asked_again_soon_then_ever_less() -> None:
    """One lost request must not leave a service that has just started deaf, nor is a peer that is down pestered."""
    jwks = generate_keys()
    key_id = jwks["keys"][0]["kid"]
    now = 1000.0
    app = Published(*(answering(500) for _ in range(8)), answering(200, orjson.dumps(OwnKeys(jwks).published)))
    listener = free_socket()
    keys = PeerKeys({"chumchon": f"http://127.0.0.1:{listener.getsockname()[1]}"}, {}, clock=lambda: now)
    asked_after = []
    with served(app, listener):
        while keys.key("chumchon", key_id) is None:
            asked, since = app.asked, now
            while app.asked == asked:
                now += 0.5
                keys.refresh()
            asked_after.append(now - since)
    keys.close()
    assert [1, 2, 4, 8, RETRY_SECONDS, RETRY_SECONDS, RETRY_SECONDS, RETRY_SECONDS] == asked_after


@pytest.mark.parametrize(
    "body", [b"x" * 100_000, b"{}", b"\xff", b'{"keys": 1}'], ids=["long", "empty", "bytes", "odd"]
)
def test_nonsense_instead_of_keys_is_no_key(body: bytes) -> None:
    """Whatever a peer publishes: it costs no more than its own messages."""
    listener = free_socket()
    keys = PeerKeys({"chumchon": f"http://127.0.0.1:{listener.getsockname()[1]}"}, {})
    with served(Published(answering(200, body)), listener):
        assert keys.key("chumchon", "any") is None
    keys.close()
