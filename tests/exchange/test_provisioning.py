"""Secrets are made once, and each lies where its reader alone looks."""

from pathlib import Path

import orjson

from exchange.keys import OwnKeys
from exchange.provisioning import provision


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_service_gets_what_it_needs(tmp_path: Path) -> None:
    """The database's URL holds the database's password; the keys can sign; only the issuer's public half is there."""
    provision(tmp_path, "center1111", ["center1111_writers_key"])
    made = contents(tmp_path)
    assert len(made["center1111/center1111_writers_key"]) >= 32
    password = made["center1111-database/postgres_password"].decode()

    assert (
        f"postgresql://center1111:{password}@center1111-db:5432/center1111".encode()
        == made["center1111/center1111_database_url"]
    )
    assert OwnKeys.read(tmp_path / "center1111" / "exchange_keys.json").key_id
    assert all("d" not in key for key in orjson.loads(made["center1111/issuer.json"])["keys"])
    assert all("d" in key for key in orjson.loads(made["issuer/key.json"])["keys"])


def test_a_second_start_changes_nothing(tmp_path: Path) -> None:
    """Secrets outlive restarts, and what an operator put there is kept."""
    provision(tmp_path, "center1111")
    first = contents(tmp_path)
    provision(tmp_path, "chumchon")
    provision(tmp_path, "center1111")
    again = contents(tmp_path)

    assert first == {name: again[name] for name in first}
    assert again["center1111/exchange_keys.json"] != again["chumchon/exchange_keys.json"]
    assert again["center1111/issuer.json"] == again["chumchon/issuer.json"]
