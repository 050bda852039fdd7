"""Verdicts on one class of a dataset with sets of labels, carried over to later versions of the dataset."""

from sqlalchemy import select
from sqlalchemy.orm import Session

from app.infra.storage import Storage
from app.label_sets.class_views import list_ready_views
from app.tables import Dataset, Review
from app.versions import carried_verdicts
from app.versions.content_matching import match_samples, read_contents


def carry_to_view(session: Session, storage: Storage, dataset: Dataset, view: Dataset) -> int:
    """Give the new view of a class the verdicts of earlier versions that hold, and return how many.

    Args:
        session: of the caller.
        storage: where the packs are.
        dataset: the version that the view tells a class of.
        view: whose samples are stored.

    """
    found = _find_earlier(session, dataset, str(view.view_class))
    if found is None:
        return 0
    version, earlier = found
    ours, theirs = read_contents(storage, view), read_contents(storage, earlier)
    if ours is None or theirs is None:  # read by an earlier release, which kept no digests
        return 0
    rows = carried_verdicts.carry_verdicts(
        earlier,
        view,
        list(session.scalars(select(Review).where(Review.dataset_id == earlier.id))),
        places_N=match_samples(ours, theirs),
        given_before=theirs.labels,
        given_now=ours.labels,
        version=version.version,
    )
    return carried_verdicts.store_carried(session, rows)


def _find_earlier(session: Session, dataset: Dataset, class_name: str) -> tuple[Dataset, Dataset] | None:
    """Return the nearest earlier version that has a view of a class, and this view."""
    place = dataset
    while place.parent_id is not None:
        parent = session.get(Dataset, place.parent_id)
        if parent is None:
            return None
        views = list_ready_views(session, parent)
        if class_name in views:
            return parent, views[class_name]
        place = parent
    return None
