"""Lists that officers live in: filters by due, place and referral, saved views, and many complaints done at once."""

from datetime import UTC, datetime, timedelta
from itertools import chain, combinations
from urllib.parse import quote
from uuid import UUID

import pytest
import sqlalchemy as sa

from center1111.codes import Standing
from center1111.records import Complaint
from servicekit.clock import utc_now

from .conftest import AGENCY, Centre, Json, made, ok, pointers, refused

NOBODY = "019a5f0e-7c00-7000-8000-000000000001"


def due(centre: Centre, complaint: Json, at: datetime) -> str:
    """Make the complaint due at that moment."""
    with centre.session() as session, session.begin():
        session.execute(sa.update(Complaint).where(Complaint.id == UUID(complaint["id"])).values(due_at=at))
    return str(complaint["id"])


def listed(centre: Centre, query: str) -> set[str]:
    """The ids of the complaints that the list finds, which its counts must agree with."""
    found = {one["id"] for one in ok(centre.as_("officer").get(f"/v1/complaints?limit=100&{query}"))["items"]}
    assert len(found) == ok(centre.as_("officer").get(f"/v1/complaints/counts?{query}"))["total"]
    return found


def test_complaints_are_found_by_how_their_deadlines_stand(centre: Centre) -> None:
    """Any of the standings, or several; what has been answered stands nowhere."""
    now = utc_now()
    near_until = centre.app.state.deadlines.near_due_until(now)
    by_standing = {
        "overdue": {due(centre, centre.registered(), now - timedelta(days=1))},
        "near_due": {due(centre, centre.registered(), now + timedelta(hours=1))},
        "in_time": {due(centre, centre.verified(), near_until + timedelta(days=3))},
    }
    due(centre, centre.answered(), now - timedelta(days=1))
    assert set(by_standing) == set(Standing)
    for some in chain.from_iterable(combinations(by_standing, count) for count in (1, 2, 3)):
        assert set().union(*(by_standing[one] for one in some)) == listed(centre, f"standing={','.join(some)}")
    assert by_standing["in_time"] == listed(centre, "standing=in_time&state=verified")
    assert set() == listed(centre, "standing=overdue&state=answered")


def test_complaints_are_found_by_place_and_referral(centre: Centre) -> None:
    """By district and subdistrict, by when they are due, and by whether anybody else was asked."""
    here = centre.registered(place={"province": "ลำพูน", "district": "เมืองลำพูน", "subdistrict": "บ้านกลาง"})
    there = centre.registered(place={"province": "ลำพูน", "district": "ป่าซาง"})
    asked = centre.verified(place=None)
    centre.referred(asked)
    assert {here["id"]} == listed(centre, f"district={quote('เมืองลำพูน')}")
    assert {here["id"], there["id"]} == listed(centre, f"district={quote('เมืองลำพูน')},{quote('ป่าซาง')}")
    assert {here["id"]} == listed(centre, f"subdistrict={quote('บ้านกลาง')}")
    assert ({asked["id"]}, {here["id"], there["id"]}) == (
        listed(centre, "referred=true"),
        listed(centre, "referred=false"),
    )
    late = due(centre, there, datetime(2027, 5, 1, tzinfo=UTC))
    assert {late} == listed(centre, "due_from=2027-05-01T00:00:00Z&due_to=2027-05-02T00:00:00Z")


def test_places_are_found_by_the_names_that_intake_takes(centre: Centre) -> None:
    """Short, with the word for their level, or in English; what is only called เมือง is so in every province."""
    khon_kaen = centre.registered(place={"province": "Khon Kaen", "district": "อ.เมือง", "subdistrict": "พระลับ"})["id"]
    bangkok = centre.registered(place={"province": "กทม.", "district": "ดุสิต"})["id"]
    lamphun = centre.registered(place={"province": "ลำพูน", "district": "เมืองลำพูน"})["id"]
    for query, found in {
        "province=khon kaen": {khon_kaen},
        "province=กทม.,จ.ลำพูน": {bangkok, lamphun},
        "district=เขตดุสิต": {bangkok},
        "district=Mueang": {khon_kaen, lamphun},
        "district=อำเภอเมือง&province=ขอนแก่น": {khon_kaen},
        "subdistrict=ต.พระลับ": {khon_kaen},
        "province=ลำพูน&district=ดุสิต": set(),
    }.items():
        assert found == listed(centre, query), query
    filters = {"province": ["กทม."], "district": ["เมือง", "ดุสิต"]}
    view = made(centre.as_("officer").post("/v1/saved-views", json={"name": "เมืองหลวง", "filters": filters}))
    assert filters == view["filters"]
    assert [bangkok] == [one["id"] for one in ok(centre.as_("officer").get(view["path"]))["items"]]


def test_complaints_are_found_by_tracking_numbers_as_people_write_them(centre: Centre) -> None:
    """In small letters, with spaces, with Thai digits; a complaint's referrals, too."""
    first, second = centre.registered(), centre.verified()
    number = first["tracking_number"]
    thai = number.translate(str.maketrans("0123456789", "๐๑๒๓๔๕๖๗๘๙"))
    for written in (number.lower(), number.replace("-", " "), f" {thai} "):
        assert {first["id"]} == listed(centre, f"tracking_number={quote(written)}")
    both = f"{number.lower()}, {second['tracking_number'].replace('-', ' - ')}"
    assert {first["id"], second["id"]} == listed(centre, f"tracking_number={quote(both)}")
    referral, written = centre.referred(second), second["tracking_number"].lower()
    (found,) = ok(centre.as_("officer").get(f"/v1/referrals?tracking_number={written}"))["items"]
    assert referral["id"] == found["id"]


@pytest.mark.parametrize(
    ("query", "wrong"),
    [
        ("standing=soon", {"/standing/0": "unknown_code"}),
        ("referred=perhaps", {"/referred": "wrong_type"}),
        ("due_from=2569-01-01T00:00:00Z", {"/due_from": "buddhist_year"}),
        ("due_from=2026-01-01T00:00:00", {"/due_from": "offset_required"}),
        ("districts=x", {"/districts": "unknown_parameter"}),
        ("province=ลำพูน,แอตแลนติส", {"/province/1": "unknown_place"}),
        ("province=เมืองลำพูน", {"/province/0": "unknown_place"}),
        ("district=ลำ", {"/district/0": "unknown_place"}),
        ("subdistrict=.", {"/subdistrict/0": "unknown_place"}),
        ("tracking_number=1111-2569-000123-A", {"/tracking_number/0": "wrong_tracking_number"}),
    ],
)
def test_a_wrong_filter_is_refused(quiet_centre: Centre, query: str, wrong: dict[str, str]) -> None:
    """And not ignored: a list without its filter would mislead."""
    answer = quiet_centre.as_("officer").get(f"/v1/complaints?{query}")
    assert wrong == pointers(refused(answer, 400))


def test_an_officer_saves_a_view_and_sees_it_again(centre: Centre) -> None:
    """Its address is that of the list; it belongs to the officer alone."""
    officer = centre.as_("officer", subject="somchai")
    body = {
        "name": "ใกล้ครบกำหนด ลำพูน",
        "filters": {"standing": ["near_due", "overdue"], "province": ["ลำพูน"], "referred": False, "q": "โอนเงิน"},
        "sort": "due_at",
    }
    view = made(officer.post("/v1/saved-views", json=body))
    assert body == {name: view[name] for name in body}
    here = due(centre, centre.registered(), utc_now())
    assert [here] == [one["id"] for one in ok(officer.get(view["path"]))["items"]]
    assert [view] == ok(officer.get("/v1/saved-views"))["items"]
    other = centre.as_("officer", subject="malee")
    assert [] == ok(other.get("/v1/saved-views"))["items"]
    path = f"/v1/saved-views/{view['id']}"
    refused(other.put(path, json=body), 404)
    refused(other.delete(path), 404)
    changed = ok(officer.put(path, json=body | {"filters": {"from": "2026-10-01T00:00:00+07:00"}}))
    assert {"from": "2026-09-30T17:00:00Z"} == changed["filters"]
    assert [here] == [one["id"] for one in ok(officer.get(changed["path"]))["items"]]
    assert 204 == officer.delete(path).status_code
    refused(officer.delete(path), 404)


def test_a_name_stands_for_one_view(centre: Centre) -> None:
    """Of one officer; others may use it."""
    first: Json = {"name": "หนึ่ง", "filters": {}}
    second: Json = {"name": "สอง", "filters": {}}
    officer = centre.as_("officer")
    made(officer.post("/v1/saved-views", json=first))
    view = made(officer.post("/v1/saved-views", json=second))
    assert "/problems/view-name-taken" == refused(officer.post("/v1/saved-views", json=first), 409)["type"]
    refused(officer.put(f"/v1/saved-views/{view['id']}", json=first), 409)
    ok(officer.put(f"/v1/saved-views/{view['id']}", json=second))
    made(centre.as_("officer", subject="malee").post("/v1/saved-views", json=first))


@pytest.mark.parametrize(
    ("body", "wrong"),
    [
        ({"filters": {}}, {"/name": "required"}),
        ({"name": "", "filters": {}}, {"/name": "too_short"}),
        ({"name": "x"}, {"/filters": "required"}),
        ({"name": "x", "filters": {"states": ["received"]}}, {"/filters/states": "unknown_field"}),
        ({"name": "x", "filters": {"state": ["lost"]}}, {"/filters/state/0": "unknown_code"}),
        ({"name": "x", "filters": {"state": "received,lost"}}, {"/filters/state/1": "unknown_code"}),
        ({"name": "x", "filters": {"province": ["แอตแลนติส"]}}, {"/filters/province/0": "unknown_place"}),
        ({"name": "x", "filters": {"state": 7}}, {"/filters/state": "wrong_type"}),
        ({"name": "x", "filters": {"state": [7]}}, {"/filters/state/0": "unknown_code"}),
        ({"name": "x", "filters": {"client_id": ["a"]}}, {"/filters/client_id": "unknown_field"}),
        ({"name": "x", "filters": {"due_to": "2026-01-01T00:00:00"}}, {"/filters/due_to": "offset_required"}),
        ({"name": "x", "filters": {}, "sort": "subject"}, {"/sort": "unknown_code"}),
    ],
)
def test_a_view_that_no_list_would_take_is_refused(quiet_centre: Centre, body: Json, wrong: dict[str, str]) -> None:
    """Its filters are checked as the list checks them."""
    assert wrong == pointers(refused(quiet_centre.as_("officer").post("/v1/saved-views", json=body), 400))


def bulk(centre: Centre, what: str, role: str, *ids: str, **body: object) -> Json:
    """The results of doing it to these complaints."""
    return ok(
        centre.as_(role).post(f"/v1/complaints/bulk-{what}", json={"complaints": [{"id": id_} for id_ in ids], **body})
    )


def test_many_are_accepted_and_each_has_its_result(busy_centre: Centre) -> None:
    """Those that cannot be done say why, in the words of the single call, and hold up nobody."""
    first, second = busy_centre.registered()["id"], busy_centre.registered()["id"]
    verified = busy_centre.verified()["id"]
    found = bulk(busy_centre, "verification", "verifier", second, verified, NOBODY, first, outcome="accepted")
    assert (False, 2, 2) == (found["dry_run"], found["done"], found["refused"])
    assert [second, verified, NOBODY, first] == [one["id"] for one in found["results"]]
    assert [("received", "verified"), ("verified", None), (None, None), ("received", "verified")] == [
        (one["state_before"], one["state_after"]) for one in found["results"]
    ]
    assert [None, "/problems/move-not-allowed", "/problems/complaint-not-found", None] == [
        one["problem"] and one["problem"]["type"] for one in found["results"]
    ]
    assert {"verified"} == {busy_centre.complaint(id_)["state"] for id_ in (first, second)}


def test_a_preview_shows_what_would_happen_and_changes_nothing(busy_centre: Centre) -> None:
    """The same results as the real thing gives afterwards; nothing is owed to the agency by it."""
    one, other = busy_centre.verified()["id"], busy_centre.registered()["id"]
    body = {"to": AGENCY, "question": "ขอทราบกำหนดโอนเงิน"}
    before = [busy_centre.complaint(id_) for id_ in (one, other)]
    preview = bulk(busy_centre, "referral", "officer", one, other, dry_run=True, **body)
    assert before == [busy_centre.complaint(id_) for id_ in (one, other)]
    real = bulk(busy_centre, "referral", "officer", one, other, **body)
    assert preview | {"dry_run": False} == real
    (referral,) = busy_centre.complaint(one)["referrals"]
    assert ["referral.sent.v1"] == [message["type"] for message in busy_centre.owed(referral["id"])]


def test_many_are_refused_on_one_ground(busy_centre: Centre) -> None:
    """As each would be by itself."""
    ids = [busy_centre.registered()["id"] for _ in range(3)]
    bulk(busy_centre, "verification", "verifier", *ids, outcome="refused", ground="before_the_courts")
    assert {"before_the_courts"} == {busy_centre.complaint(id_)["verification"]["ground"] for id_ in ids}


def test_what_somebody_else_has_changed_is_left_alone(busy_centre: Centre) -> None:
    """Where the version is told that the officer saw."""
    complaint = busy_centre.registered()
    body = {"complaints": [{"id": complaint["id"], "version": 7}], "outcome": "accepted"}
    found = ok(busy_centre.as_("verifier").post("/v1/complaints/bulk-verification", json=body))
    problem = found["results"][0]["problem"]
    assert ("/problems/version-mismatch", 412) == (problem["type"], problem["status"])
    assert "If-Match" not in problem["detail"]
    assert "load the list again" in problem["detail"]
    assert "received" == busy_centre.complaint(complaint["id"])["state"]


@pytest.mark.parametrize(
    ("changes", "wrong"),
    [
        ({"complaints": []}, {"/complaints": "required"}),
        ({"complaints": [{"id": NOBODY}] * 2}, {"/complaints": "complaint_twice"}),
        ({"complaints": [{"id": NOBODY}] * 101}, {"/complaints": "too_long"}),
        ({"complaints": [{"id": "x"}]}, {"/complaints/0/id": "wrong_form"}),
        ({"outcome": "perhaps"}, {"/outcome": "unknown_code"}),
        ({"outcome": "refused"}, {"/ground": "ground_required"}),
        ({"dry_run": "no"}, {"/dry_run": "wrong_type"}),
    ],
)
def test_a_wrong_bulk_request_does_nothing(quiet_centre: Centre, changes: Json, wrong: dict[str, str]) -> None:
    """What is wrong for all is refused for all."""
    body = {"complaints": [{"id": NOBODY}], "outcome": "accepted"} | changes
    answer = quiet_centre.as_("verifier").post("/v1/complaints/bulk-verification", json=body)
    assert wrong == pointers(refused(answer, 400))


def test_who_may_do_many(quiet_centre: Centre) -> None:
    """Who may do one."""
    verification = {"complaints": [{"id": NOBODY}], "outcome": "accepted"}
    referral = {"complaints": [{"id": NOBODY}], "to": AGENCY, "question": "x"}
    refused(quiet_centre.as_("officer").post("/v1/complaints/bulk-verification", json=verification), 403)
    refused(quiet_centre.as_("verifier").post("/v1/complaints/bulk-referral", json=referral), 403)
    refused(quiet_centre.anyone.post("/v1/complaints/bulk-referral", json=referral), 401)
    refused(quiet_centre.as_("agency_client").get("/v1/saved-views"), 403)


def test_a_search_in_a_tab_looks_at_nothing_else(quiet_centre: Centre) -> None:
    """The index of words holds the codes by which lists are filtered: what has the words elsewhere is not read."""
    others = "SELECT indexname FROM pg_indexes WHERE tablename = 'complaints' AND indexdef LIKE '%USING btree (%'"
    with quiet_centre.app.state.sessions() as session:  # rolled back at the end
        session.execute(sa.text("SET LOCAL enable_seqscan = off"))
        for index in session.scalars(sa.text(f"{others} AND indexname LIKE 'ix_%'")).all():
            session.execute(sa.text(f"DROP INDEX {index}"))
        for code in ("state", "channel", "kind", "province", "district", "work_group"):
            search = f"EXPLAIN SELECT id FROM complaints WHERE search_text LIKE '%เครือง%' AND {code} = 'x'"  # noqa: S608
            plan = session.scalars(sa.text(search)).all()
            (found_by,) = [line for line in plan if "Index Cond" in line]
            assert ("search_text ~~" in found_by, f"({code} = " in found_by) == (True, True), plan
