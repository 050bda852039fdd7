"""What a version would be: the labels that verdicts change, the samples they drop, and what to warn of.

Shape suffix: N samples of the parent in order of position.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

import numpy as np
import numpy.typing as npt
from pyarrow import parquet
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.audits import audit_service
from app.datasets import dataset_service
from app.exports.files.final_rows import DROPPED, Labels
from app.exports.final_labels import AddedLabel, decide_labels
from app.exports.registry import Issues
from app.infra.errors import Invalid
from app.infra.storage import Storage
from app.label_sets.class_views import list_views, require_sets
from app.reviews.checked_figures import find_settled
from app.reviews.verdicts import ERRORS
from app.tables import Audit, Dataset, Json, Review, Verdict
from models.reading.several_labels.label_sets import count_members

TEST_SPLITS = frozenset(
    {"test", "testing", "eval", "evaluation", "holdout", "hold-out", "held-out", "benchmark"}
)
NOTHING_CHANGES = "nobody has relabelled or dropped a sample, so a version would be the same; review first"


@dataclass(frozen=True, kw_only=True)
class Choice:
    """What happens to flagged samples that nobody has reviewed; as in exports."""

    issues: Issues = Issues.KEEP
    audit_id: UUID | None = None
    confirmed: bool = False


@dataclass(frozen=True, kw_only=True, eq=False)
class PlannedVersion:
    """The decisions on a dataset's samples at one moment."""

    parent: Dataset
    added: Sequence[AddedLabel]
    """Labels that follow the parent's: sets of classes that none of its samples had."""
    given_N: Labels
    final_N: Labels
    split_N: npt.NDArray[np.object_]
    """None where the upload has no split."""
    reviews: list[Review]
    """Of sets of classes, those of every class: a sample can have several."""
    unlooked: int
    """Labels that change, or samples that are dropped, without anybody having looked."""

    @property
    def names(self) -> list[str]:
        """Return the class names, index = label."""
        return [*(self.parent.class_names or ()), *(each.name for each in self.added)]

    @property
    def is_dropped_N(self) -> npt.NDArray[np.bool_]:  # noqa: N802 - the shape suffix
        """Return which samples are left out."""
        is_dropped_N: npt.NDArray[np.bool_] = self.final_N == DROPPED
        return is_dropped_N

    @property
    def is_relabelled_N(self) -> npt.NDArray[np.bool_]:  # noqa: N802 - the shape suffix
        """Return which samples get another label."""
        is_relabelled_N: npt.NDArray[np.bool_] = ~self.is_dropped_N & (self.final_N != self.given_N)
        return is_relabelled_N

    @property
    def corrected(self) -> int:
        """Return the wrong labels that people have corrected after a look."""
        changed_N = self.is_relabelled_N
        found = {review.position for review in self.reviews if _is_found(review)}
        return sum(bool(changed_N[position]) for position in found)

    @property
    def uncertain(self) -> int:
        """Return the other new labels: each may have corrected an error, left it, or made one."""
        return int(self.is_relabelled_N.sum()) - self.corrected

    @property
    def dropped(self) -> int:
        """Return the samples that are left out: each may have had a wrong label, and makes none."""
        return int(self.is_dropped_N.sum())

    def require_change(self) -> None:
        """Raise Invalid if the version would be the same, or empty."""
        if not (self.is_dropped_N.any() or self.is_relabelled_N.any()):
            raise Invalid(NOTHING_CHANGES)
        if self.is_dropped_N.all():
            raise Invalid("every sample is dropped, so nothing would be left")

    def describe(self) -> Json:
        """Return the counts as JSON."""
        return {
            "samples": int((~self.is_dropped_N).sum()),
            "relabelled": int(self.is_relabelled_N.sum()),
            "dropped": self.dropped,
            "unsure": len({each.position for each in self.reviews if each.verdict == Verdict.UNSURE}),
            "unlooked": self.unlooked,
            "splits": self._count_splits(),
            "warnings": self._list_warnings(),
        }

    def _count_splits(self) -> list[Json]:
        names = sorted({split for split in self.split_N.tolist() if split is not None})
        return [
            {
                "split": name,
                "samples": int((~self.is_dropped_N & (self.split_N == name)).sum()),
                "relabelled": int((self.is_relabelled_N & (self.split_N == name)).sum()),
                "dropped": int((self.is_dropped_N & (self.split_N == name)).sum()),
            }
            for name in names
        ]

    def _list_warnings(self) -> list[str]:
        warnings = [
            f"the split {each['split']!r} changes (labels: {each['relabelled']:,}, dropped samples:"
            f" {each['dropped']:,}); figures measured on it before cannot be compared with figures measured"
            " on it now, and samples that a model finds hard may be missing from it"
            for each in self._count_splits()
            if each["split"].casefold() in TEST_SPLITS and (each["relabelled"] or each["dropped"])
        ]
        empty = self._list_empty_classes()
        if empty:
            warnings.append(f"no sample of the class {', '.join(map(repr, empty))} is left")
        if self.unlooked:
            warnings.append(f"nobody has looked at the samples of {self.unlooked:,} of these changes")
        return warnings

    def _list_empty_classes(self) -> list[str]:
        before = self._count_classes(self.given_N)
        after = self._count_classes(self.final_N[~self.is_dropped_N])
        return [name for name, count in before.items() if count and not after.get(name)]

    def _count_classes(self, labels: Labels) -> dict[str, int]:
        """Return the samples of each class; of sets, of the classes in them."""
        counts = np.bincount(labels, minlength=len(self.names)).tolist()
        by_name = dict(zip(self.names, counts, strict=True))
        if not dataset_service.has_sets(self.parent):
            return by_name
        return dict(count_members(by_name, require_sets(self.parent)))


def _is_found(review: Review) -> bool:
    return review.is_looked_at and review.verdict in ERRORS


def plan_version(session: Session, storage: Storage, parent: Dataset, choice: Choice) -> PlannedVersion:
    """Return what a version of a ready dataset would be now.

    Raises:
        WrongState: the dataset is not ready, or relabelling what nobody looked at is not confirmed.
        Invalid: `issues` needs an audit.

    """
    audit = None if choice.audit_id is None else audit_service.get(session, choice.audit_id)
    decisions = decide_labels(
        session, storage, parent, audit=audit, issues=choice.issues, confirmed=choice.confirmed
    )
    given_N = np.load(storage.fetch_pack_file(parent, "labels.npy")).astype(np.int32)
    table = parquet.read_table(storage.fetch_pack_file(parent, "samples.parquet"), columns=["split"])
    reviews = _list_reviews(session, parent)
    seen = {review.position for review in reviews if review.is_looked_at or review.carried is not None}
    changed = np.flatnonzero(decisions.final_N != given_N).tolist()
    return PlannedVersion(
        parent=parent,
        added=decisions.added,
        given_N=given_N,
        final_N=decisions.final_N,
        split_N=np.array(table["split"].to_pylist(), dtype=object),
        reviews=reviews,
        unlooked=sum(position not in seen for position in changed),
    )


def _list_reviews(session: Session, parent: Dataset) -> list[Review]:
    """Return the verdicts on a dataset's samples; of sets of classes, those on each class."""
    ids = [parent.id]
    if dataset_service.has_sets(parent):
        ids = [view.id for view in list_views(session, parent).values()]
    return list(session.scalars(select(Review).where(Review.dataset_id.in_(ids))))


def derive_remaining(session: Session, planned: PlannedVersion) -> Json | None:
    """Return how many labels of the version are wrong, by random checks of its parent; None: there are none.

    The parent's checks are no sample of the version: what they drew is corrected, the rest is not. But the
    parent's count less the corrections of people counts the version, as far as their corrections are right.
    Any other new label may have corrected an error, left it, or made one. A dropped sample may have had a
    wrong label.
    """
    audits = select(Audit).where(Audit.dataset_id == planned.parent.id).order_by(Audit.id.desc())
    for audit in session.scalars(audits):
        figures = find_settled(session.connection(), audit.id, planned.parent.id)
        if figures is not None:
            count, samples = figures.settled.count, figures.sample_count
            low, high = count.low * samples, count.high * samples
            return {
                "low": max(0.0, low - planned.corrected - planned.uncertain - planned.dropped),
                "high": max(0.0, high - planned.corrected + planned.uncertain),
                "parent_low": low,
                "parent_high": high,
                "corrected": planned.corrected,
                "uncertain": planned.uncertain,
                "dropped": planned.dropped,
                "rests_on": figures.words,
                "audit_id": str(audit.id),
            }
    return None
