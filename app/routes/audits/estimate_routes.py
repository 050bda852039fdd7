"""Route of the time that an audit would take, and of Fast and Thorough."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query
from pydantic import Json

from app.audits import configuration_check, placement, run_plans, time_estimate
from app.audits.audit_configuration import AuditConfiguration
from app.audits.past_work import Span
from app.audits.time_estimate import Estimate, Planned
from app.datasets import dataset_service
from app.http.slow_work import run_slowly
from app.infra import queue
from app.infra.database import Database
from app.infra.settings import Settings
from app.routes.shared.dependencies import CallerDatabase, Reads, ServiceSettings
from app.schemas.audits.estimate_schemas import EstimatesOut, PresetOut, SpanOut, TimeEstimateOut
from app.schemas.request_schemas import AuditConfiguration as Requested

router = APIRouter(prefix="/v1/datasets", tags=["audits"])
ANSWER_SECONDS = 1.0
"""For the workers, whose main process answers while they train; a slower one is not counted."""
DEFAULT = Requested()
GPU_QUEUE = "train.gpu"
"""That every worker with a GPU takes from."""


@router.get("/{dataset_id}/estimate", dependencies=[Reads])
async def estimate_audit(
    dataset_id: UUID,
    database: CallerDatabase,
    settings: ServiceSettings,
    requested: Annotated[
        Json[Requested], Query(alias="configuration", description="of the audit, as JSON text")
    ] = DEFAULT,
) -> EstimatesOut:
    """Return how long an audit would take on the workers that answer, and what Fast and Thorough change.

    The times are ranges made from work that has ended here; what is not known is null.
    """
    configuration = AuditConfiguration.read(requested.model_dump())
    return await run_slowly(
        database.workspace_id, lambda: _estimate(dataset_id, configuration, database, settings)
    )


def _estimate(
    dataset_id: UUID, configuration: AuditConfiguration, database: Database, settings: Settings
) -> EstimatesOut:
    name = placement.choose_queue(
        configuration, device=settings.train_device, steps_gb=settings.memory_steps_gb
    )
    workers = queue.list_workers(settings.broker_url, timeout_seconds=ANSWER_SECONDS)
    fitting = [queues for queues in workers or [] if name in queues]
    with database.transaction() as session:
        dataset = dataset_service.get(session, dataset_id)
        dataset_service.require_ready(dataset)
        configuration_check.check_configuration(
            dataset,
            configuration,
            run_plans.plan_runs(configuration),
            devices=placement.list_devices(name),
            encoders_dir=settings.encoder_folder,
        )
        planned = Planned(
            dataset=dataset,
            configuration=configuration,
            workers=None if workers is None else len(fitting),
            is_gpu=any(GPU_QUEUE in queues for queues in fitting),
        )
        estimate = _render(time_estimate.estimate_time(session, settings, planned))
        presets = [
            PresetOut(
                name=preset.name,
                configuration=dict(preset.configuration),
                says=preset.says,
                measured=preset.measured,
                estimate=_render(
                    time_estimate.estimate_time(session, settings, planned.change(preset.configuration))
                ),
            )
            for preset in time_estimate.offer_presets(planned, settings)
        ]
    return EstimatesOut(
        workers=planned.workers,
        waiting=_count_waiting(settings),
        estimate=estimate,
        presets=presets,
    )


def _count_waiting(settings: Settings) -> int | None:
    names = placement.list_queues(settings.memory_steps_gb)
    waiting = queue.count_messages(settings.broker_url, names, timeout_seconds=ANSWER_SECONDS)
    return sum(waiting.values()) if waiting else None


def _render(estimate: Estimate) -> TimeEstimateOut:
    parts = {name: _render_span(span) for name, span in estimate.parts.items()}
    low, high = estimate.seconds or (None, None)
    rests_on = estimate.parts["training"].rests_on
    return TimeEstimateOut(
        low_seconds=low,
        high_seconds=high,
        rests_on=rests_on,
        runs=estimate.runs,
        encoder=estimate.encoder.name,
        encoder_reason=estimate.encoder.reason,
        parts=parts,
    )


def _render_span(span: Span) -> SpanOut:
    return SpanOut(low_seconds=span.low, high_seconds=span.high, rests_on=span.rests_on)
