"""Partial updates: JSON Merge Patch (RFC 7396), checked as a whole."""

from collections.abc import Mapping
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from servicekit.problems import InvalidInput, field_errors

Model = TypeVar("Model", bound=BaseModel)


def patched(
    model: type[Model],
    present: Mapping[str, Any],
    patch: Mapping[str, Any],
    *,
    context: Mapping[str, Any] | None = None,
) -> Model:
    """What `present` becomes by `patch`, checked as `model`, whose validators are given `context`.

    Raises:
        InvalidInput: the result would not be valid; all that is wrong, with pointers into the patched record.
    """
    try:
        return model.model_validate(merged(present, patch), context=context)
    except ValidationError as error:
        found = [{**entry, "loc": ("body", *entry["loc"])} for entry in error.errors()]
        raise InvalidInput(*field_errors(found)) from None


def merged(target: Any, patch: Any) -> Any:  # noqa: ANN401  # any JSON
    """`patch` applied to `target` (RFC 7396, section 2)."""
    if not isinstance(patch, Mapping):
        return patch
    result = dict(target) if isinstance(target, Mapping) else {}
    for name, value in patch.items():
        if value is None:
            result.pop(name, None)
        else:
            result[name] = merged(result.get(name), value)
    return result
