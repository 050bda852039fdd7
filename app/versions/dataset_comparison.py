"""Two datasets side by side: which labels changed, what was dropped, what is new."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.infra.storage import Storage
from app.reviews.verdicts import CHANGES
from app.tables import Dataset, Review
from app.versions.content_matching import Contents, Places, match_samples
from app.versions.relatives import require_contents

ORDER = RELABELLED, DROPPED, ADDED = ("relabelled", "dropped", "added")


@dataclass(frozen=True, kw_only=True)
class Change:
    """One sample that is not the same in both."""

    what: str
    """relabelled, dropped or added."""
    key: str
    first: tuple[int, str] | None = None
    """Its position and label in the first one; None: it is new."""
    second: tuple[int, str] | None = None
    """Its position and label in the second one; None: it was dropped."""
    reviewer: str | None = None
    """Who decided so in the first one; None: unknown, or nobody."""


@dataclass(frozen=True, kw_only=True, eq=False)
class DatasetComparison:
    """What differs between two datasets with samples in common."""

    first: Dataset
    second: Dataset
    places_N: Places
    """The first one's position of each sample of the second [N]; -1: it is new."""
    changes: Sequence[Change]
    shared: int

    def count(self, what: str) -> int:
        """Return the number of changes of a kind."""
        return sum(change.what == what for change in self.changes)

    @property
    def transitions(self) -> list[tuple[str, str, int]]:
        """Return (old label, new label, samples), the most frequent first."""
        pairs = Counter(
            (change.first[1], change.second[1])
            for change in self.changes
            if change.first is not None and change.second is not None
        )
        return [(before, after, count) for (before, after), count in pairs.most_common()]


def compare_datasets(
    session: Session, storage: Storage, first: Dataset, second: Dataset
) -> DatasetComparison:
    """Compare two ready datasets by the content of their samples.

    Raises:
        WrongState: one of them is not ready, or was read by a version that made no digests.

    """
    before, after = require_contents(storage, first), require_contents(storage, second)
    places_N = match_samples(after, before)
    return DatasetComparison(
        first=first,
        second=second,
        places_N=places_N,
        changes=_list_changes(before, after, places_N, _read_decisions(session, first)),
        shared=int((places_N >= 0).sum()),
    )


def _read_decisions(session: Session, dataset: Dataset) -> dict[tuple[int, str | None], str]:
    """Return who decided that a sample has a label or is dropped (None), by position and label."""
    names = dataset.class_names or []
    statement = select(Review).where(Review.dataset_id == dataset.id, Review.verdict.in_(CHANGES))
    return {
        (review.position, None if review.label is None else names[review.label]): review.reviewer
        for review in session.scalars(statement)
    }


def _list_changes(
    before: Contents, after: Contents, places_N: Places, reviewers: Mapping[tuple[int, str | None], str]
) -> list[Change]:
    """Return relabelled, dropped and added samples; a reviewer is named where the verdict says the same."""
    places = places_N.tolist()
    changes = []
    for position, place in enumerate(places):
        label = after.labels[position]
        if place < 0:
            changes.append(Change(what=ADDED, key=after.keys[position], second=(position, label)))
        elif before.labels[place] != label:
            reviewer = reviewers.get((place, label))
            first, second = (place, before.labels[place]), (position, label)
            changes.append(
                Change(
                    what=RELABELLED, key=after.keys[position], first=first, second=second, reviewer=reviewer
                )
            )
    kept = set(places)
    for place, key in enumerate(before.keys):
        if place not in kept:
            first = (place, before.labels[place])
            reviewer = reviewers.get((place, None))
            changes.append(Change(what=DROPPED, key=key, first=first, reviewer=reviewer))
    return sorted(changes, key=lambda change: ORDER.index(change.what))
