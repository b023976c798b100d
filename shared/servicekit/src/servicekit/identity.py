"""Who calls, and what they may do: bearer tokens of the configured issuer (RFC 6750, RFC 9068)."""

import hashlib
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Annotated, Any

import anyio.to_thread
import httpx2
import orjson
import structlog
from fastapi import Depends, Request
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet

from servicekit.problems import DomainError, Problem
from servicekit.words import Words

ADMIN = "admin"
AGENCY_CLIENT = "agency_client"
ALGORITHMS = ["Ed25519", "EdDSA", "ES256", "PS256", "RS256"]
CLOCK_SKEW_SECONDS = 30
JWKS_REFETCH_SECONDS = 30.0
CACHED_TOKENS = 4096

log = structlog.get_logger(__name__)


class NotAuthenticated(DomainError):
    """No token, or one that is not valid here."""

    def __init__(self, message: str = "") -> None:
        super().__init__(message)
        self.headers = {"WWW-Authenticate": "Bearer" + (' error="invalid_token"' if message else "")}


class NotAllowed(DomainError):
    """The caller has no role that may do this."""


PROBLEMS: Mapping[type[DomainError], Problem] = {
    NotAuthenticated: Problem(
        "not-authenticated",
        HTTPStatus.UNAUTHORIZED,
        Words("ต้องยืนยันตัวตน", "Authentication is required"),
        Words(
            "โปรดส่งโทเค็นที่ยังไม่หมดอายุของบริการนี้ใน Authorization: Bearer",
            "Send a token that is valid for this service and not expired as Authorization: Bearer.",
        ),
    ),
    NotAllowed: Problem(
        "not-allowed",
        HTTPStatus.FORBIDDEN,
        Words("ไม่มีสิทธิดำเนินการนี้", "You may not do this"),
        Words("ต้องมีบทบาทใดบทบาทหนึ่งต่อไปนี้: {roles}", "This needs one of these roles: {roles}"),
    ),
}


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acts: a person with roles, or an agency's system.

    `work_group` binds a group's officer or head to that group; `client_id` names an agency's system.
    """

    subject: str
    roles: frozenset[str]
    work_group: str | None = None
    client_id: str | None = None

    @property
    def is_agency_client(self) -> bool:
        """Whether an agency's system calls, and not a person."""
        return AGENCY_CLIENT in self.roles

    def has(self, *roles: str) -> bool:
        """Whether the actor has one of the roles; an admin may do all that a person may."""
        return ADMIN in self.roles or not self.roles.isdisjoint(roles)


class Identity:
    """Checks tokens against the issuer's key set, which is a file or a URL."""

    def __init__(self, *, issuer: str, audience: str, jwks: str) -> None:
        self._claims = jwt.JWTClaimsRegistry(
            leeway=CLOCK_SKEW_SECONDS,
            iss={"essential": True, "value": issuer},
            aud={"essential": True, "value": audience},
            sub={"essential": True},
            exp={"essential": True},
        )
        self._source = jwks
        self._keys = KeySet([])
        self._read_at = float("-inf")
        self._lock = threading.Lock()
        self._seen: OrderedDict[bytes, tuple[Actor, float]] = OrderedDict()

    def known(self, token: str) -> Actor | None:
        """The actor of a token that was checked before and has not expired."""
        found = self._seen.get(hashlib.sha256(token.encode()).digest())
        return found[0] if found and found[1] > time.time() else None

    def check(self, token: str) -> Actor:
        """The actor of a token. Blocks while the issuer's keys are read.

        Raises:
            NotAuthenticated: it is not a valid token of the issuer for this service.
        """
        try:
            decoded = self._decode(token)
            self._claims.validate(decoded.claims)
        except (JoseError, ValueError, TypeError) as error:
            raise NotAuthenticated("invalid token") from error
        actor = _actor(decoded.claims)
        self._seen[hashlib.sha256(token.encode()).digest()] = (actor, float(decoded.claims["exp"]))
        while len(self._seen) > CACHED_TOKENS:
            self._seen.popitem(last=False)
        return actor

    def _decode(self, token: str) -> jwt.Token:
        try:
            return jwt.decode(token, self._key_set(refresh=False), algorithms=ALGORITHMS)
        except (JoseError, ValueError):
            return jwt.decode(token, self._key_set(refresh=True), algorithms=ALGORITHMS)

    def _key_set(self, *, refresh: bool) -> KeySet:
        with self._lock:
            stale = time.monotonic() - self._read_at > JWKS_REFETCH_SECONDS
            if (refresh or not self._keys.keys) and stale:
                self._read_at = time.monotonic()
                try:
                    self._keys = KeySet.import_key_set(orjson.loads(_read(self._source)))
                except (OSError, httpx2.HTTPError, JoseError, ValueError) as error:
                    log.error("issuer's keys unreadable", source=self._source, error=type(error).__name__)  # noqa: TRY400  # no trace needed
            return self._keys


def _read(source: str) -> bytes:
    if source.startswith(("http://", "https://")):
        return httpx2.get(source, timeout=5).raise_for_status().content
    return Path(source).read_bytes()


def _actor(claims: Mapping[str, Any]) -> Actor:
    roles = claims.get("roles", [])
    if not (isinstance(roles, list) and all(isinstance(role, str) for role in roles)):
        raise NotAuthenticated("roles are a list of strings")
    return Actor(
        subject=str(claims["sub"]),
        roles=frozenset(roles),
        work_group=claims.get("work_group"),
        client_id=claims.get("client_id"),
    )


_bearer = HTTPBearer(auto_error=False, description="An access token of the configured issuer (RFC 9068).")


async def _authenticated(
    request: Request, credentials: Annotated[HTTPAuthorizationCredentials | None, Depends(_bearer)]
) -> Actor:
    if credentials is None:
        raise NotAuthenticated
    identity: Identity = request.app.state.identity
    actor = identity.known(credentials.credentials)
    if actor is None:
        actor = await anyio.to_thread.run_sync(identity.check, credentials.credentials)
    request.state.actor = actor
    return actor


Authenticated = Annotated[Actor, Depends(_authenticated)]
"""Anybody with a valid token."""


def require(*roles: str) -> Callable[[Actor], Coroutine[Any, Any, Actor]]:
    """A dependency that lets those with one of `roles` pass, and `admin`."""

    async def check(actor: Authenticated) -> Actor:
        if not actor.has(*roles):
            raise NotAllowed(roles=", ".join(roles))
        return actor

    return check
