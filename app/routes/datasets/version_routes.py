"""Routes of versions: make one, list them, say whose version a dataset is, compare two."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Response

from app.datasets import dataset_service, resumable_uploads
from app.exports.registry import Issues
from app.infra.errors import NoSpace
from app.routes.shared.dependencies import Files, Reads, ServiceSettings, Session, Writes
from app.routes.shared.idempotent_routes import IdempotentRoute
from app.routes.shared.rendering import render_dataset
from app.routes.shared.version_rendering import render_dataset_comparison, render_version
from app.schemas.datasets.dataset_schemas import DatasetOut
from app.schemas.datasets.version_schemas import (
    DatasetComparisonOut,
    ParentRequest,
    PlannedVersionOut,
    VersionRequest,
    VersionsOut,
)
from app.tables import Dataset
from app.versions import lineage, planned_version, relatives, version_making
from app.versions.dataset_comparison import compare_datasets
from app.versions.planned_version import Choice

router = APIRouter(prefix="/v1/datasets", tags=["versions"], route_class=IdempotentRoute)
Limit = Annotated[int, Query(ge=0, le=1_000, description="samples")]
POLL_SECONDS = "1"


@router.get("/{dataset_id}/versions", dependencies=[Reads])
def list_versions(dataset_id: UUID, session: Session) -> VersionsOut:
    """List the versions of a dataset, the first one first."""
    versions = lineage.list_versions(session, dataset_service.get(session, dataset_id))
    return VersionsOut(items=[render_version(version) for version in versions])


@router.get("/{dataset_id}/versions/preview", dependencies=[Reads])
def preview_version(
    dataset_id: UUID,
    session: Session,
    files: Files,
    *,
    issues: Issues = Issues.KEEP,
    audit_id: UUID | None = None,
) -> PlannedVersionOut:
    """Say what a version would be if it was made now: what changes, and what to beware of."""
    parent = dataset_service.get(session, dataset_id)
    choice = Choice(issues=issues, audit_id=audit_id, confirmed=True)
    planned = planned_version.plan_version(session, files, parent, choice)
    number = lineage.find_next_version(session, lineage.find_root(parent))
    return PlannedVersionOut(
        number=number,
        parent_version=parent.version,
        name=version_making.name_version(parent, number),
        **planned.describe(),
        remaining=planned_version.derive_remaining(session, planned),
        not_carried=version_making.list_not_carried(parent),
    )


@router.post("/{dataset_id}/versions", status_code=202, dependencies=[Writes])
def make_version(
    dataset_id: UUID,
    body: VersionRequest,
    session: Session,
    settings: ServiceSettings,
    files: Files,
    response: Response,
) -> DatasetOut:
    """Make a version of a reviewed dataset: final labels, no dropped samples, the verdicts carried over."""
    parent = dataset_service.get(session, dataset_id, keep=True)
    dataset_service.require_ready(parent)
    needed = sum(file.bytes for file in dataset_service.list_files(session, [dataset_id])[dataset_id])
    room = resumable_uploads.measure_room(
        session,
        files,
        reserve_bytes=settings.upload_reserve_bytes,
        workspace_max_bytes=settings.workspace_max_bytes,
    )
    if needed > room:
        raise NoSpace(f"there is room for {max(room, 0)} bytes, the version needs about {needed}")
    choice = Choice(issues=Issues(body.issues), audit_id=body.audit_id, confirmed=body.confirmed)
    child = version_making.make_version(
        session,
        files,
        parent,
        name=body.name,
        choice=choice,
        workspace_max_bytes=settings.workspace_max_bytes,
    )
    response.headers["Location"] = f"/v1/datasets/{child.id}"
    response.headers["Retry-After"] = POLL_SECONDS
    return _render(session, child)


@router.put("/{dataset_id}/parent", dependencies=[Writes])
def set_parent(dataset_id: UUID, body: ParentRequest, session: Session, files: Files) -> DatasetOut:
    """Say that a dataset is a version of another with the same samples, or of none."""
    child = dataset_service.get(session, dataset_id, lock=True)
    if body.parent_id is None:
        lineage.leave(session, child)
    else:
        parent = dataset_service.get(session, body.parent_id, keep=True)
        relatives.set_parent(session, files, child, parent)
    return _render(session, child)


@router.get("/{dataset_id}/comparison", dependencies=[Reads])
def compare_with_dataset(
    dataset_id: UUID,
    session: Session,
    files: Files,
    other: Annotated[UUID, Query(alias="with", description="the later dataset")],
    limit: Limit = 100,
) -> DatasetComparisonOut:
    """Compare a dataset with a later one: which labels changed, what was dropped, what is new."""
    first, second = (dataset_service.get(session, each) for each in (dataset_id, other))
    return render_dataset_comparison(compare_datasets(session, files, first, second), limit=limit)


def _render(session: Session, dataset: Dataset) -> DatasetOut:
    session.refresh(dataset)
    return render_dataset(dataset, dataset_service.list_files(session, [dataset.id])[dataset.id])
