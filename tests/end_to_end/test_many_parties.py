"""A second agency beside the Office, at the real Centre: what it does or suffers never touches the Office."""

import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from devstack.demo.people import Json
from devstack.ports import HOST, free_ports
from devstack.testing.acting import answer, complaint_by
from devstack.testing.databases import Templates
from devstack.testing.pair import Pair, running_pair
from devstack.testing.processes import Process
from servicekit.testing import eventually

OFFICE, SECOND = "chumchon", "second_office"
SIMULATOR = str(Path(sys.executable).with_name("exchange-simulator"))


@dataclass
class Three:
    """The Centre and the Office, and a second agency, played by the simulator as a process of its own."""

    pair: Pair
    second: Process

    def refer(self, to: str, subject: str) -> Json:
        """Register and verify a complaint, and refer it to this agency."""
        centre = self.pair.centre
        registered = centre.register(complaint_by("hotline", subject))
        centre.verify(registered["id"])
        body = {"to": to, "question": "ขอให้พิจารณาตอบผู้ร้อง"}
        return centre.change("officer", "POST", f"/v1/complaints/{registered['id']}/referrals", body)

    def becomes(self, state: str, referral: Json) -> Json:
        """The referral, once it is in this state."""
        look = self.pair.centre.referral
        return eventually(lambda: it if (it := look(referral["id"]))["state"] == state else None, within_seconds=60)

    def standing(self, of: str) -> Json:
        """How it stands with one agency, as the Centre's operators see it."""
        found: list[Json] = self.pair.centre.ask("operator", "GET", "/v1/exchange/status").json()
        return next(it for it in found if it["peer"] == of)

    def decide(self, what: str, body: Json) -> None:
        """An operator of the Centre decides about the second agency."""
        self.pair.centre.change("operator", "POST", f"/v1/exchange/peers/{SECOND}/{what}", body)


@pytest.fixture
def three(migrated: Templates, tmp_path: Path) -> Iterator[Three]:
    (port,) = free_ports(1)
    url = f"http://{HOST}:{port}"
    with (
        migrated.centre.clone() as centre,
        migrated.office.clone() as office,
        running_pair(centre, office, tmp_path / "pair", more_agencies={SECOND: url}) as pair,
    ):
        keys = str(tmp_path / "second.keys.json")
        words = (f"center1111={pair.centre.url}", "--code", SECOND, "--port", str(port), "--keys", keys)
        second = Process(SECOND, (SIMULATOR, *words), os.environ, tmp_path)
        second.start()
        try:
            yield Three(pair, second)
        finally:
            second.kill()


def test_two_agencies_beside_each_other_never_touch(three: Three) -> None:
    """Each answers its own; one that fails or is paused holds back its own referrals alone, and gets them later."""
    ours, theirs = three.refer(OFFICE, "ขอให้ตรวจสอบการทุจริต"), three.refer(SECOND, "ถนนหน้าหมู่บ้านเป็นหลุม")
    assert "answered" == three.becomes("answered", theirs)["state"]
    case = eventually(lambda: three.pair.office.case_of(ours["id"]))
    assert None is three.pair.office.case_of(theirs["id"])
    answer(three.pair.office, case, "ตรวจสอบแล้ว")
    assert "ตรวจสอบแล้ว" == three.becomes("answered", ours)["answer"]["text"]

    three.second.kill()
    late = three.refer(SECOND, "สะพานชำรุด")
    eventually(lambda: three.standing(SECOND)["silent_since"])
    three.becomes("delivered", three.refer(OFFICE, "ขอวิทยากรและหลักสูตรการฝึกอบรม"))
    assert ("queued", None, 0) == (
        three.pair.centre.referral(late["id"])["state"],
        three.standing(OFFICE)["silent_since"],
        three.standing(OFFICE)["backlog"],
    )

    three.decide("pause", {"reason": "ปิดปรับปรุงระบบ"})
    three.second.start()
    three.becomes("delivered", three.refer(OFFICE, "ลืมรหัสผ่าน เข้าเว็บไซต์ไม่ได้"))
    assert ("queued", "operator", None) == (
        three.pair.centre.referral(late["id"])["state"],
        three.standing(SECOND)["pause"],
        three.standing(OFFICE)["pause"],
    )
    three.decide("resumption", {})
    three.becomes("answered", late)
