"""Tables that are attached to a dataset: which column identifies samples, and which rows fit none."""

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import text
from sqlalchemy.orm import Session

from app.infra.errors import Invalid
from app.tables import Dataset
from models.reading.column_names import FILE_NAMES, KEYS, POSITION, find_by_name, list_by_name, normalise_name

SHOWN = 5
MATCHING = "FROM incoming LEFT JOIN samples s ON s.dataset_id = :dataset AND {on}"
"""Rows of the temporary table `incoming`, with an `id`, and the samples that they name."""


@dataclass(kw_only=True)
class Identifier:
    """The column of a table that names samples."""

    column: int
    are_positions: bool
    has_unicode: bool = False
    """Whether one needs to be compared in its composed form."""

    @property
    def kind(self) -> str:
        """Return what identifies the samples."""
        return "position" if self.are_positions else "key"

    @property
    def matching(self) -> str:
        """Return `MATCHING` with the condition that joins samples."""
        if self.are_positions:
            return MATCHING.format(on="s.position::text = incoming.id")
        on = "normalize(s.key) = normalize(incoming.id)" if self.has_unicode else "s.key = incoming.id"
        return MATCHING.format(on=on)


def list_own_keys(dataset: Dataset) -> list[str]:
    """Return the columns of the upload that name its samples."""
    understood = (dataset.statistics or {}).get("understood", {}).get("columns") or {}
    return [name for name in (understood.get("key"), understood.get("picture")) if name]


def find_identifier(header: Sequence[str], own: Sequence[str]) -> Identifier | None:
    """Return the column that names samples: one of the upload's own, a usual name, or the position."""
    keys = [*(name for name in own if name in header), *list_by_name(header, (*KEYS, *FILE_NAMES))]
    found = next(iter(keys), None) or find_by_name(header, (POSITION,))
    if found is None:
        return None
    return Identifier(column=header.index(found), are_positions=normalise_name(found) == POSITION)


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
