"""Places: all of Thailand, official names found as people write them, and nothing that is not there."""

import pytest

from thaikit.places import Level, areas, find_area, official_names, search_areas


def test_all_of_thailand_is_known() -> None:
    """77 provinces, and every district and subdistrict lies in an area of the level above."""
    provinces, districts, subdistricts = (areas(level) for level in Level)
    assert (77, True, True) == (len(provinces), len(districts) > 900, len(subdistricts) > 7000)
    assert {area.code for area in provinces} == {area.parent for area in districts}
    assert {area.code for area in districts} == {area.parent for area in subdistricts}


def test_every_official_name_is_found_as_itself() -> None:
    """In Thai and in English; a name is told apart by the area it lies in."""
    for level in Level:
        for area in areas(level):
            for name in (area.th, area.en):
                found = find_area(level, name, parent=area.parent)
                assert found is not None
                assert (area.parent, name) == (found.parent, found.th if name == area.th else found.en)


@pytest.mark.parametrize(
    ("level", "written", "parent", "official"),
    [
        (Level.PROVINCE, "จ.ลำพูน", None, "ลำพูน"),
        (Level.PROVINCE, "จังหวัดขอนแก่น", None, "ขอนแก่น"),
        (Level.PROVINCE, "กทม.", None, "กรุงเทพมหานคร"),
        (Level.PROVINCE, "กรุงเทพฯ", None, "กรุงเทพมหานคร"),
        (Level.PROVINCE, "chiang mai", None, "เชียงใหม่"),
        (Level.PROVINCE, "อ่างทอง", None, "อ่างทอง"),
        (Level.DISTRICT, "อ. เมือง", "51", "เมืองลำพูน"),
        (Level.DISTRICT, "ดุสิต", "10", "เขตดุสิต"),
        (Level.SUBDISTRICT, "ต.บ้านกลาง", "5101", "บ้านกลาง"),
    ],
)
def test_names_are_found_as_people_write_them(level: Level, written: str, parent: str | None, official: str) -> None:
    """With or without the word for the level, shortened, or in English."""
    found = find_area(level, written, parent=parent)
    assert found is not None
    assert official == found.th


@pytest.mark.parametrize(
    ("level", "name", "parent"),
    [
        (Level.PROVINCE, "แอตแลนติส", None),
        (Level.PROVINCE, "", None),
        (Level.PROVINCE, "จังหวัด", None),
        (Level.DISTRICT, "ปากช่อง", "51"),
        (Level.DISTRICT, "เมือง", "10"),
        (Level.SUBDISTRICT, "บ้านกลาง", "9999"),
    ],
)
def test_what_is_not_there_is_not_found(level: Level, name: str, parent: str | None) -> None:
    """Neither an invented name nor a real one in another area."""
    assert find_area(level, name, parent=parent) is None


def test_names_that_begin_with_the_text_come_first() -> None:
    """Whether in Thai or in English; dropped tone marks do not matter."""
    assert "ขอนแก่น" == search_areas(Level.PROVINCE, "ขอนแกน")[0][1].th
    assert ["นครนายก", "นครปฐม"] == [
        area.th for _, area in search_areas(Level.PROVINCE, "นคร") if area.code in {"26", "73"}
    ]
    ranks = [rank for rank, _ in search_areas(Level.DISTRICT, "เมือง")]
    assert sorted(ranks) == ranks
    assert {"51"} == {area.parent for _, area in search_areas(Level.DISTRICT, "ban", parents={"51"})}
    assert 77 == len(search_areas(Level.PROVINCE))
    assert [] == search_areas(Level.PROVINCE, "แอตแลนติส")


@pytest.mark.parametrize(
    ("level", "written", "official"),
    [
        (Level.PROVINCE, "กทม.", {"กรุงเทพมหานคร"}),
        (Level.DISTRICT, "dusit", {"เขตดุสิต"}),
        (Level.SUBDISTRICT, "ต.บ้านกลาง", {"บ้านกลาง"}),
        (Level.PROVINCE, "แอตแลนติส", set()),
        (Level.DISTRICT, "", set()),
    ],
)
def test_a_name_stands_for_all_official_names_of_its_level(level: Level, written: str, official: set[str]) -> None:
    """Wherever the areas lie."""
    assert official == official_names(level, written)


def test_a_capital_district_is_that_of_any_province() -> None:
    """As long as nobody says of which."""
    assert {"เมืองลำพูน", "เมืองขอนแก่น"} < official_names(Level.DISTRICT, "อ.เมือง")
