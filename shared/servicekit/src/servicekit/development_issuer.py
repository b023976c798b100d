"""An issuer of tokens for development, demonstration and tests. A service in production refuses to trust it."""

import os
import time
from pathlib import Path

import orjson
from joserfc import jwt
from joserfc.jwk import KeySet, OKPKey

from servicekit.ids import uuid7

ISSUER = "urn:development-issuer"


def make_key_file(path: Path) -> None:
    """Write a private JWK Set with one new Ed25519 key, readable by its owner alone; an existing file stays."""
    if path.exists():
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    key = OKPKey.generate_key("Ed25519", {"kid": str(uuid7()), "use": "sig"}, private=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(orjson.dumps(KeySet([key]).as_dict(private=True)))


def write_public_keys(private: Path, public: Path) -> None:
    """Write the public half of a key file: what a service gets to check tokens with."""
    keys = KeySet.import_key_set(orjson.loads(private.read_bytes()))
    public.write_bytes(orjson.dumps(keys.as_dict(private=False)))


def mint(
    key_file: Path,
    *,
    audience: str,
    subject: str,
    roles: list[str],
    work_group: str | None = None,
    client_id: str | None = None,
    valid_seconds: int = 12 * 3600,
) -> str:
    """A signed access token (RFC 9068) for one service."""
    key = KeySet.import_key_set(orjson.loads(key_file.read_bytes())).keys[0]
    now = int(time.time())
    claims: dict[str, object] = {
        "iss": ISSUER,
        "aud": audience,
        "sub": subject,
        "iat": now,
        "exp": now + valid_seconds,
        "jti": str(uuid7()),
        "roles": roles,
    }
    if work_group:
        claims["work_group"] = work_group
    if client_id:
        claims["client_id"] = client_id
    return jwt.encode({"alg": "Ed25519", "typ": "at+jwt", "kid": key.kid}, claims, key, algorithms=["Ed25519"])
