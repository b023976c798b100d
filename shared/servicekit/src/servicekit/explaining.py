"""What an operator can mend, told by a command in a few words instead of a traceback."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final, NoReturn

import sqlalchemy.exc
from pydantic import ValidationError

UNAVAILABLE: Final = 1
"""The command ends so when something else does not answer."""

TOLD_WRONG: Final = 2
"""The command ends so when it was told something wrong: an argument, a setting, a file."""


@contextmanager
def explained(program: str, *, prefix: str) -> Iterator[None]:
    """End the program with a word on what is to be done, should the block raise what an operator can mend.

    That is: settings that are wrong, `ValueError`s, which commands raise with a text for people, what the operating
    system refuses, and a database that does not answer.

    Args:
        program: the service's code.
        prefix: what its settings' environment variables begin with.
    """
    try:
        yield
    except ValidationError as error:
        faults = error.errors(include_input=False, include_url=False)
        _end(TOLD_WRONG, *(f"{prefix}{_name(fault['loc'])}: {fault['msg']}" for fault in faults))
    except OSError as error:
        _end(TOLD_WRONG, f"{program}: {error.filename or 'a file'}: {error.strerror or error}")
    except ValueError as error:
        _end(TOLD_WRONG, f"{program}: {error}")
    except sqlalchemy.exc.OperationalError:
        _end(UNAVAILABLE, f"{program}: the database does not answer; see {prefix}DATABASE_URL")


def _name(location: tuple[int | str, ...]) -> str:
    return "_".join(map(str, location)).upper() or "SETTINGS"


def _end(status: int, *lines: str) -> NoReturn:
    sys.stderr.writelines(f"{line}\n" for line in lines)
    raise SystemExit(status) from None
