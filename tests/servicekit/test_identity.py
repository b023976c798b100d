"""Who may call: tokens of the issuer, for this service, with a role."""

import time
from pathlib import Path

import orjson
import pytest
from joserfc import jwt
from joserfc.jwk import KeySet, OctKey
from starlette.testclient import TestClient

from servicekit import development_issuer


def token(key: Path, **changed: object) -> str:
    """A token as the issuer would make it, with some claims changed; None takes a claim away."""
    keys = KeySet.import_key_set(orjson.loads(key.read_bytes()))
    claims: dict[str, object] = {
        "iss": development_issuer.ISSUER,
        "aud": "things",
        "sub": "mali",
        "exp": int(time.time()) + 60,
        "roles": ["maker"],
    } | changed
    kept = {name: value for name, value in claims.items() if value is not None}
    return jwt.encode({"alg": "Ed25519", "kid": keys.keys[0].kid}, kept, keys.keys[0], algorithms=["Ed25519"])


def post(client: TestClient, bearer: str | None) -> int:
    headers = {} if bearer is None else {"Authorization": f"Bearer {bearer}"}
    return client.post("/v1/things", json={"subject": "a"}, headers=headers).status_code


def test_a_valid_token_may(client: TestClient, issuer_key: Path) -> None:
    """The good case, twice: the second time the token is remembered."""
    bearer = {"Authorization": f"Bearer {token(issuer_key)}"}

    assert [
        client.post("/v1/things", json={"subject": subject}, headers=bearer).status_code for subject in ("a", "b")
    ] == [201, 201]


@pytest.mark.parametrize(
    "changed",
    [
        {"aud": "another-service"},
        {"aud": None},
        {"iss": "https://elsewhere.example"},
        {"exp": 1},
        {"exp": None},
        {"sub": None},
        {"roles": "maker"},
        {"roles": [1]},
        {"nbf": 9999999999},
    ],
)
def test_tokens_for_others_expired_or_malformed_are_401(
    client: TestClient, issuer_key: Path, changed: dict[str, object]
) -> None:
    """Not ours, not now, not well made: not authenticated."""
    assert post(client, token(issuer_key, **changed)) == 401


def test_a_stranger_s_signature_is_401(client: TestClient, tmp_path: Path) -> None:
    """Claims alone convince nobody."""
    development_issuer.make_key_file(tmp_path / "stranger.json")

    assert post(client, token(tmp_path / "stranger.json")) == 401


def test_unsigned_and_symmetric_tokens_are_401(client: TestClient, issuer_key: Path) -> None:
    """The classic tricks: `alg: none`, and the public key used as a shared secret."""
    claims = {"iss": development_issuer.ISSUER, "aud": "things", "sub": "x", "exp": 9999999999, "roles": ["maker"]}
    public = issuer_key.with_name("public.json").read_bytes()
    symmetric = jwt.encode({"alg": "HS256"}, claims, OctKey.import_key(public))
    unsigned = symmetric.rpartition(".")[0] + "."

    assert [post(client, bearer) for bearer in (symmetric, unsigned, "nonsense", None)] == [401, 401, 401, 401]


def test_401_tells_how_to_authenticate(client: TestClient) -> None:
    """`WWW-Authenticate` is there, as RFC 6750 asks."""
    response = client.post("/v1/things", json={"subject": "a"})

    assert response.headers["www-authenticate"] == "Bearer"


def test_without_the_role_it_is_403_which_names_the_roles(client: TestClient, issuer_key: Path) -> None:
    """Who is known but may not is told what it would take."""
    headers = {"Authorization": f"Bearer {token(issuer_key, roles=['auditor'])}"}
    response = client.post("/v1/things", json={"subject": "a"}, headers=headers)

    assert response.status_code == 403
    assert "maker, agency_client" in response.json()["detail"]


def test_an_admin_may_do_all_that_a_person_may(client: TestClient, issuer_key: Path) -> None:
    """`admin` passes every role check."""
    assert post(client, token(issuer_key, roles=["admin"])) == 201


def test_a_rotated_issuer_key_is_found(
    client: TestClient, issuer_key: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A token under a new key makes the service read the issuer's keys again."""
    assert post(client, token(issuer_key)) == 201
    public = issuer_key.with_name("public.json")
    before = public.read_bytes()
    new = tmp_path / "new.json"
    development_issuer.make_key_file(new)
    try:
        development_issuer.write_public_keys(new, public)
        monkeypatch.setattr("servicekit.identity.JWKS_REFETCH_SECONDS", 0)  # no pause between two readings
        assert post(client, token(new, roles=["other"])) == 403
    finally:
        public.write_bytes(before)


def test_key_files_are_private_and_kept(tmp_path: Path) -> None:
    """Only the owner can read a key file, and making it again changes nothing."""
    path = tmp_path / "keys" / "issuer.json"
    development_issuer.make_key_file(path)
    made = path.read_bytes()
    development_issuer.make_key_file(path)

    assert (0o600, made) == (path.stat().st_mode & 0o777, path.read_bytes())
