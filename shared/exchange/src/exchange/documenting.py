"""The OpenAPI document of a service of the exchange, without anything that such a service needs to run."""

import json
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from fastapi import FastAPI

from exchange.keys import generate_keys, write_keys
from exchange.settings import ExchangeSettings

SettingsT = TypeVar("SettingsT", bound=ExchangeSettings)


def openapi_document(create_app: Callable[[SettingsT], FastAPI], settings: type[SettingsT]) -> str:
    """The document of the application that `create_app` makes: it depends on no setting, no key and no database."""
    with tempfile.TemporaryDirectory() as folder:
        keys = Path(folder) / "keys.json"
        write_keys(keys, generate_keys())
        app = create_app(
            settings(
                environment="development",
                database_url="postgresql://nobody@127.0.0.1:1/none",
                issuer="urn:none",
                issuer_jwks=str(keys),
                exchange_keys_file=keys,
            )
        )
    return json.dumps(app.openapi(), ensure_ascii=False, indent=2, sort_keys=True) + "\n"
