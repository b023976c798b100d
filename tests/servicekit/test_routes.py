"""Transactions, versions, and what a response carries."""

import pytest
import sqlalchemy as sa
from fastapi import FastAPI
from sqlalchemy.orm import Session
from starlette.testclient import TestClient

from servicekit.versions import matches


def test_a_made_thing_is_committed_before_the_answer_leaves(maker: TestClient, app: FastAPI) -> None:
    """When 201 arrives, another connection already sees the row."""
    response = maker.post("/v1/things", json={"subject": " เรื่องหนึ่ง "})

    with app.state.sessions() as session:
        assert session.scalars(sa.text("SELECT subject FROM things")).all() == ["เรื่องหนึ่ง"]
    assert response.status_code == 201
    assert f"/v1/things/{response.json()['id']}" == response.headers["location"]
    assert response.headers["etag"] == '"1"'
    assert response.headers["api-version"] == "1.2.3"


def test_a_commit_that_fails_is_not_answered_as_success(maker: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    """The answer waits for the commit."""

    def broken(_session: Session) -> None:
        raise sa.exc.OperationalError("COMMIT", None, Exception("connection lost"))

    monkeypatch.setattr(Session, "commit", broken)
    response = maker.post("/v1/things", json={"subject": "a"})
    monkeypatch.undo()

    assert (response.status_code, response.headers["retry-after"]) == (503, "2")
    assert maker.get("/v1/things").json()["items"] == []


def test_a_change_needs_the_version_it_was_made_from(maker: TestClient) -> None:
    """428 without `If-Match`, 412 with an old one, and the new version's `ETag` after a change."""
    path = maker.post("/v1/things", json={"subject": "a"}).headers["location"]

    assert maker.patch(path, json={"subject": "b"}).status_code == 428
    changed = maker.patch(path, json={"subject": "b"}, headers={"If-Match": '"1"'})
    assert (changed.status_code, changed.headers["etag"], changed.json()["subject"]) == (200, '"2"', "b")
    late = maker.patch(path, json={"subject": "c"}, headers={"If-Match": '"1"'})
    assert (late.status_code, late.json()["type"]) == (412, "/problems/version-mismatch")
    assert maker.get(path).json()["subject"] == "b"


def test_a_sub_resource_may_be_changed_without_if_match(maker: TestClient) -> None:
    """There it is optional, and still obeyed when given."""
    path = maker.post("/v1/things", json={"subject": "a"}).headers["location"]

    assert maker.put(f"{path}/subject", json={"subject": "b"}).status_code == 200
    assert maker.put(f"{path}/subject", json={"subject": "c"}, headers={"If-Match": '"1"'}).status_code == 412
    assert maker.put(f"{path}/subject", json={"subject": "c"}, headers={"If-Match": '"1", "2"'}).status_code == 200
    assert maker.put(f"{path}/subject", json={"subject": "d"}, headers={"If-Match": "*"}).status_code == 200


@pytest.mark.parametrize("tag", ["1", 'W/"1"', '"one"', '""', '"1" "2"', '"' + "9" * 19 + '"'])
def test_an_if_match_that_is_no_etag_of_ours_is_refused(maker: TestClient, tag: str) -> None:
    """A malformed precondition is bad input, not a silent mismatch."""
    path = maker.post("/v1/things", json={"subject": "a"}).headers["location"]

    assert maker.patch(path, json={"subject": "b"}, headers={"If-Match": tag}).status_code == 400


def test_what_the_caller_has_is_not_sent_again(maker: TestClient) -> None:
    """`If-None-Match` with the present version is answered 304 without a body."""
    path = maker.post("/v1/things", json={"subject": "a"}).headers["location"]

    again = maker.get(path, headers={"If-None-Match": '"1"'})
    assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", '"1"')
    assert maker.get(path, headers={"If-None-Match": '"2"'}).status_code == 200


def test_etags_are_compared_weakly_for_reads() -> None:
    """A cache between may have made the tag weak; that still means the same version."""
    assert matches('W/"1", "7"', '"1"')
    assert matches("*", '"1"')
    assert not matches(None, '"1"')


def test_browsers_of_allowed_origins_may_read_what_clients_need(client: TestClient) -> None:
    """CORS names the front end and exposes the headers it works with; others get nothing."""
    allowed = client.get("/v1/things", headers={"Origin": "https://front.example"})
    stranger = client.get("/v1/things", headers={"Origin": "https://elsewhere.example"})

    assert allowed.headers["access-control-allow-origin"] == "https://front.example"
    assert {"ETag", "Location", "Link"} <= set(allowed.headers["access-control-expose-headers"].split(", "))
    assert "access-control-allow-origin" not in stranger.headers


def test_times_come_in_with_any_offset_and_go_out_in_utc(client: TestClient) -> None:
    """RFC 3339 in, UTC out."""
    assert client.get("/v1/clock", params={"at": "2026-10-01T09:00:00+07:00"}).json() == "2026-10-01T02:00:00Z"
