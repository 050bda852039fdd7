"""The final set of labels of every sample: the uploaded one, with what people decided of each class."""

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.label_sets.class_views import HAS, list_views
from app.tables import Dataset, Json, Review, Verdict
from models.reading.label_texts import make_comparable
from models.reading.several_labels.label_sets import split_label_set

CONSEQUENCES = (Verdict.DROP, Verdict.RELABEL, Verdict.UNSURE)
"""The verdict of a class that decides what is said of the sample, the first of them."""


@dataclass(frozen=True, kw_only=True)
class SetDecision:
    """What people decided of one sample."""

    added: Sequence[str] = ()
    removed: Sequence[str] = ()
    verdict: Verdict = Verdict.KEEP
    """The most consequential of its classes' verdicts."""
    reviewers: Sequence[str] = ()
    carried: Json | None = None
    """The verdict of an earlier version that one of them comes from, if all do."""

    def apply(self, text: str, separator: str | None) -> list[str]:
        """Return the classes of a set after the decision, in its order, added ones last."""
        given = split_label_set(text, separator)
        without = {make_comparable(name) for name in self.removed}
        kept = [name for name in given if make_comparable(name) not in without]
        there = {make_comparable(name) for name in kept}
        return kept + [name for name in self.added if make_comparable(name) not in there]


def find_flips(class_columns: Json, before: str, after: str) -> dict[str, list[str]]:
    """Return the columns of the classes in which two sets differ, each with how it writes no and yes.

    Args:
        class_columns: column and writing of each class, as the reading of the upload stored them.
        before: a set as text.
        after: the other one.

    """
    first, second = ({*split_label_set(text, None)} for text in (before, after))
    return {
        known["column"]: known["writing"] for name, known in class_columns.items() if name in first ^ second
    }


def read_decisions(session: Session, dataset: Dataset) -> dict[int, SetDecision]:
    """Return what people decided, by position; a sample that nobody looked at has no entry."""
    views = list_views(session, dataset)
    names = {view.id: name for name, view in views.items()}
    statement = select(Review).where(Review.dataset_id.in_(names)).order_by(Review.position)
    reviews: dict[int, list[Review]] = defaultdict(list)
    for review in session.scalars(statement):
        reviews[review.position].append(review)
    return {
        position: SetDecision(
            added=sorted(names[each.dataset_id] for each in found if each.label == HAS),
            removed=[
                names[each.dataset_id] for each in found if each.label is not None and each.label != HAS
            ],
            verdict=_name_verdict({each.verdict for each in found}),
            reviewers=sorted({each.reviewer for each in found}),
            carried=found[0].carried if all(each.carried for each in found) else None,
        )
        for position, found in reviews.items()
    }


def _name_verdict(found: Collection[str]) -> Verdict:
    return next((verdict for verdict in CONSEQUENCES if verdict in found), Verdict.KEEP)
