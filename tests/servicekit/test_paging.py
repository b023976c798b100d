"""Lists page by keyset, and a cursor is of one list with one filter."""

import base64

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from starlette.testclient import TestClient


@pytest.fixture
def five(maker: TestClient) -> TestClient:
    """A client of a service with five things, 1 to 5."""
    for number in range(1, 6):
        maker.post("/v1/things", json={"subject": str(number)})
    return maker


def test_pages_follow_each_other_to_the_end(five: TestClient) -> None:
    """Following `next` shows every thing once, in order; the last page has none."""
    seen: list[str] = []
    cursor = None
    while cursor is not None or not seen:
        page = five.get("/v1/things", params={"limit": 2} | ({"cursor": cursor} if cursor else {})).json()
        seen += [thing["subject"] for thing in page["items"]]
        cursor = page["next"]
        if cursor is None:
            break

    assert seen == ["1", "2", "3", "4", "5"]


def test_the_link_header_leads_to_the_same_page(five: TestClient) -> None:
    """`Link: rel="next"` and `next` agree; a last page has no link."""
    page = five.get("/v1/things?limit=4")
    target = page.headers["link"].removeprefix("<").removesuffix('>; rel="next"')

    assert [thing["subject"] for thing in five.get(target).json()["items"]] == ["5"]
    assert "link" not in five.get(target).headers


def test_what_comes_in_while_paging_neither_repeats_nor_skips(five: TestClient) -> None:
    """A thing made between two pages does not shift them."""
    first = five.get("/v1/things?limit=3").json()
    five.post("/v1/things", json={"subject": "6"})
    rest = five.get("/v1/things", params={"limit": 3, "cursor": first["next"]}).json()

    assert [thing["subject"] for thing in rest["items"]] == ["4", "5", "6"]


def test_the_total_is_counted_only_when_asked(five: TestClient) -> None:
    """Counting costs; it is there for those who ask."""
    assert five.get("/v1/things?limit=1&count=true").json()["total"] == 5
    assert "total" not in five.get("/v1/things?limit=1").json()


@pytest.mark.parametrize("limit", ["0", "101", "-1", "x", "1.5"])
def test_limits_are_from_1_to_100(client: TestClient, limit: str) -> None:
    """Anything else is bad input."""
    assert client.get("/v1/things", params={"limit": limit}).status_code == 400


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(raw=st.binary(max_size=60))
def test_no_invented_cursor_gets_through(client: TestClient, raw: bytes) -> None:
    """Whatever is sent as a cursor, it is refused as one, and never a fault of ours."""
    cursor = base64.urlsafe_b64encode(raw).decode()
    response = client.get("/v1/things", params={"cursor": cursor})

    assert response.status_code == 400 if cursor else response.status_code == 200


def test_a_cursor_of_another_page_size_still_fits(five: TestClient) -> None:
    """The page's size is not part of the filter."""
    first = five.get("/v1/things?limit=2").json()

    assert len(five.get("/v1/things", params={"limit": 50, "cursor": first["next"]}).json()["items"]) == 3
