"""The secrets of a set of services, made once where there are none: `python -m exchange.provisioning FOLDER SERVICE…`.

For docker compose, whose services each see only their own folder of these, read-only:

    FOLDER/<service>/<service>_database_url     where its database is, with the password
    FOLDER/<service>/exchange_keys.json         its private exchange keys
    FOLDER/<service>/<service>_<name>           a random key for each `--key <service>_<name>`
    FOLDER/<service>/issuer.json                the development issuer's public keys
    FOLDER/<service>-database/postgres_password
    FOLDER/issuer/key.json                      the development issuer's private key, for minting tokens

What is there stays: a restart changes no secret, and an operator may put in their own.
"""

import os
import secrets
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

import typer

from exchange.keys import generate_keys, write_keys
from servicekit import development_issuer


def provision(folder: Path, service: str, keys: Iterable[str] = ()) -> None:
    """Make what is missing of one service's secrets; `keys` names further random ones that its settings ask for."""
    own, database = folder / service, folder / f"{service}-database"
    for made in (own, database, folder / "issuer"):
        made.mkdir(parents=True, exist_ok=True)
    password = database / "postgres_password"
    if not password.exists():
        password.write_text(secrets.token_urlsafe(32), "ascii")
    url = own / f"{service}_database_url"
    if not url.exists():
        url.write_text(f"postgresql://{service}:{password.read_text('ascii')}@{service}-db:5432/{service}", "ascii")
    if not (own / "exchange_keys.json").exists():
        write_keys(own / "exchange_keys.json", generate_keys())
    for key in keys:
        if not (own / key).exists():
            (own / key).write_text(secrets.token_urlsafe(48), "ascii")
    issuer = folder / "issuer" / "key.json"
    development_issuer.make_key_file(issuer)
    development_issuer.write_public_keys(issuer, own / "issuer.json")


def give_to(path: Path, user_id: int) -> None:
    """Let that user alone read what lies in `path`."""
    for entry in path.iterdir():
        entry.chmod(0o400)
        shutil.chown(entry, user_id)
    path.chmod(0o500)
    shutil.chown(path, user_id)


def main(
    folder: Annotated[Path, typer.Argument(help="Where the secrets lie, a folder a reader.")],
    services: Annotated[list[str], typer.Argument(help="The services' codes.")],
    *,
    key: Annotated[list[str] | None, typer.Option(help="A setting that needs a random key: <service>_<name>.")] = None,
    service_user: Annotated[int, typer.Option(help="The user id that the services run as.")] = 10001,
    database_user: Annotated[int, typer.Option(help="The user id that PostgreSQL runs as.")] = 999,
) -> None:
    """Make the secrets that are missing, each readable by the one that needs it."""
    for service in services:
        provision(folder, service, [name for name in key or () if name.startswith(f"{service}_")])
        if os.geteuid() == 0:
            give_to(folder / service, service_user)
            give_to(folder / f"{service}-database", database_user)


if __name__ == "__main__":
    typer.run(main)
