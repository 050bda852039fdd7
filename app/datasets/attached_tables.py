"""Tables that are attached to a dataset: which column identifies samples, and which rows fit none."""

from sqlalchemy import text
from sqlalchemy.orm import Session

from app.datasets.attachments.identifiers import Identifier
from app.infra.errors import Invalid
from app.tables import Dataset

SHOWN = 5


def list_own_keys(dataset: Dataset) -> list[str]:
    """Return the columns of the upload that name its samples."""
    understood = (dataset.statistics or {}).get("understood", {}).get("columns") or {}
    return [name for name in (understood.get("key"), understood.get("picture")) if name]


def refuse_unmatched(session: Session, dataset: Dataset, identifier: Identifier, *, what: str) -> None:
    """Refuse rows of `incoming` that name no sample, several, or one that another row names.

    Raises:
        Invalid: there is such a row; the message names the first ones.

    """
    kind, matching = identifier.kind, identifier.matching
    checks = {
        f"no sample has this {kind}": f"SELECT incoming.id {matching} WHERE s.position IS NULL",
        f"this {kind} appears more than once": "SELECT id FROM incoming GROUP BY id HAVING count(*) > 1",
        f"several samples have this {kind}": f"SELECT incoming.id {matching}"
        " GROUP BY incoming.id HAVING count(*) > 1",
    }
    for sentence, query in checks.items():
        refuse_any(session, dataset, f"{what} cannot be attached, {sentence}", query)


def refuse_any(session: Session, dataset: Dataset, sentence: str, query: str) -> None:
    """Raise Invalid with the first values that a query finds."""
    faulty = session.scalars(text(f"{query} LIMIT {SHOWN}"), {"dataset": dataset.id}).all()
    if faulty:
        raise Invalid(f"{sentence}: {', '.join(map(repr, faulty))}")
