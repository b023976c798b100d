"""What commands say instead of a traceback."""

from collections.abc import Callable

import pytest
import sqlalchemy as sa

from servicekit.database import connected
from servicekit.explaining import explained
from servicekit.settings import ServiceSettings


def wrong_setting() -> None:
    ServiceSettings(database_url="x", port=70_000, issuer="urn:none", issuer_jwks="x")


def no_database() -> None:
    with connected("postgresql://nobody@127.0.0.1:1/none", name="tests") as sessions, sessions() as session:
        session.execute(sa.text("SELECT 1"))


def no_file() -> None:
    raise FileNotFoundError(2, "No such file or directory", "/keys.json")


def no_sense() -> None:
    raise ValueError("there is no version 7")


@pytest.mark.parametrize(
    ("work", "status", "told"),
    [
        (wrong_setting, 2, "OFFICE_PORT: Input should be less than or equal to 65535"),
        (no_file, 2, "office: /keys.json: No such file or directory"),
        (no_sense, 2, "office: there is no version 7"),
        (no_database, 1, "office: the database does not answer; see OFFICE_DATABASE_URL"),
    ],
)
def test_what_an_operator_can_mend_is_told_in_a_line(
    work: Callable[[], None], status: int, told: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """And the program ends with a status that says whose turn it is."""
    with pytest.raises(SystemExit) as ended, explained("office", prefix="OFFICE_"):
        work()
    assert (status, f"{told}\n") == (ended.value.code, capsys.readouterr().err)


def test_a_fault_of_the_program_is_not_hidden() -> None:
    """Its traceback is what its makers need."""
    with pytest.raises(ZeroDivisionError), explained("office", prefix="OFFICE_"):
        raise ZeroDivisionError
