"""The secret that lets a complainant follow a complaint: shown once, kept as a digest."""

import hashlib
import hmac
import secrets
from typing import Final

ALPHABET: Final = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"
"""32 characters that cannot be taken for each other when read out."""

_GROUPS: Final = 4
_GROUP_LENGTH: Final = 4
_NO_DIGEST: Final = bytes(hashlib.sha256().digest_size)


def make_secret() -> str:
    """A new secret of 80 random bits, in groups that can be read out: `7K4Q-M2XP-9RTD-HW3C`."""
    return "-".join("".join(secrets.choice(ALPHABET) for _ in range(_GROUP_LENGTH)) for _ in range(_GROUPS))


def digest_of(tracking_number: str, secret: str) -> bytes:
    """What is kept of a secret. Random and long, it needs but one round of SHA-256; case and gaps do not count."""
    canonical = "".join(secret.upper().split()).replace("-", "")
    return hashlib.sha256(f"{tracking_number}:{canonical}".encode()).digest()


def is_secret_of(tracking_number: str, secret: str, digest: bytes | None) -> bool:
    """Whether `secret` is the one whose digest is kept; takes as long when there is none (`None`)."""
    return hmac.compare_digest(digest_of(tracking_number, secret), digest or _NO_DIGEST) and digest is not None
