"""Counters in the database: they only grow, and survive restarts and the deletion of rows."""

from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from app.tables import Total, TotalName


def add(session: Session, name: TotalName, label: str, by: int = 1) -> None:
    """Add to a total."""
    statement = insert(Total).values(name=name, label=label, value=by)
    raised = {"value": Total.value + statement.excluded.value}
    session.execute(statement.on_conflict_do_update(index_elements=["name", "label"], set_=raised))
