"""Migrations: one alembic folder a service, run by `migrate` before the service starts and by the tests."""

from pathlib import Path

import sqlalchemy as sa
from alembic import command, context
from alembic.config import Config
from alembic.script import ScriptDirectory

from servicekit.database import make_engine


def alembic_config(folder: Path, database_url: str | None = None) -> Config:
    """The configuration of the migrations in `folder` (which holds `env.py` and `versions/`)."""
    config = Config()
    config.set_main_option("script_location", str(folder))
    config.attributes["database_url"] = database_url
    return config


def head_of(folder: Path) -> str:
    """The newest revision; there is exactly one."""
    head = ScriptDirectory.from_config(alembic_config(folder)).get_current_head()
    if head is None:
        raise ValueError(f"{folder} has no migrations")
    return head


def upgrade(folder: Path, database_url: str, revision: str = "head") -> None:
    """Bring the database to `revision`, in one transaction."""
    command.upgrade(alembic_config(folder, database_url), revision)


def downgrade(folder: Path, database_url: str, revision: str) -> None:
    """Take the database back to `revision`, in one transaction."""
    command.downgrade(alembic_config(folder, database_url), revision)


def run_environment(*metadatas: sa.MetaData) -> None:
    """What a service's `env.py` does: run its migrations on the configured database, all in one transaction."""
    url = context.config.attributes.get("database_url")
    if url is None:
        raise ValueError("migrations are run by the service's own command, which knows the database")
    engine = make_engine(url, pool_size=1, name="migrate")
    try:
        with engine.connect() as connection:
            context.configure(connection=connection, target_metadata=list(metadatas), compare_server_default=True)
            with context.begin_transaction():
                context.run_migrations()
    finally:
        engine.dispose()
