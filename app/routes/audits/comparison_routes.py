"""Routes that make an audit again, and compare two audits."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Response

from app.audits import audit_service, placement
from app.audits.audit_configuration import AuditConfiguration
from app.datasets import dataset_service
from app.infra.errors import WrongState
from app.routes.shared.dependencies import Files, Reads, ServiceSettings, Session, Writes
from app.routes.shared.idempotent_routes import IdempotentRoute
from app.routes.shared.rendering import render_audits
from app.routes.shared.version_rendering import render_audit_comparison
from app.schemas.audits.audit_schemas import AuditOut
from app.schemas.datasets.version_schemas import AgainRequest, AuditComparisonOut, StateName
from app.tables import Audit, Dataset, DatasetStatus
from app.versions import lineage
from app.versions.audit_comparison import compare_audits

router = APIRouter(prefix="/v1/audits", tags=["audits"], route_class=IdempotentRoute)
NAME_MAX = 200


@router.post("/{audit_id}/again", status_code=202, dependencies=[Writes])
def audit_again(
    audit_id: UUID, body: AgainRequest, session: Session, settings: ServiceSettings, response: Response
) -> AuditOut:
    """Start an audit with the configuration of another, by default on the newest version of its dataset."""
    earlier = audit_service.get(session, audit_id)
    before = dataset_service.get(session, earlier.dataset_id)
    dataset_id = body.dataset_id or _find_newest(session, before).id
    dataset = dataset_service.get(session, dataset_id, keep=True)
    dataset_service.require_ready(dataset)
    configuration = AuditConfiguration.read(earlier.configuration)
    queue = placement.choose_queue(
        configuration, device=settings.train_device, steps_gb=settings.memory_steps_gb
    )
    audit = audit_service.create(
        session,
        dataset,
        name=body.name or _name_again(earlier, before, dataset),
        configuration=configuration,
        queue=queue,
        encoders_dir=settings.encoder_folder,
    )
    response.headers["Location"] = f"/v1/audits/{audit.id}"
    response.headers["Retry-After"] = "1"
    return render_audits(session, [audit])[0]


@router.get("/{audit_id}/comparison", dependencies=[Reads])
def compare_with_audit(
    audit_id: UUID,
    session: Session,
    files: Files,
    other: Annotated[UUID, Query(alias="with", description="the later audit")],
    *,
    state: Annotated[StateName | None, Query(description="only samples of this state")] = None,
    limit: Annotated[int, Query(ge=0, le=1_000, description="samples of each state")] = 50,
) -> AuditComparisonOut:
    """Compare an audit with a later one: their counts with intervals, and what became of the suspects."""
    first, second = (audit_service.get(session, each) for each in (audit_id, other))
    return render_audit_comparison(compare_audits(session, files, first, second, state=state, limit=limit))


def _find_newest(session: Session, dataset: Dataset) -> Dataset:
    ready = [
        version
        for version in lineage.list_versions(session, dataset)
        if version.status == DatasetStatus.READY
    ]
    if not ready:
        raise WrongState("this needs a dataset that is ready, and no version of it is")
    return ready[-1]


def _name_again(audit: Audit, before: Dataset, dataset: Dataset) -> str | None:
    """Return a name; None: the usual one, which names the dataset."""
    if audit.name == f"audit of {before.name}" and dataset.id != before.id:
        return None
    suffix = ", again" if dataset.id == before.id else f", version {dataset.version}"
    return audit.name[: NAME_MAX - len(suffix)] + suffix
