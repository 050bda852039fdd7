"""Synchronising a dataset with its place: what differs, and a version that is read from there."""

from typing import Any
from uuid import UUID

from sqlalchemy.orm import Session

from app.datasets import dataset_service
from app.infra.errors import WrongState
from app.infra.storage import Storage
from app.label_sets.class_views import require_no_view
from app.places.place_comparison import Differences
from app.tables import Dataset, DatasetStatus, Json
from app.versions import lineage, relatives
from app.versions.content_matching import read_contents
from app.versions.version_making import name_version

COUNTS = ("new", "changed", "gone")


def add_dataset(session: Session, *, name: str, options: Json, place: Json) -> Dataset:
    """Create a dataset whose files stay in their place, and start to read it."""
    dataset = dataset_service.create(session, name=name, options=options)
    dataset.place = place
    dataset_service.send_to_ingestion(session, dataset)
    return dataset


def find_newest_read(session: Session, dataset: Dataset) -> Dataset:
    """Return the newest version of a dataset that was read from its place: the one to be compared.

    Raises:
        WrongState: the dataset was uploaded, or no version is ready.

    """
    require_no_view(dataset)
    if dataset.place is None:
        raise WrongState("the files of this dataset were uploaded; only one that is read in place changes")
    found = [
        version.id
        for version in lineage.list_versions(session, dataset)
        if version.place == dataset.place
        and version.status == DatasetStatus.READY
        and not lineage.is_made_here(version)
    ]
    if not found:
        raise WrongState("no version of this dataset was read from its place yet; wait until it is ready")
    return session.get_one(Dataset, found[-1])


def synchronise(session: Session, dataset: Dataset, differences: Differences) -> Dataset | None:
    """Note what differs, and start a version that is read from the place; None: nothing differs.

    Raises:
        WrongState: a version is being read already.

    """
    dataset.place_check = differences.describe()
    if differences.is_empty:
        return None
    lineage.lock_root(session, lineage.find_root(dataset))
    lineage.require_no_child_in_the_making(session, dataset)
    number = lineage.find_next_version(session, lineage.find_root(dataset))
    child = Dataset(
        workspace_id=dataset.workspace_id,
        name=name_version(dataset, number),
        options=dataset.options,
        place=dataset.place,
        parent_id=dataset.id,
        root_id=lineage.find_root(dataset),
        version=number,
        origin=_begin_origin(dataset, differences),
    )
    session.add(child)
    dataset_service.send_to_ingestion(session, child)
    return child


def _begin_origin(parent: Dataset, differences: Differences) -> Json:
    counts: dict[str, Any] = {kind: len(getattr(differences, kind)) for kind in COUNTS}
    return {
        "how": lineage.BY_PLACE,
        "parent": lineage.describe(parent),
        "place": counts,
        **dict.fromkeys(("relabelled", "dropped", "carried"), 0),
    }


def join_parent(session: Session, storage: Storage, dataset: Dataset) -> None:
    """Carry over to a version that was read from a place what people said of samples that are the same."""
    if (dataset.origin or {}).get("how") != lineage.BY_PLACE or dataset.parent_id is None:
        return
    parent = session.get(Dataset, dataset.parent_id)
    theirs = None if parent is None else read_contents(storage, parent)
    ours = read_contents(storage, dataset)
    if parent is not None and theirs is not None and ours is not None:
        relatives.carry_to_synchronised(session, (dataset, ours), (parent, theirs))


def find_source(session: Session, dataset: Dataset) -> Dataset | None:
    """Return the version that a synchronised one was read after; None: it is none, or that was deleted."""
    is_synchronised = (dataset.origin or {}).get("how") == lineage.BY_PLACE
    parent_id: UUID | None = dataset.parent_id if is_synchronised else None
    return None if parent_id is None else session.get(Dataset, parent_id)
