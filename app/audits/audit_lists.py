"""Lists of audits."""

from uuid import UUID

from sqlalchemy import Text, case, func, literal, select
from sqlalchemy.dialects.postgresql import ARRAY, JSONPATH
from sqlalchemy.orm import Session, defer
from sqlalchemy.orm.attributes import set_committed_value

from app.datasets import dataset_service
from app.tables import Audit, AuditStatus, CheckPlan, Dataset

LISTED_CLASSES = 100
"""Classes whose figures an audit in a list of audits has; the audit itself has all."""
FIRST_CLASSES = f"$.per_class[0 to {LISTED_CLASSES - 1}]"


def list_audits(
    session: Session,
    *,
    before: UUID | None,
    limit: int,
    dataset_id: UUID | None,
    match: str | None = None,
    text: str | None = None,
    status: AuditStatus | None = None,
) -> list[Audit]:
    """Return audits, newest first, created before the given one.

    Those that begin with `match`, contain `text` in their name or their dataset's, and have this status.
    Their summaries have the figures of the first LISTED_CLASSES classes: those of 100,000 are 20 MB. The
    figures of an audit with random checks are made from all, and are complete.
    """
    is_checked = select(CheckPlan.audit_id).where(CheckPlan.audit_id == Audit.id).exists()
    first = func.jsonb_path_query_array(Audit.summary, literal(FIRST_CLASSES, JSONPATH))
    shortened = func.jsonb_set(Audit.summary, literal(["per_class"], ARRAY(Text)), first)
    is_long = func.jsonb_array_length(Audit.summary["per_class"]) > LISTED_CLASSES
    statement = (
        select(Audit, case((is_long & ~is_checked, shortened), else_=Audit.summary))
        .options(defer(Audit.summary))
        .order_by(Audit.id.desc())
        .limit(limit)
    )
    if before is not None:
        statement = statement.where(Audit.id < before)
    if dataset_id is not None:
        statement = statement.where(Audit.dataset_id == dataset_id)
    if match is not None:
        statement = statement.where(dataset_service.begins_with(Audit, match))
    if text is not None:
        of_dataset = select(Dataset.id).where(Dataset.name.icontains(text, autoescape=True))
        in_name = Audit.name.icontains(text, autoescape=True)
        statement = statement.where(in_name | Audit.dataset_id.in_(of_dataset))
    if status is not None:
        statement = statement.where(Audit.status == status)
    rows = session.execute(statement).all()
    for audit, summary in rows:
        set_committed_value(audit, "summary", summary)
    return [audit for audit, _ in rows]
