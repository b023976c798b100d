"""What people do with complaints while everything breaks: a life for each, chosen by a seed, all of it by HTTP.

People press on: what was not answered is done again, and what is refused because it crossed with something is left.
"""

import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from http import HTTPStatus
from typing import NamedTuple
from uuid import UUID

import httpx2

from devstack.demo.people import Centre, Json, Office, Refused
from devstack.testing.acting import CENTRE_CHANNELS, complaint_by

SUBJECTS = (
    "ขอให้ตรวจสอบการทุจริตของกรรมการ",
    "ยังไม่ได้รับการโอนเงินงวดที่สอง",
    "ขอวาระการประชุมและรายงานการประชุม",
    "ลืมรหัสผ่าน เข้าเว็บไซต์ไม่ได้",
    "ขอวิทยากรและหลักสูตรการฝึกอบรม",
    "ถนนหน้าหมู่บ้านเป็นหลุม",
)
PATIENCE_SECONDS = 300.0
_AGAIN_AFTER_SECONDS = 0.2
WAIT = "wait"
_MOST_ACTS = 8
_LIFE_SECONDS = 60.0
_NOT_NOW = frozenset({HTTPStatus.UNAUTHORIZED, HTTPStatus.TOO_MANY_REQUESTS})
"""Refusals of a service whose clock or database is wrong for the moment."""


class Lived(NamedTuple):
    """A complaint that was referred, with the secret by which its complainant follows it."""

    id: UUID
    tracking_number: str
    tracking_secret: str


@dataclass
class Village:
    """The people at both ends, and what they have done."""

    centre: Centre
    office: Office
    seed: str
    pause_seconds: tuple[float, float]
    """How long people take between acts: a moment, in which messages pass and things change."""
    acts: Counter[str] = field(default_factory=Counter)
    crossed: int = 0
    """Acts that were refused because something else had happened meanwhile."""
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def has_done(self, acts: int) -> bool:
        """Whether so many acts are done."""
        return self.acts.total() >= acts

    def live(self, number: int) -> Lived:
        """The life of complaint `number`: registered, verified, referred, and whatever comes to pass then."""
        chance = random.Random(f"{self.seed}/{number}")  # noqa: S311  # to be repeated, not to be secret
        channel = CENTRE_CHANNELS[number % len(CENTRE_CHANNELS)]
        complaint = complaint_by(channel, f"{SUBJECTS[number % len(SUBJECTS)]} เรื่องที่ {number}")
        registered = self._insist(lambda: self.centre.register(complaint, key=f"{self.seed}-register-{number}"))
        identity = registered["id"]
        self._verify(identity)
        referral = self._refer(identity, f"{self.seed}-refer-{number}")
        acts_left, grows_old_at = chance.randint(3, _MOST_ACTS), time.monotonic() + _LIFE_SECONDS
        while referral and acts_left and time.monotonic() < grows_old_at:
            state = self._insist(partial(self.centre.referral, referral))["state"]
            case = self._insist(partial(self.office.case_of, referral))
            time.sleep(chance.uniform(*self.pause_seconds))
            act = chance.choice([*_AT_THE_CENTRE.get(state, ()), *_AT_THE_OFFICE.get(case.get("state", ""), ()), WAIT])
            if act == WAIT:
                continue
            acts_left -= 1
            if act == "refer again":
                referral = self._refer(identity, f"{self.seed}-refer-{number}-{acts_left}") or referral
            else:
                self._do(act, referral, case, f"{number} เหลือ {acts_left} ครั้ง")
        return Lived(UUID(identity), registered["tracking_number"], registered["tracking_secret"])

    def _verify(self, complaint: str) -> None:
        try:
            self._insist(lambda: self.centre.verify(complaint))
        except Refused:  # it was verified, and the answer was lost
            if self._insist(lambda: self.centre.complaint(complaint))["state"] == "received":
                raise

    def _refer(self, complaint: str, key: str) -> str | None:
        """The referral's id; None when something else was quicker."""
        refer = partial(self.centre.refer, complaint, "ขอให้พิจารณาตอบผู้ร้อง", insist=True, key=key)
        return self._attempt("refer", refer).get("id")

    def _do(self, act: str, referral: str, case: Json, about: str) -> None:
        acts: Mapping[str, Callable[[], Json]] = {
            "amend": lambda: self.centre.amend(referral, f"ข้อมูลเพิ่มเติมของเรื่องที่ {about}"),
            "withdraw": lambda: self.centre.withdraw(referral, "ผู้ร้องขอถอนเรื่อง"),
            "contest": lambda: self.centre.contest(referral, "ผู้ร้องไม่พอใจคำตอบ"),
            "route": lambda: self.office.reroute(case["id"], "complaints", "อ่านแล้วเป็นเรื่องร้องเรียน"),
            "accept": lambda: self.office.accept(case),
            "return": lambda: self.office.hand_back(case, "unclear", "ไม่ทราบชื่อชุมชน"),
            "report progress": lambda: self.office.report_progress(case, f"กำลังตรวจสอบเรื่องที่ {about}"),
            "ask back": lambda: self.office.ask_back(case, f"ขอทราบชื่อชุมชนของเรื่องที่ {about}"),
            "answer": lambda: self.office.answer(case, f"คำตอบของเรื่องที่ {about}"),
            "correct": lambda: self.office.answer(case, f"คำตอบที่แก้ไขแล้วของเรื่องที่ {about}"),
        }
        self._attempt(act, acts[act])

    def _attempt(self, act: str, call: Callable[[], Json]) -> Json:
        """What came of an act; nothing when it was refused."""
        try:
            done = self._insist(call)
        except Refused:
            with self._lock:
                self.crossed += 1
            return {}
        with self._lock:
            self.acts[act] += 1
        return done

    def _insist(self, call: Callable[[], Json | None]) -> Json:
        """What a call brings, made again until the service is there again.

        Raises:
            Refused: a service said no, and not because something is wrong with it.
        """
        give_up_at = time.monotonic() + PATIENCE_SECONDS
        while True:
            try:
                done = call()
            except Refused as error:
                if error.status < HTTPStatus.INTERNAL_SERVER_ERROR and error.status not in _NOT_NOW:
                    raise
                last: Exception = error
            except httpx2.TransportError as error:
                last = error
            else:
                return done or {}
            if time.monotonic() > give_up_at:
                raise last
            time.sleep(_AGAIN_AFTER_SECONDS)


_AT_THE_CENTRE = {
    "queued": ("amend", *(WAIT,) * 40),
    "delivered": ("amend", *(WAIT,) * 4),
    "accepted": ("amend", "withdraw", WAIT),
    "awaiting_complainant": ("amend",) * 3,
    "answered": ("contest",) * 3,
    "returned": ("refer again",) * 2,
    "withdrawn": ("refer again",),
}
"""What may be done at the Centre in each state of a referral, as often as it is likely."""

_AT_THE_OFFICE = {
    "new": ("route",) * 4,
    "routed": (*("accept",) * 4, "return"),
    "accepted": (*("answer",) * 4, "report progress", "report progress", "ask back", "ask back", "return"),
    "awaiting_complainant": ("answer",),
    "answered": ("correct", "correct"),
}
"""What may be done at the Office in each state of a case."""
