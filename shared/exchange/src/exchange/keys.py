"""Ed25519 keys as JWK Sets: this party's own, and those of its peers."""

import math
import os
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple, cast

import httpx2
import orjson
import structlog
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from joserfc.errors import JoseError
from joserfc.jwk import KeySet, OKPKey

from exchange.trust import trusted
from servicekit.backoff import ceiling_seconds
from servicekit.problems import describe

JWKS_PATH = "/.well-known/jwks.json"
FRESH_SECONDS = 300.0
"""Fetched keys are fetched anew after this time, so that a key that was taken back is soon refused."""

KEPT_SECONDS = 24 * 3600.0
"""While a peer does not answer, its keys are used for so long: its relay may work while its service is down."""

LEARNT_AFTER_SECONDS = 2 * FRESH_SECONDS
"""Peers know a new key by then, those included that had fetched ours just before."""

RETRY_SECONDS = 15.0
"""A peer's keys are asked for at most this often, whatever key ids strangers send."""

_FIRST_RETRY_SECONDS = 1.0
"""After a first failure they are asked for this soon, then after twice as long each time, up to the above."""

_FETCH_SECONDS = 5.0
_FETCH_BYTES = 64 * 1024

log = structlog.get_logger(__name__)

Jwks = Mapping[str, Any]


class KeysError(ValueError):
    """A JWK Set that cannot be used; the message says why."""


class OwnKeys:
    """This party's private keys. The first signs; all are published, so that peers learn the next one in time."""

    def __init__(self, jwks: Jwks) -> None:
        keys = _ed25519_keys(jwks)
        if not keys or not all(key.is_private for key in keys):
            raise KeysError("a JWK Set of private Ed25519 keys is needed, at least one")
        self.key_id: str = _id(keys[0])
        self.private_key = cast("Ed25519PrivateKey", keys[0].private_key)
        self.published: Jwks = {
            "keys": [{**key.as_dict(private=False), "kid": _id(key), "use": "sig", "alg": "EdDSA"} for key in keys]
        }

    @classmethod
    def read(cls, path: Path) -> "OwnKeys":
        """The keys of a file.

        Raises:
            KeysError: it holds no JWK Set of private Ed25519 keys.
            OSError: it cannot be read.
        """
        try:
            return cls(orjson.loads(path.read_bytes()))
        except (KeysError, orjson.JSONDecodeError) as error:
            raise KeysError(f"{path}: {error}") from None


def generate_keys() -> Jwks:
    """A new JWK Set with one private key, for a party that has none."""
    key = OKPKey.generate_key("Ed25519")
    key.ensure_kid()
    return KeySet([key]).as_dict(private=True)


def write_keys(path: Path, jwks: Jwks) -> None:
    """Write private keys to a file that only its owner may read, at once or not at all."""
    unfinished = path.with_name(path.name + ".unfinished")
    unfinished.unlink(missing_ok=True)
    with os.fdopen(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(orjson.dumps(jwks, option=orjson.OPT_INDENT_2))
    unfinished.replace(path)


def add_key(path: Path) -> str:
    """Begin a rotation: add a second key to the file, which is published but does not sign yet; its id.

    Raises:
        KeysError: the file has a second key already, or holds no keys.
        OSError: it cannot be read or written.
    """
    OwnKeys.read(path)
    keys = orjson.loads(path.read_bytes())["keys"]
    if len(keys) > 1:
        raise KeysError("There is a second key already: finish that rotation first.")
    new = generate_keys()["keys"]
    write_keys(path, {"keys": [*keys, *new]})
    return OwnKeys({"keys": new}).key_id


def drop_first_key(path: Path, *, now: datetime) -> str:
    """Finish a rotation: the second key signs, the first is gone; the id of the one that signs now.

    Raises:
        KeysError: there is no second key, or peers had no time yet to learn it.
        OSError: the file cannot be read or written.
    """
    OwnKeys.read(path)
    keys = orjson.loads(path.read_bytes())["keys"]
    if len(keys) == 1:
        raise KeysError("There is no second key: begin a rotation first.")
    age_seconds = now.timestamp() - path.stat().st_mtime
    if age_seconds < LEARNT_AFTER_SECONDS:
        raise KeysError(
            f"The second key is too new: peers learn it within {LEARNT_AFTER_SECONDS / 60:.0f} minutes of the service's"
            f" restart. Try again in {math.ceil((LEARNT_AFTER_SECONDS - age_seconds) / 60)} minutes."
        )
    write_keys(path, {"keys": keys[1:]})
    return OwnKeys({"keys": keys[1:]}).key_id


PublicKeys = Mapping[str, Ed25519PublicKey]


def public_keys(jwks: Jwks) -> PublicKeys:
    """The Ed25519 keys of a JWK Set by key id; keys of other kinds are left out.

    Raises:
        KeysError: it is no JWK Set.
    """
    return {_id(key): cast("Ed25519PublicKey", key.public_key) for key in _ed25519_keys(jwks)}


class _Known(NamedTuple):
    """What is known of a peer's keys. `failures`: how often in a row it did not answer; None until it is asked."""

    keys: PublicKeys = MappingProxyType({})
    ask_again_at: float = -math.inf
    fetched_at: float = -math.inf
    failures: int | None = None


class PeerKeys:
    """The public keys of the peers: pinned by configuration, or from their `/.well-known/jwks.json`.

    `refresh` and `key` may fetch and so block: call them from worker threads alone.
    """

    def __init__(
        self,
        urls: Mapping[str, str],
        pinned: Mapping[str, Jwks],
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`urls` are the base URLs of the peers whose keys are not `pinned`."""
        self._pinned = {code: public_keys(jwks) for code, jwks in pinned.items()}
        self._urls = urls
        self._clock = clock
        self._client = httpx2.Client(verify=trusted(), timeout=_FETCH_SECONDS)
        self._known = dict.fromkeys(urls, _Known())
        self._lock = threading.Lock()

    def holders(self, key_id: str) -> Sequence[tuple[str, Ed25519PublicKey]]:
        """The peers that have a key of this id, with the key, by what is known now. Never blocks."""
        now = self._clock()
        known = {code: it.keys for code, it in self._known.items() if now - it.fetched_at < KEPT_SECONDS}
        return [(code, keys[key_id]) for code, keys in {**self._pinned, **known}.items() if key_id in keys]

    def stale(self) -> bool:
        """Whether there are keys to be fetched anew."""
        now = self._clock()
        return any(now - it.fetched_at >= FRESH_SECONDS and now >= it.ask_again_at for it in self._known.values())

    def uncertain(self) -> bool:
        """Whether a peer did not answer when it was asked for its keys: then an unknown key may be its new one."""
        return any(it.failures != 0 for it in self._known.values())

    def refresh(self) -> None:
        """Fetch the keys of all peers that were not asked just now."""
        for code in self._urls:
            self._fetch(code)

    def key(self, peer: str, key_id: str) -> Ed25519PublicKey | None:
        """The peer's key of this id, fetched if need be; None when it has none, or does not answer."""
        if self.stale() or peer not in dict(self.holders(key_id)):
            self.refresh()
        return dict(self.holders(key_id)).get(peer)

    def close(self) -> None:
        """Close the connections to the peers."""
        self._client.close()

    def _fetch(self, peer: str) -> None:
        with self._lock:
            now = self._clock()
            before = self._known[peer]
            if now < before.ask_again_at:
                return
            self._known[peer] = before._replace(ask_again_at=now + RETRY_SECONDS)
        try:
            keys = self._fetched(self._urls[peer].rstrip("/") + JWKS_PATH)
        except (httpx2.HTTPError, orjson.JSONDecodeError, KeysError) as error:
            log.warning("peer's keys not fetched", peer=peer, **describe(error))
            failures = (before.failures or 0) + 1
            wait = ceiling_seconds(failures, first_seconds=_FIRST_RETRY_SECONDS, longest_seconds=RETRY_SECONDS)
            self._known[peer] = before._replace(ask_again_at=self._clock() + wait, failures=failures)
        else:
            self._known[peer] = _Known(keys, now + RETRY_SECONDS, fetched_at=now, failures=0)

    def _fetched(self, url: str) -> PublicKeys:
        content = b""
        with self._client.stream("GET", url) as response:
            response.raise_for_status()
            for part in response.iter_bytes():
                content += part
                if len(content) > _FETCH_BYTES:
                    raise KeysError("the JWK Set is too long")
        return public_keys(orjson.loads(content))


def _ed25519_keys(jwks: Jwks) -> list[OKPKey]:
    try:
        keys = KeySet.import_key_set({"keys": list(jwks["keys"])}).keys
    except (JoseError, KeyError, TypeError, ValueError) as error:
        raise KeysError(f"not a JWK Set ({type(error).__name__})") from None
    return [key for key in keys if isinstance(key, OKPKey) and key.curve_name == "Ed25519"]


def _id(key: OKPKey) -> str:
    return key.kid or key.thumbprint()
