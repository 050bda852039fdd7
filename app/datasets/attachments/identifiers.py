"""Which column of an attached table names samples."""

from collections.abc import Sequence
from dataclasses import dataclass

from app.infra.errors import Invalid
from models.reading.column_names import FILE_NAMES, KEYS, POSITION, find_by_name, list_by_name, normalise_name

SAMPLE = "sample"
"""Names samples in a table that says something of samples, where no other column does."""
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


def find_identifier(
    header: Sequence[str], own: Sequence[str], *, chosen: str | None = None
) -> Identifier | None:
    """Return the column that names samples: the chosen one, one of the upload's own, or one of a usual name.

    Raises:
        Invalid: there is no column of the chosen name.

    """
    if chosen is not None and chosen not in header:
        raise Invalid(f"expected a column {chosen!r}; found {list(header)[:20]}")
    keys = [*(name for name in own if name in header), *list_by_name(header, (*KEYS, *FILE_NAMES))]
    usual = next(iter(keys), None) or find_by_name(header, (POSITION, SAMPLE))
    found = usual if chosen is None else chosen
    if found is None:
        return None
    return Identifier(column=header.index(found), are_positions=normalise_name(found) == POSITION)
