"""The code lists of a service."""

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from servicekit.code_lists import PROBLEMS, code_lists_router
from servicekit.codes import Code
from servicekit.problems import install_problems
from servicekit.words import Words

COLOURS = {
    "name": "colours",
    "items": [
        {"code": "red", "label": {"th": "แดง", "en": "Red"}, "source": {"th": "มาตรฐาน", "en": "A standard"}},
        {"code": "blue", "label": {"th": "น้ำเงิน", "en": "Blue"}},
    ],
}


@pytest.fixture(scope="module")
def client() -> TestClient:
    """A service with two lists."""
    app = FastAPI()
    install_problems(app, PROBLEMS)
    colours = {
        "red": Code(Words("แดง", "Red"), Words("มาตรฐาน", "A standard")),
        "blue": Code(Words("น้ำเงิน", "Blue")),
    }
    app.include_router(code_lists_router({"colours": colours, "sizes": {}}), prefix="/v1")
    return TestClient(app)


def test_a_list_says_its_codes_in_both_languages(client: TestClient) -> None:
    """In their order; what a code rests on is said only where there is something."""
    assert COLOURS == client.get("/v1/code-lists/colours").json()


def test_all_lists_come_at_once(client: TestClient) -> None:
    """Each in the shape in which it comes alone."""
    assert {"items": [COLOURS, {"name": "sizes", "items": []}], "next": None} == client.get("/v1/code-lists").json()


def test_an_unknown_list_is_a_problem(client: TestClient) -> None:
    """Of its own kind, saying where all lists are."""
    problem = client.get("/v1/code-lists/shapes", headers={"Accept-Language": "en"})
    assert (404, "All of them are at /v1/code-lists.") == (problem.status_code, problem.json()["detail"])
