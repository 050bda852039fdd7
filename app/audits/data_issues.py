"""Issues of an audit's data other than wrong labels."""

from uuid import UUID

from sqlalchemy import select, tuple_
from sqlalchemy.orm import Session

from app.tables import Issue, IssueKind

Key = tuple[str, int]


def list_issues(
    session: Session, audit_id: UUID, *, kind: IssueKind | None, after: Key | None, limit: int
) -> list[Issue]:
    """Return issues by kind and number, after the given ones."""
    statement = select(Issue).where(Issue.audit_id == audit_id).order_by(Issue.kind, Issue.number)
    if kind is not None:
        statement = statement.where(Issue.kind == kind)
    if after is not None:
        statement = statement.where(tuple_(Issue.kind, Issue.number) > after)
    return list(session.scalars(statement.limit(limit)))
