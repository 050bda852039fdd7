"""Making a version of a reviewed dataset: its row, which a worker builds from the parent's stored files."""

from dataclasses import asdict
from uuid import UUID

from sqlalchemy.orm import Session

from app.datasets import dataset_service
from app.datasets.shared_files import share_files
from app.exports.registry import Issues
from app.infra.storage import Storage
from app.label_sets.class_views import require_no_view
from app.tables import Dataset, Json
from app.versions import lineage
from app.versions.planned_version import Choice, PlannedVersion, plan_version

CHECKS_STAY = (
    "The random checks are not carried over: they are a sample of the earlier version, in this one they are"
    " corrected and the rest is not, so they would count too few errors. Check samples of this version at"
    " random to count its wrong labels."
)
NOT_CARRIED = (
    CHECKS_STAY,
    "Verdicts that are carried over answer no random check and count for no precision.",
    "Audits and your own model's predictions stay with the earlier version.",
)
CLASSES_FOLLOW = "Verdicts on a class are carried over when the class is audited in this version."


def list_not_carried(parent: Dataset) -> list[str]:
    """Return what a version does not take over from its parent, in sentences."""
    return [*NOT_CARRIED, *([CLASSES_FOLLOW] if dataset_service.has_sets(parent) else [])]


def make_version(
    session: Session,
    storage: Storage,
    parent: Dataset,
    *,
    name: str | None,
    choice: Choice,
    workspace_max_bytes: int | None,
) -> Dataset:
    """Start the making of a version with the decisions that there are when a worker begins it.

    Raises:
        WrongState: the parent is not ready, a version is being made from it, or an upload is gone.
        Invalid: nothing would change, or nothing would be left.
        NoSpace: the files, which count for both, are above the workspace's quota.

    """
    require_no_view(parent)
    lineage.lock_root(session, lineage.find_root(parent))
    lineage.require_no_child_in_the_making(session, parent)
    planned = plan_version(session, storage, parent, choice)
    planned.require_change()
    number = lineage.find_next_version(session, lineage.find_root(parent))
    child = Dataset(
        workspace_id=parent.workspace_id,
        name=name or name_version(parent, number),
        options=parent.options,
        place=parent.place,
        parent_id=parent.id,
        root_id=lineage.find_root(parent),
        version=number,
        origin=begin_origin(parent, choice),
    )
    session.add(child)
    session.flush()
    share_files(session, storage, parent, child, workspace_max_bytes=workspace_max_bytes)
    dataset_service.send_to_ingestion(session, child)
    return child


def begin_origin(parent: Dataset, choice: Choice) -> Json:
    """Return what is known of a version before it is made."""
    chosen = asdict(choice)
    return {
        "how": lineage.FROM_DECISIONS,
        "parent": lineage.describe(parent),
        "choice": {**chosen, "audit_id": None if choice.audit_id is None else str(choice.audit_id)},
    }


def read_choice(origin: Json) -> Choice:
    """Return what was chosen for a version; whoever asked for it has confirmed it."""
    chosen = origin["choice"]
    audit_id = None if chosen["audit_id"] is None else UUID(chosen["audit_id"])
    return Choice(issues=Issues(chosen["issues"]), audit_id=audit_id, confirmed=True)


def finish_origin(planned: PlannedVersion, origin: Json, remaining: Json | None, *, carried: int) -> Json:
    """Return how a version was made, with what came of it."""
    return {
        **origin,
        **planned.describe(),
        "carried": carried,
        "not_carried": list_not_carried(planned.parent),
        "remaining": remaining,
    }


def name_version(parent: Dataset, number: int) -> str:
    """Return a name: the parent's without the number of its version and without a file's suffix."""
    stem = parent.name
    ending = f" v{parent.version}"
    if parent.version > 1 and stem.endswith(ending):
        stem = stem.removesuffix(ending)
    head, dot, suffix = stem.rpartition(".")
    if dot and head and suffix.isalnum() and len(suffix) <= len("parquet"):
        stem = head
    return f"{stem[:190]} v{number}"
