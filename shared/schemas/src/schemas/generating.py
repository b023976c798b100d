"""The JSON Schemas that other agencies build on, made from the models and committed beside them."""

import json
from collections.abc import Iterator
from pathlib import Path

from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from schemas.envelope import Batch, Message, Receipts
from schemas.fields import JsonObject
from schemas.registry import TYPES

DIALECT = "https://json-schema.org/draft/2020-12/schema"
FOLDER = Path(__file__).parent / "json_schemas"


def documents() -> Iterator[tuple[str, str]]:
    """File name and text of every JSON Schema: the batch, the receipts, and a message of each type."""
    yield "batch.json", _text(Batch.model_json_schema())
    yield "receipts.json", _text(Receipts.model_json_schema())
    for kind in TYPES.values():
        yield f"{kind.name}.json", _text(_message_schema(kind.name, kind.body))


def generate(folder: Path = FOLDER) -> None:
    """Write all schemas into `folder`, and remove those that are no more."""
    folder.mkdir(exist_ok=True)
    written = dict(documents())
    for name, text in written.items():
        (folder / name).write_text(text, encoding="utf-8", newline="\n")
    for stale in {path.name for path in folder.glob("*.json")} - written.keys():
        (folder / stale).unlink()


def _message_schema(type_name: str, body: type[BaseModel]) -> JsonObject:
    references, together = models_json_schema([(Message, "validation"), (body, "validation")])
    definitions: JsonObject = together["$defs"]
    message: JsonObject = definitions.pop(references[Message, "validation"]["$ref"].rpartition("/")[2])
    message["title"] = type_name
    message["description"] = body.__doc__
    message["properties"]["type"] = {"const": type_name}
    message["properties"]["data"] = references[body, "validation"]
    return {**message, "$defs": definitions}


def _text(schema: JsonObject) -> str:
    return json.dumps({"$schema": DIALECT, **schema}, ensure_ascii=False, indent=2, sort_keys=True) + "\n"
