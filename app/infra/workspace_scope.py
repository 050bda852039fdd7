"""Workspaces: a session with a workspace reads and creates only objects of that workspace."""

from uuid import UUID

from sqlalchemy import event, select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import ORMExecuteState, Session, sessionmaker, with_loader_criteria
from sqlalchemy.orm.unitofwork import UOWTransaction

from app.tables import Owned, Workspace

WORKSPACE = "workspace"


def get_or_create_workspace(session: Session, name: str) -> tuple[UUID, bool]:
    """Return the workspace with this name, created if missing, and whether it was created."""
    statement = insert(Workspace).values(name=name).on_conflict_do_nothing().returning(Workspace.id)
    created = session.scalars(statement).one_or_none()
    existing = select(Workspace.id).where(Workspace.name == name)
    return created or session.scalars(existing).one(), created is not None


def confine_sessions(sessions: sessionmaker[Session]) -> None:
    """Restrict every session of this factory that has a workspace to that workspace.

    The rule applies to every query, so that no route can forget it: an ORM statement on an owned table gets
    a condition on the workspace, and a new object gets its owner.
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
    for new in session.new:
        if workspace_id is not None and isinstance(new, Owned):
            assert new.workspace_id in {None, workspace_id}
            new.workspace_id = workspace_id
