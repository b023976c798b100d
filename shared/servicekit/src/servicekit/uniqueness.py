"""What must be unique, and is asked for twice at one moment."""

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg.errors
import sqlalchemy as sa
from sqlalchemy.orm import Session

from servicekit.problems import DomainError


@contextmanager
def or_taken(session: Session, problem: DomainError) -> Iterator[None]:
    """What the block adds or changes is flushed at its end; where a unique index refuses it, `problem` is raised.

    A look before cannot tell of a twin that has not committed yet; the index waits for it. Nothing of the block has
    happened then, and the transaction can go on.
    """
    try:
        with session.begin_nested():
            yield
    except sa.exc.IntegrityError as error:
        if isinstance(error.orig, psycopg.errors.UniqueViolation):
            raise problem from None
        raise
