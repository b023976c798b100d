"""Every error is a problem in the caller's language, and bad input changes nothing."""

import pytest
from starlette.testclient import TestClient

from servicekit.words import preferred_language

JSON = {"Content-Type": "application/json"}


def codes(problem: dict[str, list[dict[str, str]]]) -> list[tuple[str, str]]:
    return [(error["pointer"], error["code"]) for error in problem["errors"]]


def test_all_wrong_fields_are_told_at_once(maker: TestClient) -> None:
    """One answer lists every wrong field with its pointer, so that a form can show them together."""
    response = maker.post("/v1/things", json={"subject": " ", "seen_at": "2026-10-01T09:00:00", "colour": "red"})

    assert response.status_code == 400
    assert response.headers["content-type"] == "application/problem+json"
    assert codes(response.json()) == [
        ("/subject", "too_short"),
        ("/seen_at", "offset_required"),
        ("/colour", "unknown_field"),
    ]


def test_nothing_that_was_sent_is_echoed(maker: TestClient) -> None:
    """What somebody wrote is personal data: a problem never repeats it."""
    response = maker.post("/v1/things", json={"subject": "1234567890121" * 5})

    assert response.status_code == 400
    assert "1234567890121" not in response.text


def test_what_turns_the_direction_of_writing_is_left_out(maker: TestClient) -> None:
    """It would show other words than were kept; a break between Thai words, unseen as well, does no harm."""
    made = maker.post("/v1/things", json={"subject": "ก\u202eขค\u202c \u2066ง\u2069 จ\u200bฉ"})
    assert "กขค ง จ\u200bฉ" == made.json()["subject"]


@pytest.mark.parametrize(
    ("body", "pointer", "code"),
    [
        (b'{"subject": "\\ud800"}', "/subject", "control_character"),
        (b'{"subject": "a\\u0000b"}', "/subject", "control_character"),
        (b'{"subject": "a\\nb"}', "/subject", "control_character"),
        (b'{"subject": "a", "details": "a\\u001bb"}', "/details", "control_character"),
        (b'{"subject": 5}', "/subject", "wrong_type"),
        (b'{"subject": "012345678901234567890"}', "/subject", "too_long"),
        (b'{"subject": "a", "seen_at": "2569-10-01T09:00:00+07:00"}', "/seen_at", "buddhist_year"),
        (b'{"subject": "a", "seen_at": "0069-10-01T09:00:00+07:00"}', "/seen_at", "too_early"),
        (b'{"subject": "a", "seen_at": "0001-01-01T00:00:00+14:00"}', "/seen_at", "too_early"),
        (b'{"subject": "a", "seen_at": 1795401157}', "/seen_at", "wrong_form"),
        (b'{"subject": "a", "seen_at": "-1"}', "/seen_at", "wrong_form"),
        (b'{"subject": "a", "seen_at": "1795401157"}', "/seen_at", "wrong_form"),
        (b'{"subject": "\xe2\x80\x8b \xe2\x81\xa0"}', "/subject", "too_short"),
        (b'{"subject": "a", "seen_on": "2569-10-01"}', "/seen_on", "buddhist_year"),
        (b'{"subject": "a", "seen_on": "1/10/2026"}', "/seen_on", "wrong_form"),
        (b"[]", "", "wrong_type"),
        (b"null", "", "wrong_type"),
    ],
)
def test_bad_fields_have_their_code(maker: TestClient, body: bytes, pointer: str, code: str) -> None:
    """Each kind of bad value has a code of its own that programs can rely on."""
    response = maker.post("/v1/things", content=body, headers=JSON)

    assert (400, [(pointer, code)]) == (response.status_code, codes(response.json()))
    assert maker.get("/v1/things").json()["items"] == []


@pytest.mark.parametrize(
    ("body", "content_type", "status", "slug"),
    [
        (b'{"subject"', "application/json", 400, "malformed-json"),
        (b"[" * 100_000, "application/json", 400, "bad-request"),
        (b"\xff\xfe", "application/json", 400, "malformed-json"),
        (b"subject=a", "application/x-www-form-urlencoded", 415, "unsupported-media-type"),
        (b'{"subject": "a"}', "", 415, "unsupported-media-type"),
        (b'{"subject": "' + b"a" * 2 * 1024 * 1024 + b'"}', "application/json", 413, "body-too-large"),
    ],
)
def test_unreadable_bodies_are_refused(
    maker: TestClient, body: bytes, content_type: str, status: int, slug: str
) -> None:
    """A body that is not JSON, not declared as such, too deep or too large is a clear 4xx."""
    response = maker.post("/v1/things", content=body, headers={"Content-Type": content_type})

    assert (status, f"/problems/{slug}") == (response.status_code, response.json()["type"])


def test_a_body_without_length_is_counted_as_it_comes(maker: TestClient) -> None:
    """Chunks do not get around the limit."""
    response = maker.post("/v1/things", content=(b"a" * 65536 for _ in range(40)), headers=JSON)

    assert (response.status_code, response.json()["type"]) == (413, "/problems/body-too-large")


def test_unknown_query_parameters_are_refused(client: TestClient) -> None:
    """A misspelt filter must not quietly widen the list."""
    response = client.get("/v1/things?limits=5&limit=5")

    assert (response.status_code, codes(response.json())) == (400, [("/limits", "unknown_parameter")])


def test_405_lists_every_method_of_the_path(client: TestClient) -> None:
    """`Allow` names what the path takes, over all of its routes."""
    response = client.delete("/v1/things/1")

    assert (response.status_code, response.headers["allow"]) == (405, "GET, PATCH")
    assert response.json()["type"] == "/problems/method-not-allowed"


def test_an_unknown_path_is_a_problem_too(client: TestClient) -> None:
    """404 has the same shape as every other error."""
    response = client.get("/v1/nothing")

    assert (response.status_code, response.json()["type"]) == (404, "/problems/not-found")
    assert response.json()["instance"] == "/v1/nothing"


def test_domain_errors_become_their_problem(maker: TestClient) -> None:
    """A rule's error is answered as its table says, its values in the text, and its change is undone."""
    response = maker.post("/v1/things", json={"subject": "a", "details": "stop"})

    assert (response.status_code, response.json()["detail"]) == (404, "There is no mali.")
    assert maker.get("/v1/things").json()["items"] == []


@pytest.mark.parametrize("path", ["/v1/breakdowns", "/v1/untold", "/v1/writes-while-reading"])
def test_unforeseen_errors_tell_nothing_but_whom_to_ask(client: TestClient, path: str) -> None:
    """A fault of ours is a 500 problem with the request's id, without a word of what was going on inside."""
    response = client.post(path, headers={"X-Request-ID": "find-me"})

    assert (response.status_code, response.json()["type"]) == (500, "/problems/internal-error")
    assert response.headers["x-request-id"] == "find-me"
    assert "secret" not in response.text


def test_thai_is_the_default_and_english_is_spoken(client: TestClient) -> None:
    """The language follows `Accept-Language`; without one it is Thai."""
    thai = client.get("/v1/nothing", headers={"Accept-Language": ""})
    english = client.get("/v1/nothing", headers={"Accept-Language": "fr, en-GB;q=0.8, th;q=0.1"})

    assert (thai.headers["content-language"], thai.json()["title"]) == ("th", "ไม่พบข้อมูล")
    assert (english.headers["content-language"], english.json()["title"]) == ("en", "Not found")


@pytest.mark.parametrize("header", [None, "", "*", "fr", "en;q=x", "en;q=0", ";;;,,,"])
def test_unclear_wishes_mean_thai(header: str | None) -> None:
    """Whatever stands in the header, there is a language."""
    assert preferred_language(header) == "th"


def test_each_problem_has_its_page(client: TestClient) -> None:
    """`type` leads to an explanation in both languages; an unknown one is 404."""
    page = client.get("/problems/version-mismatch")

    assert page.status_code == 200
    assert "ข้อมูลถูกแก้ไขไปแล้ว" in page.text
    assert "Somebody else has changed it" in page.text
    assert client.get("/problems/no-such-problem").status_code == 404


def test_the_openapi_document_promises_problems(client: TestClient) -> None:
    """Clients are generated from what really happens: no 422 of FastAPI's, problems as the default response."""
    document = client.get("/openapi.json").json()
    responses = document["paths"]["/v1/things"]["post"]["responses"]

    assert {"201", "default"} == responses.keys()
    assert {"application/problem+json"} == responses["default"]["content"].keys()
    assert "HTTPValidationError" not in document["components"]["schemas"]
    assert document["paths"]["/v1/things"]["post"]["operationId"] == "post_thing"


def test_documentation_is_served_without_the_internet(client: TestClient) -> None:
    """`/docs` names no other host, and its assets are here."""
    page = client.get("/docs")

    assert "https://" not in page.text
    assert client.get("/docs/assets/swagger-ui-bundle.js").status_code == 200
