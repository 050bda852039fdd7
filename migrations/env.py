"""How Alembic reaches the database and the tables."""

from alembic import context
from sqlalchemy import create_engine

from app.infra.settings import get_settings
from app.tables import Base

# A migration that cannot get its lock must not make the service wait behind it.
LOCK_TIMEOUT = "10s"


def run() -> None:
    """Run migrations on the connection given by a test, or on the settings' database."""
    given = context.config.attributes.get("connection")
    if given is not None:
        _migrate(given)
        return
    engine = create_engine(get_settings().database_url)
    with engine.connect() as connection:
        connection.exec_driver_sql(f"SET lock_timeout = '{LOCK_TIMEOUT}'")
        connection.commit()
        _migrate(connection)
    engine.dispose()


def _migrate(connection) -> None:  # type: ignore[no-untyped-def]  # noqa: ANN001 - Alembic's own connection
    context.configure(connection=connection, target_metadata=Base.metadata, compare_type=True)
    with context.begin_transaction():
        context.run_migrations()


run()
