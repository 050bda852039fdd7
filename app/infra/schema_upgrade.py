"""Upgrade of the database to this version's tables."""

from functools import lru_cache

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import inspect, text
from sqlalchemy.orm import Session

SCRIPTS = "migrations:"


def make_configuration() -> Config:
    """Return Alembic's configuration, without a file."""
    config = Config()
    config.set_main_option("script_location", SCRIPTS)
    config.set_main_option("path_separator", "os")
    return config


def upgrade() -> None:
    """Migrate to the newest revision."""
    command.upgrade(make_configuration(), "head")


def find_missing_tables(session: Session) -> str | None:
    """Return what is wrong with the database's tables for this version; None: they can be used.

    Tables of a newer version can be used: migrations only add, and run while the old version still serves.
    """
    if not inspect(session.connection()).has_table("alembic_version"):
        return "the database has no tables; run `limit-audit migrate`"
    revision = session.scalar(text("SELECT version_num FROM alembic_version"))
    *older, newest = _list_revisions()
    if revision in older or revision is None:
        return f"the database's tables have revision {revision}, not {newest}; run `limit-audit migrate`"
    return None


@lru_cache(maxsize=1)
def _list_revisions() -> tuple[str, ...]:
    """Return all revisions of this version, oldest first."""
    walked = ScriptDirectory.from_config(make_configuration()).walk_revisions()
    return tuple(script.revision for script in reversed(list(walked)))
