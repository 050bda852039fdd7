"""Bringing the database to the tables of this version."""

from alembic import command
from alembic.config import Config

SCRIPTS = "migrations:"


def configuration() -> Config:
    """Return Alembic's configuration; it needs no file."""
    config = Config()
    config.set_main_option("script_location", SCRIPTS)
    config.set_main_option("path_separator", "os")
    return config


def upgrade() -> None:
    """Migrate to the newest revision."""
    command.upgrade(configuration(), "head")
