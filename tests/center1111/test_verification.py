"""Checklist, likely duplicates, links, one answer for all that are linked, repeat writers."""

from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from center1111.codes import DuplicateReason, MarkKind
from center1111.intake.rules import search_text, text_sketch
from center1111.settings import Settings
from center1111.verification.rules import likeness
from center1111.writers import Writers

from .conftest import HOTLINE, LETTER, WEBSITE, Centre, Json, made, ok, pointers, refused

NOWHERE = "019a5f0e-7c00-7000-8000-000000000001"
WELL = "ขอให้ตรวจสอบการขุดเจาะบ่อบาดาลของหมู่บ้าน ใช้เงินโครงการไปแล้วสามแสนบาทแต่น้ำไม่ไหลตั้งแต่เดือนมิถุนายน"


def links(centre: Centre, id_: str) -> list[Json]:
    items: list[Json] = ok(centre.as_("officer").get(f"/v1/complaints/{id_}/links"))["items"]
    return items


def linked(centre: Centre, id_: str, to: str, kind: str = "duplicate") -> Json:
    return made(centre.as_("verifier").post(f"/v1/complaints/{id_}/links", json={"to": to, "kind": kind}))


def duplicates(centre: Centre, id_: str) -> Json:
    return ok(centre.as_("verifier").get(f"/v1/complaints/{id_}/duplicates"))


def test_the_checklist_keeps_what_was_found_and_by_whom(busy_centre: Centre) -> None:
    """The whole list is shown; a later tick replaces an earlier one, and the history keeps both."""
    id_ = busy_centre.registered()["id"]
    path = f"/v1/complaints/{id_}/checklist"
    verifier = busy_centre.as_("verifier", subject="verifier-1")
    assert all(one["fulfilled"] is None for one in ok(verifier.get(path))["items"])
    no = {"check": "facts_checkable", "fulfilled": False, "note": "ไม่ระบุชื่อโครงการ"}
    answer = verifier.put(path, json={"ticks": [no, {"check": "identity_known", "fulfilled": True}]})
    assert '"2"' == answer.headers["etag"]
    ok(verifier.put(path, json={"ticks": [no | {"fulfilled": True, "note": None}]}))
    found = {one["check"]: (one["fulfilled"], one["ticked_by"]) for one in ok(verifier.get(path))["items"]}
    assert (True, "verifier-1") == found["identity_known"] == found["facts_checkable"]
    assert (None, None) == found["within_authority"]
    notes = [line["note"] for line in ok(verifier.get(f"/v1/complaints/{id_}/history"))["items"]]
    assert ["facts_checkable: no; identity_known: yes", "facts_checkable: yes"] == notes[1:]


@pytest.mark.parametrize(
    ("ticks", "wrong"),
    [
        ([], {"/ticks": "required"}),
        ([{"check": "colour", "fulfilled": True}], {"/ticks/0/check": "unknown_code"}),
        ([{"check": "identity_known", "fulfilled": "yes"}], {"/ticks/0/fulfilled": "wrong_type"}),
        ([{"check": "identity_known", "fulfilled": True}] * 2, {"/ticks": "check_twice"}),
        ([{"check": "identity_known", "fulfilled": True, "note": "\x00"}], {"/ticks/0/note": "control_character"}),
    ],
)
def test_a_wrong_tick_is_refused(quiet_centre: Centre, ticks: list[Json], wrong: dict[str, str]) -> None:
    """Before anything is looked up."""
    answer = quiet_centre.as_("verifier").put(f"/v1/complaints/{NOWHERE}/checklist", json={"ticks": ticks})
    assert wrong == pointers(refused(answer, 400))


def test_the_checklist_is_closed_with_the_verification(busy_centre: Centre) -> None:
    """What was decided upon stays as it was then; who may not verify may not tick."""
    id_ = busy_centre.verified()["id"]
    body = {"ticks": [{"check": "identity_known", "fulfilled": True}]}
    refused(busy_centre.as_("verifier").put(f"/v1/complaints/{id_}/checklist", json=body), 409)
    refused(busy_centre.as_("intake").put(f"/v1/complaints/{id_}/checklist", json=body), 403)
    refused(busy_centre.as_("verifier").put(f"/v1/complaints/{NOWHERE}/checklist", json=body), 404)


def test_acceptance_needs_the_checks_that_the_settings_name(centre: Centre) -> None:
    """A refusal does not; without the setting nothing is needed."""
    centre.app.state.required_checks = ("facts_checkable", "duplicates_looked_for")
    verifier = centre.as_("verifier")
    path = f"/v1/complaints/{centre.registered()['id']}"
    ok(verifier.put(f"{path}/checklist", json={"ticks": [{"check": "facts_checkable", "fulfilled": True}]}))
    problem = refused(verifier.put(f"{path}/verification", json={"outcome": "accepted"}), 409)
    assert problem["detail"].endswith(": duplicates_looked_for")
    assert "received" == ok(verifier.get(path))["state"]
    ok(verifier.put(f"{path}/checklist", json={"ticks": [{"check": "duplicates_looked_for", "fulfilled": True}]}))
    assert "verified" == ok(verifier.put(f"{path}/verification", json={"outcome": "accepted"}))["state"]
    path = f"/v1/complaints/{centre.registered()['id']}"
    ok(verifier.put(f"{path}/verification", json={"outcome": "refused", "ground": "before_the_courts"}))


def test_duplicates_are_found_across_channels(centre: Centre) -> None:
    """By who wrote, by where, and by text that was written again in other words; best first, each with its reasons."""
    first = centre.registered(subject="น้ำบาดาลไม่ไหล", details=WELL)
    again = centre.registered(
        **HOTLINE
        | {
            "subject": "บ่อบาดาลน้ำไม่ไหล",
            "details": WELL.replace("ตั้งแต่เดือนมิถุนายน", " ชาวบ้านเดือดร้อนมาก"),
            "complainant": {"first_name": "สมศรี"},
            "evidence": {"caller_number": "081-234-5678", "call_started_at": "2026-10-05T02:00:00Z"},
        }
    )
    copied = centre.registered(**WEBSITE | {"subject": "น้ำไม่ไหล", "details": WELL})
    centre.registered(**WEBSITE | {"details": "อยากทราบวันเปิดรับสมัครอบรมบัญชีครัวเรือนของกลุ่มแม่บ้าน"})
    found = duplicates(centre, first["id"])["items"]
    assert [copied["id"], again["id"]] == [one["id"] for one in found]
    assert ["similar_text"] == found[0]["reasons"]
    assert {"same_phone", "similar_text"} == set(found[1]["reasons"])
    assert 1 >= found[0]["score"] > found[1]["score"] > 0.4
    assert {first["id"], copied["id"]} == {one["id"] for one in duplicates(centre, again["id"])["items"]}


_FILLER = """
INSERT INTO complaints
SELECT (jsonb_populate_record(complaints, jsonb_build_object(
    'id', uuidv7(), 'tracking_number', 'filler-' || n, 'tracking_secret_digest', '\\x' || md5(n::text) || md5('x' || n),
    'search_text', 'เรียน ผูอำนวยการ',
    'text_sketch', to_jsonb(text_sketch[1:1])
))).*
FROM complaints, generate_series(1, 1200) AS n WHERE id = :id
"""


def test_what_everybody_writes_hides_no_old_duplicate(centre: Centre) -> None:
    """Of a thousand newer complaints each shares a phrase with it, and none is taken for one."""
    first = centre.registered(**WEBSITE | {"details": WELL})
    with centre.app.state.sessions.begin() as session:
        session.execute(sa.text(_FILLER), {"id": first["id"]})
        session.execute(
            sa.text("UPDATE complaints SET received_at = '2020-01-01Z' WHERE id = :id"), {"id": first["id"]}
        )
    again = centre.registered(**WEBSITE | {"details": WELL})
    assert [first["id"]] == [one["id"] for one in duplicates(centre, again["id"])["items"]]


def test_a_neighbour_who_writes_of_the_same_is_found_by_the_place(centre: Centre) -> None:
    """The same community makes an alike text enough."""
    first = centre.registered(details=WELL, complainant=None)
    other = centre.registered(
        **WEBSITE
        | {"subject": LETTER["subject"], "details": "น้ำบาดาลของหมู่บ้านไม่ไหล ขอให้ตรวจสอบ", "place": LETTER["place"]}
    )
    (found,) = duplicates(centre, first["id"])["items"]
    assert (other["id"], True) == (found["id"], "same_community" in found["reasons"])


def test_a_correction_changes_who_is_known(centre: Centre) -> None:
    """The marks are those of the complainant as corrected."""
    first, second = centre.registered(details=WELL), centre.registered(**WEBSITE | {"details": "เรื่องอื่น"})
    assert [] == duplicates(centre, first["id"])["items"]
    patch = {"complainant": {"email": "SOMSRI@example.org"}}
    ok(centre.as_("intake").patch(f"/v1/complaints/{second['id']}", json=patch, headers={"If-Match": "*"}))
    (found,) = duplicates(centre, first["id"])["items"]
    assert (second["id"], ["same_email"]) == (found["id"], found["reasons"])
    patch = {"complainant": {"email": "other@example.org"}}
    ok(centre.as_("intake").patch(f"/v1/complaints/{second['id']}", json=patch, headers={"If-Match": "*"}))
    assert [] == duplicates(centre, first["id"])["items"]


def test_a_repeat_writer_is_flagged_from_the_setting_on(centre: Centre) -> None:
    """Those who write once, and those who do not say who they are, are not."""
    centre.app.state.writers = Writers(b"a key", repeat_from=3, within_days=365)
    letters = [centre.registered(details=f"เรื่องที่ {number}") for number in range(3)]
    anonymous = [centre.registered(**WEBSITE) for _ in range(3)]
    assert [False, False, True] == [centre.complaint(one["id"])["repeat_writer"] for one in letters]
    assert 3 == duplicates(centre, letters[0]["id"])["complaints_by_the_same"]
    assert 0 == duplicates(centre, anonymous[2]["id"])["complaints_by_the_same"]
    listed = ok(centre.as_("officer").get("/v1/complaints?repeat_writer=true"))["items"]
    assert [letters[2]["id"]] == [one["id"] for one in listed]


def test_duplicates_are_for_officers(busy_centre: Centre) -> None:
    """An agency's system does not learn who else complains."""
    id_ = busy_centre.registered()["id"]
    client = busy_centre.as_("agency_client", client_id="agency-1")
    for part in ("duplicates", "links", "checklist"):
        refused(client.get(f"/v1/complaints/{id_}/{part}"), 403)
        refused(busy_centre.as_("officer").get(f"/v1/complaints/{NOWHERE}/{part}"), 404)


def test_a_link_shows_at_both_and_changes_neither(busy_centre: Centre) -> None:
    """Each knows which of the two names the other; both histories tell of it."""
    first, second = busy_centre.verified(), busy_centre.registered(**HOTLINE)
    link = linked(busy_centre, second["id"], first["id"])
    assert (first["id"], True) == (link["complaint"]["id"], link["named_here"])
    (seen,) = links(busy_centre, first["id"])
    assert (second["id"], False, "duplicate") == (seen["complaint"]["id"], seen["named_here"], seen["kind"])
    assert ("verified", "received") == tuple(busy_centre.complaint(one["id"])["state"] for one in (first, second))
    for one, other in ((first, second), (second, first)):
        last = ok(busy_centre.as_("officer").get(f"/v1/complaints/{one['id']}/history"))["items"][-1]
        assert ("link", f"duplicate: {other['tracking_number']}") == (last["move"], last["note"])


def test_a_link_is_taken_back_with_a_reason(busy_centre: Centre) -> None:
    """It is gone from both lists; that it was there stays in the history, and another kind may follow."""
    first, second = busy_centre.registered(), busy_centre.registered(**HOTLINE)
    link = linked(busy_centre, first["id"], second["id"])
    path = f"/v1/complaints/{second['id']}/links/{link['id']}/removal"
    verifier = busy_centre.as_("verifier")
    assert {"/reason": "required"} == pointers(refused(verifier.post(path, json={}), 400))
    refused(verifier.post(path.replace(second["id"], NOWHERE), json={"reason": "x"}), 404)
    assert [] == ok(verifier.post(path, json={"reason": "คนละเรื่องกัน"}))["items"]
    refused(verifier.post(path, json={"reason": "คนละเรื่องกัน"}), 404)
    assert [] == links(busy_centre, first["id"])
    assert "related" == linked(busy_centre, second["id"], first["id"], "related")["kind"]


def test_a_link_that_makes_no_sense_is_refused(busy_centre: Centre) -> None:
    """To itself, to nothing, of no kind, twice; nothing is changed."""
    first, second = busy_centre.registered(), busy_centre.registered(**HOTLINE)
    verifier, path = busy_centre.as_("verifier"), f"/v1/complaints/{first['id']}/links"
    for body, wrong in [
        ({"to": first["id"], "kind": "related"}, {"/to": "link_to_itself"}),
        ({"to": NOWHERE, "kind": "related"}, {"/to": "unknown_complaint"}),
        ({"to": second["id"], "kind": "twin"}, {"/kind": "unknown_code"}),
        ({}, {"/to": "required", "/kind": "required"}),
    ]:
        assert wrong == pointers(refused(verifier.post(path, json=body), 400))
    body = {"to": second["id"], "kind": "related"}
    refused(verifier.post(path, json=body, headers={"If-Match": '"9"'}), 412)
    refused(verifier.post(path.replace(first["id"], NOWHERE), json=body), 404)
    refused(busy_centre.as_("km_editor").post(path, json=body), 403)
    assert 1 == busy_centre.complaint(first["id"])["version"]
    made(verifier.post(path, json=body))
    refused(verifier.post(path, json=body), 409)
    refused(verifier.post(path.replace(first["id"], second["id"]), json={"to": first["id"], "kind": "follows"}), 409)
    assert 1 == len(links(busy_centre, first["id"]))


def test_one_answer_is_given_to_all_that_are_linked_and_named(busy_centre: Centre) -> None:
    """Each gets a version of its own; one that is linked and not named stays unanswered."""
    first, second, third = (busy_centre.verified() for _ in range(3))
    linked(busy_centre, second["id"], first["id"])
    linked(busy_centre, first["id"], third["id"], "related")
    body: dict[str, Any] = {"text": "โอนภายใน 30 วัน", "also_for": [second["id"], second["id"], first["id"]]}
    made(busy_centre.as_("officer").post(f"/v1/complaints/{first['id']}/answers", json=body))
    for one in (first, second):
        read = busy_centre.complaint(one["id"])
        assert ("answered", "โอนภายใน 30 วัน", 1) == (read["state"], read["answer"]["text"], read["answer"]["version"])
    assert "verified" == busy_centre.complaint(third["id"])["state"]
    last = ok(busy_centre.as_("officer").get(f"/v1/complaints/{second['id']}/history"))["items"][-1]
    assert f"with {first['tracking_number']}" == last["note"]


def test_an_answer_for_all_is_given_to_all_or_to_none(busy_centre: Centre) -> None:
    """One that is not linked, or that cannot be answered, is named, and nobody is answered."""
    first, second = busy_centre.verified(), busy_centre.registered()
    linked(busy_centre, second["id"], first["id"])
    body = {"text": "โอนภายใน 30 วัน", "also_for": [second["id"], busy_centre.verified()["id"], NOWHERE]}
    problem = refused(busy_centre.as_("officer").post(f"/v1/complaints/{first['id']}/answers", json=body), 400)
    assert {
        "/also_for/0": "cannot_be_answered",
        "/also_for/1": "not_linked",
        "/also_for/2": "not_linked",
    } == pointers(problem)
    assert "verified" == busy_centre.complaint(first["id"])["state"]


def test_an_answer_for_several_people_names_none_of_them(busy_centre: Centre) -> None:
    """Neither name nor number of any; where all are one person's complaints, it may."""
    own = [busy_centre.verified(), busy_centre.verified()]
    other = busy_centre.verified(complainant={"first_name": "วิชัย", "last_name": "สุขใจ", "phone": "0812345678"})
    for one in (own[1], other):
        linked(busy_centre, own[0]["id"], one["id"])
    path = f"/v1/complaints/{own[0]['id']}/answers"
    officer = busy_centre.as_("officer")
    to_all = {"also_for": [own[1]["id"], other["id"]]}
    named = (
        "เรียน นางสมศรี ใจดี",
        "แจ้งคุณวิชัย  สุขใจ",
        "เรียน นางสมศรี ตามที่ถาม",
        "เรียน คุณ วิชัย ตามที่ถาม",
        "โทร. 081-234-5678",
    )
    for text in (*named, f"ตามเรื่องเลขที่ {other['tracking_number']}"):
        problem = refused(officer.post(path, json={"text": text, **to_all}), 400)
        assert {"/text": "says_whose_it_is"} == pointers(problem)
    assert "verified" == busy_centre.complaint(own[0]["id"])["state"]

    made(officer.post(path, json={"text": "เรียน นางสมศรี ใจดี โอนแล้ว", "also_for": [own[1]["id"]]}))


def test_what_speaks_for_a_duplicate_adds_up() -> None:
    """Each thing leaves less doubt, and none takes all of it; texts that share what all share say nothing."""
    nothing = likeness(text_similarity=0.2, same=[], same_district=False, same_community=False)
    assert (0.0, ()) == (nothing.score, nothing.reasons)
    both = likeness(text_similarity=0.7, same=[MarkKind.PHONE], same_district=True, same_community=True)
    assert 0.8 < both.score < 1
    assert (DuplicateReason.SIMILAR_TEXT, DuplicateReason.SAME_PHONE, DuplicateReason.SAME_COMMUNITY) == both.reasons


@given(st.floats(0, 1), st.floats(0, 1), st.sets(st.sampled_from(MarkKind)), st.booleans())
def test_more_likeness_never_scores_lower(one: float, other: float, same: set[MarkKind], near: bool) -> None:
    """The score lies between 0 and 1 and grows with the texts' likeness."""
    low, high = (
        likeness(text_similarity=each, same=same, same_district=near, same_community=False).score
        for each in sorted((one, other))
    )
    assert 0 <= low <= high <= 1


def test_similar_texts_share_their_sketch_and_others_do_not() -> None:
    """A letter typed wrong changes little, another text shares nothing, and the empty text has a sketch, too."""
    sketch = {*text_sketch(search_text("น้ำไม่ไหล", WELL))}
    assert len(sketch & {*text_sketch(search_text("น้ำไม่ไหล", WELL.replace("สามแสน", "สี่แสน")))}) > len(sketch) / 3
    assert not sketch & {*text_sketch(search_text("ขออบรม", "ขอทราบวันอบรมบัญชีครัวเรือนของกลุ่มแม่บ้านในตำบล"))}
    assert 1 == len(text_sketch(""))
    assert all(-(2**31) <= number < 2**31 for number in sketch)


def test_marks_tell_nothing_without_the_key() -> None:
    """Another key makes other marks; case does not matter; what is not known has no mark."""
    known = {MarkKind.EMAIL: "Somsri@Example.org", MarkKind.PHONE: None, MarkKind.NATIONAL_ID: "1101700230708"}
    one, other = (Writers(key, 5, 365).marks_of(known) for key in (b"one", b"other"))
    assert {MarkKind.EMAIL, MarkKind.NATIONAL_ID} == set(one)
    assert not set(one.values()) & set(other.values())
    lower = Writers(b"one", 5, 365).marks_of({MarkKind.EMAIL: "somsri@example.org"})
    assert one[MarkKind.EMAIL] == lower[MarkKind.EMAIL]


def test_production_needs_a_key_of_its_own(tmp_path: Path) -> None:
    """With the key that everybody knows, marks would be no secret."""
    told: dict[str, Any] = {
        "environment": "production",
        "database_url": "postgresql://nobody@localhost/none",
        "issuer": "https://login.example.org",
        "issuer_jwks": "https://login.example.org/jwks",
        "exchange_keys_file": tmp_path / "keys.json",
    }
    with pytest.raises(ValidationError, match="WRITERS_KEY"):
        Settings(**told)
    assert Settings(**told, writers_key="0" * 32).writers().key == b"0" * 32
