"""The tag in a mail's subject by which a reply finds its case: [CC-2570-000045-6/7K4QM2XP5RTDHW3C].

The second half is an HMAC of the number under a key of the Office's: whoever knows a case's number cannot write into
the case, and whoever has a mail about it can.
"""

import base64
import hashlib
import hmac
import re
from collections.abc import Sequence
from typing import Final

from chumchon.tracking import NUMBER_PREFIX

_BYTES: Final = 10
"""80 bits: 16 letters, and far more tries than a mailbox takes mails."""

_TAG: Final = re.compile(rf"\[\s*({NUMBER_PREFIX}-\d{{4}}-\d{{6,9}}-[0-9A-Z])\s*/\s*([A-Z2-7]{{16}})\s*\]")


class Tags:
    """Tags under one key. Further keys are former ones, whose tags are still taken."""

    def __init__(self, keys: Sequence[str]) -> None:
        self._keys = [key.encode() for key in keys]

    def tag(self, case_number: str) -> str:
        """The tag for mails about a case."""
        return f"[{case_number}/{_signature(self._keys[0], case_number)}]"

    def case_number(self, subject: str) -> str | None:
        """The case that a subject names by a tag of ours; None where there is none, or it is forged."""
        for number, signature in _TAG.findall(subject):
            if any(hmac.compare_digest(_signature(key, number), signature) for key in self._keys):
                return str(number)
        return None


def without_tag(subject: str) -> str:
    """A subject without any tag."""
    return " ".join(_TAG.sub(" ", subject).split())


def _signature(key: bytes, case_number: str) -> str:
    return base64.b32encode(hmac.digest(key, f"case-tag:{case_number}".encode(), hashlib.sha256)[:_BYTES]).decode()
