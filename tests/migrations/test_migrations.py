"""The migrations lead to the tables, and back."""

from uuid import uuid4

import pytest
from alembic import command
from sqlalchemy import create_engine, inspect, make_url, text
from sqlalchemy.exc import IntegrityError

from app.infra.database import Database
from app.infra.schema_upgrade import make_configuration
from app.tables import Base


def test_tables_and_migrations_agree(migrated_url: str) -> None:
    engine = create_engine(migrated_url)
    config = make_configuration()
    with engine.connect() as connection:
        config.attributes["connection"] = connection
        command.check(config)
    engine.dispose()


def test_every_migration_can_be_taken_back(postgres_url: str) -> None:
    name = f"taken_back_{uuid4().hex}"
    admin = create_engine(postgres_url, isolation_level="AUTOCOMMIT")
    with admin.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
    engine = create_engine(make_url(postgres_url).set(database=name))
    config = make_configuration()
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
        assert set(Base.metadata.tables) < set(inspect(connection).get_table_names())
        command.downgrade(config, "base")
        assert inspect(connection).get_table_names() == ["alembic_version"]
    engine.dispose()
    with admin.connect() as connection:
        connection.execute(text(f"DROP DATABASE {name}"))
    admin.dispose()


@pytest.mark.parametrize(
    "statement",
    [
        "INSERT INTO datasets (name, options, status) VALUES ('x', '{}', 'lost')",
        "INSERT INTO datasets (name, options, kind) VALUES ('x', '{}', 'sounds')",
        "INSERT INTO audits (dataset_id, name, configuration) VALUES (uuidv7(), 'x', '{}')",
        "INSERT INTO samples (dataset_id, position, key, given_label) VALUES (uuidv7(), 0, 'a', 0)",
    ],
)
def test_the_database_refuses_what_cannot_be(database: Database, statement: str) -> None:
    with pytest.raises(IntegrityError), database.transaction() as session:
        session.execute(text(statement))
