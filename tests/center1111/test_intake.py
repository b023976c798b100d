"""Recording, listing, reading and correcting complaints."""

from concurrent.futures import ThreadPoolExecutor
from copy import deepcopy
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa

from .conftest import CHANNELS, HOTLINE, LETTER, WALK_IN, WEBSITE, Centre, Json, made, ok, pointers, refused


def changed(base: Json, pointer: str, value: object) -> Json:
    """The body with one place changed; `...` takes it away."""
    body = deepcopy(base)
    *path, last = pointer.strip("/").split("/")
    place = body
    for step in path:
        place = place[step]
    if value is ...:
        del place[last]
    else:
        place[last] = value
    return body


@pytest.mark.parametrize("channel", CHANNELS)
def test_a_complaint_of_each_channel_is_recorded_with_its_evidence(busy_centre: Centre, channel: str) -> None:
    """What came in is what is read back, with both moments and who keyed it in."""
    answer = busy_centre.as_("intake", subject="clerk-7").post("/v1/complaints", json=CHANNELS[channel])
    new = made(answer)
    assert f"/v1/complaints/{new['id']}" == answer.headers["location"]
    assert '"1"' == answer.headers["etag"]
    complaint = busy_centre.complaint(new["id"])
    assert "received" == complaint["state"]
    assert channel == complaint["channel"]
    assert "clerk-7" == complaint["recorded_by"]
    assert CHANNELS[channel]["evidence"].keys() <= complaint["evidence"].keys()
    assert (complaint["complainant"] is None) == ("complainant" not in CHANNELS[channel])


def test_numbers_are_kept_in_one_canonical_form(busy_centre: Centre) -> None:
    """However people write them: national ids as digits, telephones in E.164, hotlines as they are dialled."""
    complaint = busy_centre.complaint(busy_centre.registered()["id"])
    assert "1101700230708" == complaint["complainant"]["national_id"]
    assert "+66812345678" == complaint["complainant"]["phone"]
    assert "2026-10-05T02:30:00Z" == complaint["received_at"]
    hotline = changed(HOTLINE, "/evidence/caller_number", "1784")
    assert "1784" == busy_centre.complaint(busy_centre.registered(**hotline)["id"])["evidence"]["caller_number"]


@pytest.mark.parametrize(
    ("base", "pointer", "value", "code"),
    [
        (LETTER, "/channel", "telegram", "unknown_code"),
        (LETTER, "/channel", ..., "required"),
        (LETTER, "/kind", "joke", "unknown_code"),
        (LETTER, "/subject", "  ", "too_short"),
        (LETTER, "/subject", "ก" * 301, "too_long"),
        (LETTER, "/subject", "a\x00b", "control_character"),
        (LETTER, "/subject", "สอง\nบรรทัด", "control_character"),
        (LETTER, "/details", "ก" * 20_001, "too_long"),
        (LETTER, "/details", ..., "required"),
        (LETTER, "/unheard_of", 1, "unknown_field"),
        (LETTER, "/received_at", "2569-10-05T09:30:00+07:00", "buddhist_year"),
        (LETTER, "/received_at", "2026-10-05T09:30:00", "offset_required"),
        (LETTER, "/received_at", "5 ตุลาคม", "wrong_form"),
        (LETTER, "/received_at", "2999-01-01T00:00:00Z", "buddhist_year"),
        (LETTER, "/confidential", "yes", "wrong_type"),
        (LETTER, "/complainant/national_id", "1101700230700", "wrong_national_id"),
        (LETTER, "/complainant/phone", "12", "wrong_phone"),
        (LETTER, "/complainant/email", "somsri@", "wrong_email"),
        (LETTER, "/complainant/nickname", "ศรี", "unknown_field"),
        (LETTER, "/place/province", "", "too_short"),
        (LETTER, "/evidence", ..., "required"),
        (LETTER, "/evidence/pages", 0, "too_small"),
        (LETTER, "/evidence/pages", "3", "wrong_type"),
        (LETTER, "/evidence/postmarked_on", ..., "required"),
        (LETTER, "/evidence/postmarked_on", "2569-10-01", "buddhist_year"),
        (LETTER, "/evidence/postmarked_on", "2026-10-07", "after_receipt"),
        (LETTER, "/evidence/counter", "3", "unknown_field"),
        (HOTLINE, "/evidence/caller_number", ..., "required"),
        (HOTLINE, "/evidence/caller_number", "สายด่วน", "wrong_phone"),
        (HOTLINE, "/evidence/call_started_at", "2026-10-05T02:00:00", "offset_required"),
        (WALK_IN, "/evidence/id_checked", "ใช่", "wrong_type"),
        (WALK_IN, "/evidence/counter", ..., "required"),
        (WEBSITE, "/evidence/consent", False, "consent_required"),
    ],
)
def test_a_wrong_field_is_named_and_nothing_is_recorded(
    quiet_centre: Centre, base: Json, pointer: str, value: object, code: str
) -> None:
    """The problem points at the field, says what is wrong with it, and does not repeat what was sent."""
    problem = refused(quiet_centre.as_("intake").post("/v1/complaints", json=changed(base, pointer, value)), 400)
    assert {pointer: code} == pointers(problem)


def test_all_that_is_wrong_is_told_at_once(quiet_centre: Centre) -> None:
    """In the common fields, the complainant and the evidence, in Thai unless English is asked for."""
    body = changed(LETTER, "/evidence/pages", 0)
    body = changed(body, "/complainant/national_id", "123")
    body = changed(body, "/subject", "")
    body = changed(body, "/received_at", (datetime.now(UTC) + timedelta(hours=1)).isoformat())
    answer = quiet_centre.as_("intake").post("/v1/complaints", json=body, headers={"Accept-Language": "th"})
    problem = refused(answer, 400)
    assert {
        "/subject": "too_short",
        "/received_at": "in_future",
        "/complainant/national_id": "wrong_national_id",
        "/evidence/pages": "too_small",
    } == pointers(problem)
    assert "ต้องไม่เป็นเวลาในอนาคต" in {error["detail"] for error in problem["errors"]}
    assert "123" not in answer.text


def test_bodies_that_are_no_complaint_are_refused(quiet_centre: Centre) -> None:
    """Wrong JSON, lone surrogates, other media types and huge bodies get a clear 4xx."""
    clerk = quiet_centre.as_("intake")
    json = {"Content-Type": "application/json"}
    refused(clerk.post("/v1/complaints", content=b'{"channel":', headers=json), 400)
    lone = b'{"channel":"letter","kind":"inquiry","subject":"\\ud800","details":"x","evidence":{}}'
    refused(clerk.post("/v1/complaints", content=lone, headers=json), 400)
    refused(clerk.post("/v1/complaints", content=b"x" * 2**21, headers=json), 413)
    refused(clerk.post("/v1/complaints", content=b"x", headers={"Content-Type": "text/plain"}), 415)


def test_tracking_numbers_count_through_the_buddhist_year(centre: Centre) -> None:
    """A number has the year of recording in Bangkok, and no two are the same, however many come at once."""
    year = (datetime.now(UTC) + timedelta(hours=7)).year + 543
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda _: centre.registered()["tracking_number"], range(12)))
    assert 12 == len(set(found))
    assert [f"1111-{year}-{serial:06d}" for serial in range(1, 13)] == sorted(number[:-2] for number in found)


def test_the_secret_is_kept_only_as_a_digest(centre: Centre) -> None:
    """It is told once, and stands nowhere."""
    new = centre.registered()
    with centre.session() as session:
        row = session.execute(sa.text("SELECT complaints::text FROM complaints")).scalar_one()
    assert new["tracking_secret"] not in row
    assert new["tracking_secret"] not in centre.as_("officer").get(f"/v1/complaints/{new['id']}").text


def test_a_repeated_request_gets_the_first_answer(centre: Centre) -> None:
    """With its secret, and no second complaint; another body under the same key is refused."""
    clerk = centre.as_("intake")
    key = {"Idempotency-Key": "a-1"}
    first = clerk.post("/v1/complaints", json=LETTER, headers=key)
    again = clerk.post("/v1/complaints", json=LETTER, headers=key)
    assert made(first) == made(again)
    assert "true" == again.headers["idempotency-replayed"]
    refused(clerk.post("/v1/complaints", json=WALK_IN, headers=key), 422)
    assert 1 == ok(clerk.get("/v1/complaints?count=true"))["total"]


def test_an_agency_s_system_files_and_sees_its_own_alone(centre: Centre) -> None:
    """It must send an Idempotency-Key; what others filed does not exist for it."""
    one = centre.as_("agency_client", client_id="damrongtham")
    other = centre.as_("agency_client", client_id="opm", subject="other")
    refused(one.post("/v1/complaints", json=LETTER), 400)
    own = made(one.post("/v1/complaints", json=LETTER, headers={"Idempotency-Key": "1"}))
    centre.registered()
    assert own["id"] == ok(one.get(f"/v1/complaints/{own['id']}"))["id"]
    assert [own["id"]] == [item["id"] for item in ok(one.get("/v1/complaints"))["items"]]
    refused(other.get(f"/v1/complaints/{own['id']}"), 404)
    refused(one.get(f"/v1/complaints/{own['id']}/history"), 403)


@pytest.mark.parametrize("role", ["verifier", "officer", "km_editor", "supervisor", "auditor", "operator"])
def test_only_intake_records(quiet_centre: Centre, role: str) -> None:
    """Other roles get 403 with the roles that may."""
    problem = refused(quiet_centre.as_(role).post("/v1/complaints", json=LETTER), 403)
    assert "intake" in problem["detail"]


def test_nobody_reads_without_a_token(busy_centre: Centre) -> None:
    """401, and for people of the Centre without such a complaint 404."""
    id_ = busy_centre.registered()["id"]
    refused(busy_centre.anyone.get(f"/v1/complaints/{id_}"), 401)
    refused(busy_centre.anyone.get("/v1/complaints"), 401)
    refused(busy_centre.as_("officer").get("/v1/complaints/019a5f0e-7c00-7000-8000-000000000001"), 404)
    refused(busy_centre.as_("officer").get("/v1/complaints/not-a-uuid"), 400)


def test_a_list_is_filtered_sorted_and_paged(centre: Centre) -> None:
    """A comma means OR, filters mean AND, times are half-open, pages neither skip nor repeat."""
    for day, content in enumerate([LETTER, WALK_IN, WEBSITE, LETTER, WALK_IN], start=10):
        centre.registered(**content | {"received_at": f"2026-10-{day}T03:00:00Z"})
    officer = centre.as_("officer")

    def days(query: str) -> list[str]:
        return [item["received_at"][8:10] for item in ok(officer.get(f"/v1/complaints?{query}"))["items"]]

    assert ["14", "13", "12", "11", "10"] == days("")
    assert ["10", "11", "12", "13", "14"] == days("sort=received_at")
    assert ["14", "13", "11", "10"] == days("channel=letter,walk_in")
    assert ["13", "10"] == days("channel=letter,website&kind=inquiry&state=received")
    assert ["13", "10"] == days("province=ลำพูน")
    assert ["12", "11"] == days("from=2026-10-11T03:00:00Z&to=2026-10-13T03:00:00Z")
    assert [] == days("recorded_to=2026-10-01T00:00:00Z")
    assert [] == days("referred_to=chumchon")
    page = ok(officer.get("/v1/complaints?limit=2&count=true&kind=inquiry,request"))
    assert 4 == page["total"]
    rest = ok(officer.get("/v1/complaints", params={"limit": 2, "kind": "inquiry,request", "cursor": page["next"]}))
    assert rest["next"] is None
    assert ["14", "13", "11", "10"] == [item["received_at"][8:10] for item in page["items"] + rest["items"]]
    refused(officer.get("/v1/complaints", params={"limit": 2, "cursor": page["next"]}), 400)


@pytest.mark.parametrize(
    ("query", "pointer"),
    [
        ("state=lost", "/state/0"),
        ("channel=letter,pigeon", "/channel/1"),
        ("colour=red", "/colour"),
        ("limit=0", "/limit"),
        ("limit=101", "/limit"),
        ("sort=subject", "/sort"),
        ("from=2026-10-11T03:00:00", "/from"),
        ("from=2569-10-11T03:00:00Z", "/from"),
        ("cursor=abc", "/cursor"),
    ],
)
def test_a_filter_that_means_nothing_is_refused(quiet_centre: Centre, query: str, pointer: str) -> None:
    """Rather than passed over."""
    problem = refused(quiet_centre.as_("officer").get(f"/v1/complaints?{query}"), 400)
    assert [pointer] == list(pointers(problem))


def test_text_is_found_word_by_word(centre: Centre) -> None:
    """All words must stand in the text; dropped tone marks do not matter, and LIKE's signs mean themselves."""
    centre.registered()
    officer = centre.as_("officer")

    def found(q: str) -> bool:
        return bool(ok(officer.get("/v1/complaints", params={"q": q}))["items"])

    assert [True] * 4 == [found(q) for q in ("โอนเงิน", "โอนเงิน งบประมาณ", "ระเบียบการโอน", "ขันตอน")]
    assert [False] * 3 == [found(q) for q in ("ระเบียบ ชาวนา", "100%", "_")]


def test_complaints_are_counted_by_state(centre: Centre) -> None:
    """For the tabs of a list, under its filters."""
    centre.registered()
    centre.verified()
    centre.verified(**WALK_IN)
    counts = ok(centre.as_("officer").get("/v1/complaints/counts?channel=letter"))
    assert (1, 1, 0, 2) == (
        counts["state"]["received"],
        counts["state"]["verified"],
        counts["state"]["closed"],
        counts["total"],
    )


def test_a_correction_changes_what_it_names_and_is_kept_in_the_history(centre: Centre) -> None:
    """As a merge patch: null takes away; the history names fields and not what they held."""
    id_ = centre.registered()["id"]
    clerk = centre.as_("intake")
    patch = {
        "subject": "แก้ไขหัวเรื่อง",
        "place": {"district": None},
        "complainant": {"phone": None},
        "evidence": {"pages": 4},
    }
    answer = clerk.patch(f"/v1/complaints/{id_}", json=patch, headers={"If-Match": '"1"'})
    complaint = ok(answer)
    assert '"2"' == answer.headers["etag"]
    assert "แก้ไขหัวเรื่อง" == complaint["subject"]
    assert (None, "ลำพูน") == (complaint["place"]["district"], complaint["place"]["province"])
    assert (None, "สมศรี") == (complaint["complainant"]["phone"], complaint["complainant"]["first_name"])
    assert (4, "2026-10-01") == (complaint["evidence"]["pages"], complaint["evidence"]["postmarked_on"])
    entry = ok(centre.as_("officer").get(f"/v1/complaints/{id_}/history"))["items"][-1]
    assert ("correct", "complainant, district, evidence, subject") == (entry["move"], entry["note"])
    items = ok(clerk.get("/v1/complaints", params={"q": "แก้ไขหัวเรื่อง"}))["items"]
    assert [id_] == [item["id"] for item in items]


def test_a_complaint_becomes_anonymous_and_named_again(busy_centre: Centre) -> None:
    """`complainant: null` takes the name away; a later correction gives one."""
    id_ = busy_centre.registered()["id"]
    clerk = busy_centre.as_("intake")
    gone = ok(clerk.patch(f"/v1/complaints/{id_}", json={"complainant": None}, headers={"If-Match": "*"}))
    assert gone["complainant"] is None
    back = {"complainant": {"first_name": "มาลี"}}
    named = ok(clerk.patch(f"/v1/complaints/{id_}", json=back, headers={"If-Match": "*"}))
    assert "มาลี" == named["complainant"]["first_name"]


def test_a_correction_names_the_version_that_it_was_made_from(busy_centre: Centre) -> None:
    """428 without, 412 with an old one; reading with the present one is 304."""
    path = f"/v1/complaints/{busy_centre.registered()['id']}"
    clerk = busy_centre.as_("intake")
    refused(clerk.patch(path, json={"subject": "ก"}), 428)
    ok(clerk.patch(path, json={"subject": "ก"}, headers={"If-Match": '"1"'}))
    refused(clerk.patch(path, json={"subject": "ข"}, headers={"If-Match": '"1"'}), 412)
    assert 304 == clerk.get(path, headers={"If-None-Match": '"2"'}).status_code


@pytest.mark.parametrize(
    ("patch", "wrong"),
    [
        ({"subject": None}, {"/subject": "required"}),
        ({"state": "closed"}, {"/state": "unknown_field"}),
        ({"channel": "walk_in"}, {"/evidence/counter": "required"}),
        ({"complainant": {"phone": "1"}}, {"/complainant/phone": "wrong_phone"}),
        ({"evidence": {"postmarked_on": "2026-10-31"}}, {"/evidence/postmarked_on": "after_receipt"}),
    ],
)
def test_a_wrong_correction_changes_nothing(busy_centre: Centre, patch: Json, wrong: Json) -> None:
    """The patched record is checked as a whole, as a new one would be."""
    path = f"/v1/complaints/{busy_centre.registered()['id']}"
    problem = refused(busy_centre.as_("intake").patch(path, json=patch, headers={"If-Match": "*"}), 400)
    assert wrong.items() <= pointers(problem).items()
    assert 1 == ok(busy_centre.as_("officer").get(path))["version"]
