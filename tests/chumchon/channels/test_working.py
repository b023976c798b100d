"""Who works is what the settings say, and what is set up by half is refused at the start."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from chumchon.channels.working import workers
from chumchon.settings import Settings
from servicekit import development_issuer

from ..conftest import Keys, Office  # noqa: TID252  # the tests are no package that has a name
from .conftest import TAG_KEY


def settings(keys: Keys, **told: Any) -> Settings:  # noqa: ANN401  # any setting
    return Settings(
        environment="development",
        database_url="postgresql://nobody@127.0.0.1:1/none",
        issuer=development_issuer.ISSUER,
        issuer_jwks=str(keys.issuer_public),
        exchange_keys_file=keys.exchange,
        **told,
    )


def test_what_is_not_set_up_does_not_work(office: Office, keys: Keys) -> None:
    """And is no error: the service works without any of it."""
    assert {} == workers(settings(keys), office.app.state.sessions)


def test_what_is_set_up_works(office: Office, keys: Keys, tmp_path: Path) -> None:
    """Mailbox, folders and sending, each by itself."""
    told = settings(
        keys,
        files_url=(tmp_path / "files").as_uri(),
        imap_host="imap.example",
        imap_username="info",
        imap_password="secret",
        mail_tag_key=TAG_KEY,
        smtp_host="smtp.example",
        mail_from="สพช. <info@chumchon.go.th>",
        fax_folder=tmp_path / "fax",
        po_box_folder=tmp_path / "letters",
    )
    names = {"mail-sender", "mail-reader", "fax-reader", "po_box-reader"}
    assert names == workers(told, office.app.state.sessions).keys()


@pytest.mark.parametrize(
    ("told", "missing"),
    [
        ({"imap_host": "imap.example"}, "imap_username"),
        ({"smtp_host": "smtp.example", "mail_from": "info@chumchon.go.th"}, "mail_tag_key"),
        ({"fax_folder": "/fax"}, "files_url"),
    ],
)
def test_half_a_setup_is_refused(keys: Keys, told: dict[str, str], missing: str) -> None:
    """With the name of what is missing."""
    with pytest.raises(ValidationError, match=missing):
        settings(keys, **told)


def test_the_command_says_what_it_needs(keys: Keys) -> None:
    """`chumchon mail` with nothing to do ends with a plain word."""
    told = settings(keys)
    environment = os.environ | {
        "CHUMCHON_ENVIRONMENT": "development",
        "CHUMCHON_DATABASE_URL": told.database_url,
        "CHUMCHON_ISSUER": told.issuer,
        "CHUMCHON_ISSUER_JWKS": told.issuer_jwks,
        "CHUMCHON_EXCHANGE_KEYS_FILE": str(told.exchange_keys_file),
    }
    ended = subprocess.run(
        [sys.executable, "-m", "chumchon", "mail"], check=False, env=environment, capture_output=True, text=True
    )
    assert 2 == ended.returncode
    assert "CHUMCHON_IMAP_HOST" in ended.stderr
