"""Datasets with the same samples: found when an upload is read, offered, and set where it is certain."""

from dataclasses import dataclass

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.datasets import dataset_service
from app.infra.errors import Invalid, WrongState
from app.infra.storage import Storage
from app.tables import Dataset, DatasetStatus, Json, Review, Verdict
from app.versions import carried_verdicts, lineage
from app.versions.content_matching import Contents, Places, count_shared, match_samples, read_contents
from app.versions.version_making import list_not_carried

CANDIDATES_MAX = 10
LOOKED_AT_MAX = 50
LEAST_SHARED = 0.5
"""Share of a dataset's samples that a relative must have, so that a few common pictures make no family."""
OLD_DATASET = "was read by an earlier version, which kept no digests of samples; read its files again"


@dataclass(frozen=True, kw_only=True, eq=False)
class Kinship:
    """How the samples of a dataset compare with those of another one."""

    places_N: Places
    """The other's position of each sample [N]; -1: the other does not have it."""
    relabelled: int
    added: int
    """Samples that the other does not have."""
    missing: int
    """Samples of the other that are not here."""
    follows_decisions: bool
    """Whether the labels and the missing samples are exactly what the other's verdicts say."""

    @property
    def shared(self) -> int:
        """Return the number of samples that both have."""
        return int((self.places_N >= 0).sum())

    @property
    def distance(self) -> int:
        """Return the number of samples that only one of both has, or that have another label."""
        return self.relabelled + self.added + self.missing

    @property
    def is_same(self) -> bool:
        """Return whether samples and labels are the same."""
        return self.distance == 0

    def describe(self) -> Json:
        """Return the counts as JSON."""
        return {
            "shared": self.shared,
            **{name: getattr(self, name) for name in ("relabelled", "added", "missing")},
            "follows_decisions": self.follows_decisions,
            "is_same": self.is_same,
        }


def compare_contents(session: Session, ours: Contents, other: Dataset, theirs: Contents) -> Kinship:
    """Compare a dataset's samples and labels with those of another, and with its verdicts."""
    places_N = match_samples(ours, theirs)
    pairs = [(mine, int(place)) for mine, place in enumerate(places_N.tolist()) if place >= 0]
    final = _decide_names(session, other, theirs)
    missing = set(range(len(theirs))) - {place for _, place in pairs}
    dropped = {place for place, name in enumerate(final) if name is None}
    follows = missing == dropped and all(ours.labels[mine] == final[place] for mine, place in pairs)
    relabelled = sum(ours.labels[mine] != theirs.labels[place] for mine, place in pairs)
    added = len(ours) - len(pairs)
    return Kinship(
        places_N=places_N,
        relabelled=relabelled,
        added=added,
        missing=len(missing),
        follows_decisions=follows and not added and bool(relabelled or missing),
    )


def _decide_names(session: Session, dataset: Dataset, contents: Contents) -> list[str | None]:
    """Return the class of every sample by the verdicts; None: it is dropped."""
    names: list[str | None] = list(contents.labels)
    for review in session.scalars(select(Review).where(Review.dataset_id == dataset.id)):
        if review.verdict == Verdict.DROP:
            names[review.position] = None
        elif review.label is not None:
            names[review.position] = (dataset.class_names or [])[review.label]
    return names


def recognise(
    session: Session, storage: Storage, dataset: Dataset, ours: Contents, sketch: list[int]
) -> None:
    """Note which datasets of the workspace have the same samples, the nearest first.

    The parent is set if it is certain.

    It is certain if the upload is exactly what the verdicts on one dataset make of it, on that one alone, and
    no dataset has the same samples with the same labels already.
    """
    dataset.content_sketch = sketch
    found = []
    for other in _find_candidates(session, dataset, sketch):
        theirs = read_contents(storage, other)
        if theirs is None or count_shared(ours.digests_N, theirs.digests_N) < LEAST_SHARED * len(ours):
            continue
        found.append((other, theirs, compare_contents(session, ours, other, theirs)))
    found.sort(key=lambda each: each[2].distance)
    dataset.relatives = [{**lineage.describe(other), **kinship.describe()} for other, _, kinship in found]
    certain = [each for each in found if each[2].follows_decisions]
    if (
        dataset.parent_id is None
        and len(certain) == 1
        and not any(kinship.is_same for _, _, kinship in found)
    ):
        other, theirs, kinship = certain[0]
        _join(session, (dataset, ours), (other, theirs), kinship, how=lineage.BY_CONTENT)
    session.flush()


def _find_candidates(session: Session, dataset: Dataset, sketch: list[int]) -> list[Dataset]:
    if not sketch:
        return []
    statement = (
        select(Dataset)
        .where(
            Dataset.workspace_id == dataset.workspace_id,
            Dataset.id != dataset.id,
            Dataset.status == DatasetStatus.READY,
            Dataset.content_sketch.overlap(sketch),
        )
        .order_by(Dataset.id.desc())
        .limit(LOOKED_AT_MAX)
    )
    ours = set(sketch)

    def count_common(other: Dataset) -> int:
        return len(ours.intersection(other.content_sketch or ()))

    return sorted(session.scalars(statement), key=count_common, reverse=True)[:CANDIDATES_MAX]


def set_parent(session: Session, storage: Storage, child: Dataset, parent: Dataset) -> None:
    """Make a dataset a version of another that has the same samples, because a person says so.

    Raises:
        Invalid: they share no sample, or the lineage would be a circle.
        WrongState: one of them is not ready, or was read without digests.

    """
    ours, theirs = require_contents(storage, child), require_contents(storage, parent)
    kinship = compare_contents(session, ours, parent, theirs)
    if not kinship.shared:
        raise Invalid(f"{child.name!r} and {parent.name!r} share no sample of the same content")
    _join(session, (child, ours), (parent, theirs), kinship, how=lineage.BY_HAND)


def require_contents(storage: Storage, dataset: Dataset) -> Contents:
    """Return the samples of a dataset.

    Raises:
        WrongState: it is not ready, or was read by a version that made no digests.

    """
    dataset_service.require_ready(dataset)
    contents = read_contents(storage, dataset)
    if contents is None:
        raise WrongState(f"{dataset.name!r} {OLD_DATASET}")
    return contents


def _join(
    session: Session,
    ours: tuple[Dataset, Contents],
    theirs: tuple[Dataset, Contents],
    kinship: Kinship,
    *,
    how: str,
) -> None:
    (child, _), (parent, _) = ours, theirs
    lineage.join(session, child, parent, {"how": how, **kinship.describe()})
    _carry(session, ours, theirs, kinship)


def carry_to_synchronised(
    session: Session, ours: tuple[Dataset, Contents], theirs: tuple[Dataset, Contents]
) -> None:
    """Carry verdicts over to a version that was read from its place, and note what changed."""
    kinship = compare_contents(session, ours[1], *theirs)
    ours[0].origin = {**(ours[0].origin or {}), **kinship.describe()}
    _carry(session, ours, theirs, kinship)


def _carry(
    session: Session, ours: tuple[Dataset, Contents], theirs: tuple[Dataset, Contents], kinship: Kinship
) -> None:
    (child, our_contents), (parent, their_contents) = ours, theirs
    rows = carried_verdicts.carry_verdicts(
        parent,
        child,
        list(session.scalars(select(Review).where(Review.dataset_id == parent.id))),
        places_N=kinship.places_N,
        given_before=their_contents.labels,
        given_now=our_contents.labels,
    )
    stored = carried_verdicts.store_carried(session, rows)
    child.origin = {
        **(child.origin or {}),
        "samples": len(our_contents),
        "dropped": kinship.missing,
        "carried": stored,
        "not_carried": list_not_carried(parent),
    }
    session.flush()
