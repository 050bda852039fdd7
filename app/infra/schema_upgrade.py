"""Bringing the database to the tables of this version."""

from functools import lru_cache

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import inspect, text
from sqlalchemy.orm import Session

SCRIPTS = "migrations:"


def make_configuration() -> Config:
    """Return Alembic's configuration; it needs no file."""
    config = Config()
    config.set_main_option("script_location", SCRIPTS)
    config.set_main_option("path_separator", "os")
    return config


def upgrade() -> None:
    """Migrate to the newest revision."""
    command.upgrade(make_configuration(), "head")


def find_missing_tables(session: Session) -> str | None:
    """Return what the database's tables lack for this version, None where they serve.

    Tables of a newer version serve: migrations only add, and run while the old version still answers.
    """
    if not inspect(session.connection()).has_table("alembic_version"):
        return "the database has no tables; run `limit-audit migrate`"
    found = session.scalar(text("SELECT version_num FROM alembic_version"))
    *older, newest = _list_revisions()
    if found in older or found is None:
        return f"the database's tables are of revision {found}, not {newest}; run `limit-audit migrate`"
    return None


@lru_cache(maxsize=1)
def _list_revisions() -> tuple[str, ...]:
    """Return all revisions that this version knows, the oldest first."""
    walked = ScriptDirectory.from_config(make_configuration()).walk_revisions()
    return tuple(script.revision for script in reversed(list(walked)))
