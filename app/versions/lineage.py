"""The lineage of datasets: which one is a version of which."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import func, or_, select
from sqlalchemy.orm import Session, defer

from app.infra.errors import Invalid, WrongState
from app.tables import Audit, AuditStatus, Dataset, DatasetStatus, Json

FROM_DECISIONS, BY_CONTENT, BY_HAND, BY_PLACE = "decisions", "content", "by_hand", "place"
"""How a dataset became a version: made here, recognised when it was read, said by a person, or read from its
place after that had changed."""


def find_root(dataset: Dataset) -> UUID:
    """Return the id of a dataset's first version."""
    return dataset.root_id or dataset.id


def list_versions(session: Session, dataset: Dataset) -> Sequence[Dataset]:
    """Return all versions of a dataset that were not deleted, the first one first."""
    root = find_root(dataset)
    statement = (
        select(Dataset)
        .where(or_(Dataset.id == root, Dataset.root_id == root))
        .where(Dataset.workspace_id == dataset.workspace_id)
        .order_by(Dataset.version, Dataset.id)
        .options(defer(Dataset.statistics), defer(Dataset.content_sketch))
    )
    return session.scalars(statement).all()


def describe(dataset: Dataset) -> Json:
    """Return what is kept of a parent, also when it is deleted."""
    return {"id": str(dataset.id), "name": dataset.name, "version": dataset.version}


def is_made_here(dataset: Dataset) -> bool:
    """Return whether a dataset was made from its parent, so that its uploaded files have older labels."""
    return dataset.origin is not None and dataset.origin["how"] == FROM_DECISIONS


def join(session: Session, child: Dataset, parent: Dataset, origin: Json) -> None:
    """Make a dataset the next version of a parent.

    Raises:
        Invalid: it has versions of its own, is a version already, or is the parent itself.

    """
    if child.id == parent.id or find_root(parent) == child.id:
        raise Invalid("a dataset cannot be a version of itself or of a version of it")
    if child.parent_id is not None or child.version > 1:
        raise Invalid(f"dataset {child.id} is a version already; take it out of its lineage first")
    if _has_versions(session, child):
        raise Invalid(f"dataset {child.id} has versions of its own, so it stays the first one")
    root = find_root(parent)
    lock_root(session, root)
    child.parent_id, child.root_id, child.origin = parent.id, root, {**origin, "parent": describe(parent)}
    child.version = find_next_version(session, root)
    session.flush()


def leave(session: Session, child: Dataset) -> None:
    """Take a dataset out of its lineage; what was carried over stays.

    Raises:
        WrongState: it was made from its parent, or other versions were made from it.

    """
    if is_made_here(child) or (child.origin or {}).get("how") == BY_PLACE:
        raise WrongState("this version was made from its parent here, so its lineage is known")
    if _has_versions(session, child):
        raise WrongState(f"other versions were made from dataset {child.id}, so it keeps its place")
    child.parent_id = child.root_id = child.origin = None
    child.version = 1
    session.flush()


def _has_versions(session: Session, dataset: Dataset) -> bool:
    children = or_(Dataset.parent_id == dataset.id, Dataset.root_id == dataset.id)
    return session.scalar(select(Dataset.id).where(children, Dataset.id != dataset.id).limit(1)) is not None


def lock_root(session: Session, root: UUID) -> None:
    """Let two who make a version at once get two numbers; until the end of the transaction."""
    session.execute(select(func.pg_advisory_xact_lock(root.int & (2**63 - 1))))


def find_next_version(session: Session, root: UUID) -> int:
    """Return the number of the next version; the root must be locked."""
    numbers = select(func.max(Dataset.version)).where(or_(Dataset.id == root, Dataset.root_id == root))
    return max(session.scalar(numbers) or 1, 1) + 1


def require_no_child_in_the_making(session: Session, dataset: Dataset) -> None:
    """Raise WrongState while a version is being made from a dataset: it needs the dataset's files."""
    making = select(Dataset.name).where(
        Dataset.parent_id == dataset.id, Dataset.status == DatasetStatus.INGESTING
    )
    name = session.scalar(making.limit(1))
    if name is not None:
        raise WrongState(f"the version {name!r} is being made from this dataset; wait until it is ready")


def list_finished_audits(session: Session, dataset: Dataset) -> list[tuple[Audit, Dataset]]:
    """Return the audits of all versions that have succeeded and are no rehearsals, the newest first."""
    versions = {version.id: version for version in list_versions(session, dataset)}
    statement = select(Audit).where(Audit.dataset_id.in_(versions), Audit.status == AuditStatus.SUCCEEDED)
    found = session.scalars(statement.order_by(Audit.id.desc()))
    return [(audit, versions[audit.dataset_id]) for audit in found if not audit.is_rehearsal]


def find_repeatable(session: Session, dataset: Dataset) -> Audit | None:
    """Return the newest audit of the nearest earlier version that has one, to be made again."""
    audits = list_finished_audits(session, dataset)
    versions = {version.id: version for version in list_versions(session, dataset)}
    place = versions.get(dataset.parent_id) if dataset.parent_id else None
    while place is not None:
        found = next((audit for audit, version in audits if version.id == place.id), None)
        if found is not None:
            return found
        place = versions.get(place.parent_id) if place.parent_id else None
    return None
