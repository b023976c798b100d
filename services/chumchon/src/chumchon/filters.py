"""What the Office's lists are made of in SQL: conditions of filters, and orders that pages follow."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY

NEWEST: Final = 2**31 - 1
"""Larger than any version or id that counts up: lists of these begin before it."""


def any_of(column: Any, name: str) -> sa.ColumnElement[bool]:  # noqa: ANN401  # any mapped column
    """Whether the column has one of the values of the list parameter `name`."""
    clause: sa.ColumnElement[bool] = column == sa.any_(sa.bindparam(name, type_=ARRAY(column.type)))
    return clause


@dataclass(frozen=True, slots=True)
class Order:
    """An order of a list, ties broken by the id."""

    column: Any
    id: Any
    descending: bool

    @classmethod
    def named(cls, name: str, columns: Mapping[str, Any], tie_breaker: Any) -> "Order":  # noqa: ANN401  # mapped columns
        """The order that `sort=received_at` or `sort=-received_at` asks for."""
        return cls(columns[name.removeprefix("-")], tie_breaker, name.startswith("-"))

    def apply(self, statement: sa.Select[Any], *, after: bool) -> sa.Select[Any]:
        """Order the statement; with `after`, only what follows the parameters `after_value` and `after_id`."""
        place = sa.tuple_(self.column, self.id)
        if after:
            position = sa.tuple_(
                sa.bindparam("after_value", type_=self.column.type), sa.bindparam("after_id", type_=sa.Uuid)
            )
            statement = statement.where(place < position if self.descending else place > position)
        columns = (self.column, self.id)
        return statement.order_by(*(column.desc() if self.descending else column.asc() for column in columns))
