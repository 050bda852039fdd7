"""Rows of a ranking converted to the API's documents by column position, without a model for each row.

Reason: a page has up to 500 suspects, and each Pydantic model would be validated and dumped again.
Measured: documents are 5,500 of a page's bytecodes in one pass (docs/speed.md, "Pages"). Tests compare
the documents with the fields of `app.schemas.audits.result_schemas.Suspect`. Remove when
`Suspect.model_construct` and its JSON for 50 rows cost less than a tenth of a page.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from models.catalogue.score_columns import FIGURES, LABELS, SUSPECT_FIELDS

Document = dict[str, Any]
Row = tuple[Any, ...]

PLAIN = tuple(name for name in SUSPECT_FIELDS if name in {*FIGURES, "position", "key", "split"})
"""Columns copied into a document."""
TRANSLATED = (*LABELS, "true_label")
"""Columns of labels, translated to class names."""
REVIEWED = (
    *("verdict", "label", "reviewer", "reviewed_at", "audit_id", "version", "is_looked_at"),
    "carried",
    "agreement",
)
"""Columns of a review, at the end of a row."""
_AFTER_PLAIN, _BEFORE_REVIEW = len(PLAIN), len(PLAIN) + len(TRANSLATED)


def build_documents(
    rows: Iterable[Row], class_names: Sequence[str], pictures_at: str | None
) -> Iterator[Document]:
    """Yield documents with the fields of `Suspect`, from rows of `PLAIN`, `TRANSLATED`, `REVIEWED` columns.

    Args:
        rows: in that order of columns.
        class_names: index = label.
        pictures_at: common prefix of the pictures' URLs; None: no pictures.

    """
    for row in rows:
        document = dict(zip(PLAIN, row, strict=False))
        given, suggested, second, second_probability, third, third_probability, true = row[
            _AFTER_PLAIN:_BEFORE_REVIEW
        ]
        suggestions = [{"label": class_names[suggested], "probability": document["suggested_confidence"]}]
        if second is not None:
            suggestions.append({"label": class_names[second], "probability": second_probability})
        if third is not None:
            suggestions.append({"label": class_names[third], "probability": third_probability})
        document.update(
            given_label=class_names[given],
            suggested_label=class_names[suggested],
            suggestions=suggestions,
            true_label=None if true is None else class_names[true],
            is_error=None if true is None else true != given,
            image_url=f"{pictures_at}{document['position']}/image" if pictures_at else None,
            box=None,
            review=_build_review(class_names, document["position"], row[_BEFORE_REVIEW:]),
            own=None,
        )
        yield document


def _build_review(class_names: Sequence[str], position: int, row: Row) -> Document | None:
    if row[0] is None:
        return None
    review = {"position": position, **dict(zip(REVIEWED, row, strict=True))}
    label = review["label"]
    return {**review, "label": None if label is None else class_names[label]}
