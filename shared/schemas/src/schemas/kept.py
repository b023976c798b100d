"""One kept sample of every message type: fictional, Thai, valid for ever; for tests and partners."""

import json
from importlib.resources import files

from schemas.fields import JsonObject


def sample(type_name: str) -> JsonObject:
    """The kept sample of a type, as JSON: the whole message. Raises FileNotFoundError for an unknown type."""
    text = files("schemas").joinpath("samples", f"{type_name}.json").read_text(encoding="utf-8")
    message: JsonObject = json.loads(text)
    return message
