"""Places: searchable lists of official names, and complaints whose place is one of them."""

import pytest

from .conftest import LETTER, Centre, ok, pointers, refused


def test_the_lists_are_searched_in_both_languages(quiet_centre: Centre) -> None:
    """Anyone may, without a token: forms need them."""
    found = ok(quiet_centre.anyone.get("/v1/code-lists/provinces?q=khon"))["items"]
    assert [{"code": "40", "label": {"th": "ขอนแก่น", "en": "Khon Kaen"}, "parent": None}] == [
        one for one in found if one["code"] == "40"
    ]
    (district,) = ok(quiet_centre.anyone.get("/v1/code-lists/districts?parent=51&q=เมือง"))["items"]
    assert ("5101", "เมืองลำพูน") == (district["code"], district["label"]["th"])
    subdistricts = ok(quiet_centre.anyone.get("/v1/code-lists/subdistricts?parent=5101,5102&limit=100"))["items"]
    assert {"5101", "5102"} == {one["parent"] for one in subdistricts}


def test_the_lists_come_in_pages(quiet_centre: Centre) -> None:
    """Page after page gives every one once, those that begin with the text first."""
    path = "/v1/code-lists/districts?q=เมือง&limit=40"
    page = ok(quiet_centre.anyone.get(path + "&count=true"))
    seen = page["items"]
    while page["next"]:
        page = ok(quiet_centre.anyone.get(f"{path}&cursor={page['next']}"))
        seen += page["items"]
    total = ok(quiet_centre.anyone.get(path + "&count=true"))["total"]
    assert (total, total) == (len(seen), len({one["code"] for one in seen}))
    begins = [one["label"]["th"].startswith("เมือง") for one in seen]
    assert sorted(begins, reverse=True) == begins


@pytest.mark.parametrize(
    ("query", "wrong"),
    [
        ("districts?parent=99", {"/parent": "unknown_code"}),
        ("districts?parent=5101", {"/parent": "unknown_code"}),
        ("subdistricts?parent=51", {"/parent": "unknown_code"}),
        ("provinces?parent=1", {"/parent": "unknown_parameter"}),
        ("provinces?cursor=nonsense", {"/cursor": "wrong_cursor"}),
        ("provinces?limit=0", {"/limit": "too_small"}),
    ],
)
def test_a_wrong_question_to_the_lists_is_refused(quiet_centre: Centre, query: str, wrong: dict[str, str]) -> None:
    """With what is wrong with it."""
    assert wrong == pointers(refused(quiet_centre.anyone.get(f"/v1/code-lists/{query}"), 400))


def test_a_place_is_kept_by_its_official_names(busy_centre: Centre) -> None:
    """However it was written; the community is free text."""
    place = {"province": "Lamphun", "district": "อ.เมือง", "subdistrict": "ต. บ้านกลาง", "community": "บ้านใหม่"}
    complaint = busy_centre.registered(place=place)
    assert {
        "province": "ลำพูน",
        "district": "เมืองลำพูน",
        "subdistrict": "บ้านกลาง",
        "community": "บ้านใหม่",
    } == busy_centre.complaint(complaint["id"])["place"]


@pytest.mark.parametrize(
    ("place", "wrong"),
    [
        ({"province": "แอตแลนติส"}, {"/place/province": "unknown_place"}),
        ({"province": "แอตแลนติส", "district": "ปากช่อง"}, {"/place/province": "unknown_place"}),
        ({"province": "ลำพูน", "district": "ปากช่อง"}, {"/place/district": "unknown_place"}),
        ({"district": "ปากช่อง"}, {"/place/district": "province_required"}),
        ({"province": "ลำพูน", "subdistrict": "บ้านกลาง"}, {"/place/subdistrict": "district_required"}),
        (
            {"province": "ลำพูน", "district": "เมืองลำพูน", "subdistrict": "พระลับ"},
            {"/place/subdistrict": "unknown_place"},
        ),
        ({"province": ""}, {"/place/province": "too_short"}),
        ({"province": ["ลำพูน"]}, {"/place/province": "wrong_type"}),
    ],
)
def test_a_place_that_is_not_there_is_refused(quiet_centre: Centre, place: object, wrong: dict[str, str]) -> None:
    """Each field says what is wrong with it, and where the right names are."""
    answer = quiet_centre.as_("intake").post("/v1/complaints", json=LETTER | {"place": place})
    assert wrong == pointers(refused(answer, 400))


def test_a_correction_keeps_the_place_whole(busy_centre: Centre) -> None:
    """Another province alone would leave the district of the old one."""
    complaint = busy_centre.registered()
    path, tag = f"/v1/complaints/{complaint['id']}", {"If-Match": '"1"'}
    officer = busy_centre.as_("officer")
    wrong = refused(officer.patch(path, json={"place": {"province": "ลำปาง"}}, headers=tag), 400)
    assert {"/place/district": "unknown_place"} == pointers(wrong)
    patch = {"place": {"province": "ลำปาง", "district": "เกาะคา"}}
    assert "เกาะคา" == ok(officer.patch(path, json=patch, headers=tag))["place"]["district"]
