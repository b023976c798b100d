"""Files that are to be removed: written down in the transaction that erases what named them, and removed after it.

A store is no part of a transaction. A file that is removed before the commit is lost when that fails; one that is
removed after it stays for ever when the process dies in between. So its name waits here until it is gone.
"""

from collections.abc import Callable, Collection
from datetime import datetime, timedelta
from typing import Final

import sqlalchemy as sa
from sqlalchemy.orm import Session

from servicekit.database import Query, Sessions

FORGET_EVERY: Final = timedelta(minutes=1)
"""How often a service looks what is to be removed."""

metadata = sa.MetaData()
"""The list's table. A service gives it to alembic beside its own, and makes it by `creation_1` in a migration."""

files_to_forget = sa.Table(
    "files_to_forget",
    metadata,
    sa.Column("key", sa.Text, primary_key=True),  # By which the store knows the file.
    sa.Column("since", sa.DateTime(timezone=True), nullable=False),
)


def creation_1() -> tuple[str, ...]:
    """The statements that make the list. Frozen: later changes are later functions."""
    return ("CREATE TABLE files_to_forget (key text PRIMARY KEY, since timestamptz NOT NULL)",)


def removal_1() -> tuple[str, ...]:
    """The statements that undo `creation_1`."""
    return ("DROP TABLE files_to_forget",)


def forget_later(session: Session, keys: Collection[str], *, now: datetime) -> None:
    """Have these files removed once this transaction is committed."""
    _ADD.run(session, keys=sorted(keys), now=now)


def forget_files(sessions: Sessions, forget: Callable[[str], bool]) -> int:
    """Remove what waits, outside of any transaction; how many are done with.

    `forget` removes a file, if it is there; it says False for one that has to wait. Any number of processes may do
    this at once: what is gone is gone.
    """
    with sessions() as session:
        keys = [row.key for row in _WAITING.all(session)]
    done = [key for key in keys if forget(key)]
    with sessions.begin() as session:
        _DONE.run(session, keys=done)
    return len(done)


_ADD = Query(
    sa.text("""
        INSERT INTO files_to_forget (key, since) SELECT unnest(CAST(:keys AS text[])), :now ON CONFLICT DO NOTHING
    """)
)
_WAITING = Query(sa.text("SELECT key FROM files_to_forget ORDER BY since, key LIMIT 1000"))
_DONE = Query(sa.text("DELETE FROM files_to_forget WHERE key = ANY(CAST(:keys AS text[]))"))
