"""How a complainant follows a case: by its number, which can be read out, and a secret that only they have."""

import hashlib
import hmac
import secrets
from typing import Final
from uuid import UUID

import sqlalchemy as sa
from sqlalchemy.orm import Session

from chumchon.records import Case
from chumchon.steps import CaseNotFound
from servicekit.database import Query
from thaikit.numbers import InvalidNumber, parse_checked

NUMBER_PREFIX: Final = "CC"
"""Case numbers are CC-2570-000045-6: the Buddhist year, a count within it, a check character."""

# Digits and capitals that cannot be taken for each other, so that a secret can be read out and written down.
_ALPHABET: Final = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"
_GROUPS: Final = 4
_GROUP_LENGTH: Final = 4

_by_number = Query(sa.select(Case.id, Case.secret_hash).where(Case.case_number == sa.bindparam("case_number")))


def new_secret() -> str:
    """A secret of 80 random bits, in groups: 7K4Q-M2XP-9RTD-HW3C."""
    return "-".join("".join(secrets.choice(_ALPHABET) for _ in range(_GROUP_LENGTH)) for _ in range(_GROUPS))


def hash_secret(secret: str) -> bytes:
    """What is kept of a secret, however it was spaced. It is long and random, so a plain digest is enough."""
    return hashlib.sha256("".join(filter(str.isalnum, secret.upper())).encode()).digest()


def parse_case_number(text: str) -> str:
    """A case number in its canonical form, however it was written, with its prefix or without; raises InvalidNumber."""
    bare = text.strip().upper().removeprefix(NUMBER_PREFIX).lstrip(" -")
    return f"{NUMBER_PREFIX}-{parse_checked(bare)}"


def case_id_for(session: Session, case_number: str, secret: str) -> UUID:
    """The case that a complainant follows.

    Raises:
        CaseNotFound: there is no such case, or the secret is another; which of it, strangers do not learn.
    """
    try:
        number = parse_case_number(case_number)
    except InvalidNumber:
        raise CaseNotFound from None
    found = _by_number.first(session, case_number=number)
    if found is None or not hmac.compare_digest(found.secret_hash or b"", hash_secret(secret)):
        raise CaseNotFound
    case_id: UUID = found.id
    return case_id
