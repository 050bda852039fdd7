"""Alembic's environment: the database connection and the tables."""

from alembic import context
from sqlalchemy import create_engine

from app.infra.settings import get_settings
from app.tables import Base

# A migration that waits longer for a lock fails, so that the service does not queue behind it.
LOCK_TIMEOUT = "10s"


def run() -> None:
    """Run migrations on a test's connection, else on the database of the settings."""
    connection = context.config.attributes.get("connection")
    if connection is not None:
        _migrate(connection)
        return
    engine = create_engine(get_settings().database_url)
    with engine.connect() as connection:
        connection.exec_driver_sql(f"SET lock_timeout = '{LOCK_TIMEOUT}'")
        connection.commit()
        _migrate(connection)
    engine.dispose()


def _migrate(connection) -> None:  # type: ignore[no-untyped-def]  # noqa: ANN001 - Alembic's connection
    context.configure(connection=connection, target_metadata=Base.metadata, compare_type=True)
    with context.begin_transaction():
        context.run_migrations()


run()
