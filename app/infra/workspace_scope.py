"""Who owns what: a session that is confined to a workspace neither sees nor makes another's objects."""

from uuid import UUID

from sqlalchemy import event, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import ORMExecuteState, Session, sessionmaker, with_loader_criteria
from sqlalchemy.orm.unitofwork import UOWTransaction

from app.tables import Owned, Workspace

WORKSPACE = "workspace"


def get_or_create_workspace(session: Session, name: str) -> tuple[UUID, bool]:
    """Return the workspace of this name, made if there was none, and whether it was made."""
    statement = insert(Workspace).values(name=name).on_conflict_do_nothing().returning(Workspace.id)
    made = session.scalars(statement).one_or_none()
    found = select(Workspace.id).where(Workspace.name == name)
    return made or session.scalars(found).one(), made is not None


def confine_sessions(sessions: sessionmaker[Session]) -> None:
    """Have every session of this factory that carries a workspace keep to it.

    The rule stands below every query, so that no path operation can forget it: an ORM statement over an
    owned table gets its condition here, and a new object its owner.
    """
    event.listen(sessions, "do_orm_execute", _filter_statement)
    event.listen(sessions, "before_flush", _set_owner)


def _filter_statement(execution: ORMExecuteState) -> None:
    workspace_id = execution.session.info.get(WORKSPACE)
    if workspace_id is None or execution.is_column_load or execution.is_insert:
        return
    execution.statement = execution.statement.options(
        with_loader_criteria(Owned, lambda table: table.workspace_id == workspace_id, include_aliases=True)
    )


def _set_owner(session: Session, _: UOWTransaction, __: object) -> None:
    workspace_id = session.info.get(WORKSPACE)
    for made in session.new:
        if workspace_id is not None and isinstance(made, Owned):
            assert made.workspace_id in {None, workspace_id}
            made.workspace_id = workspace_id
