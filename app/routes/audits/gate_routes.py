"""The route of the gate: an audit judged by limits."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query

from app.audits import audit_service
from app.gate.gate_figures import read_figures
from app.gate.gate_rules import Check, Limits, conclude, describe_unseen, judge
from app.http.slow_work import run_slowly
from app.infra.database import Database
from app.infra.errors import Invalid
from app.infra.storage import Storage
from app.routes.shared.dependencies import CallerDatabase, Files, KnownParameters, Reads
from app.schemas.audits.gate_schemas import GateBaselineOut, GateCheckOut, GateOut
from app.versions.audit_comparison import AuditComparison

router = APIRouter(prefix="/v1/audits", tags=["audits"])
Share = Annotated[float | None, Query(ge=0, le=1)]
DEMANDS = "max_noise, max_class_noise, max_new_noise, no_conflicts or not_worse"


@router.get("/{audit_id}/gate", dependencies=[Reads, KnownParameters])
async def judge_audit(
    audit_id: UUID,
    database: CallerDatabase,
    files: Files,
    *,
    max_noise: Annotated[Share, Query(description="share of wrong labels")] = None,
    max_class_noise: Annotated[Share, Query(description="share of wrong labels of each given class")] = None,
    max_new_noise: Annotated[
        Share, Query(description="share of wrong labels among samples and labels new since the baseline")
    ] = None,
    no_conflicts: Annotated[
        bool, Query(description="no duplicates with different labels; with a baseline, none that are new")
    ] = False,
    not_worse: Annotated[
        bool, Query(description="no more wrong labels than the baseline, beyond both intervals")
    ] = False,
    baseline: Annotated[UUID | None, Query(description="an earlier audit to compare with")] = None,
) -> GateOut:
    """Judge an audit by limits, each on the lower end of its interval, so that chance does not decide."""
    limits = Limits(
        max_noise=max_noise,
        max_class_noise=max_class_noise,
        max_new_noise=max_new_noise,
        no_conflicts=no_conflicts,
        not_worse=not_worse,
    )
    if limits.are_empty:
        raise Invalid(
            f"expected at least one of {DEMANDS}; found none, and a gate without limits says nothing"
        )
    if limits.need_baseline and baseline is None:
        raise Invalid("max_new_noise and not_worse need a baseline; found none")
    if baseline == audit_id:
        raise Invalid("expected another audit as the baseline; an audit is never worse than itself")
    return await run_slowly(
        database.workspace_id, lambda: _judge(database, files, audit_id, limits, baseline)
    )


def _judge(
    database: Database, files: Storage, audit_id: UUID, limits: Limits, baseline_id: UUID | None
) -> GateOut:
    with database.transaction() as session:
        audit = audit_service.get_succeeded(session, audit_id)
        baseline = None if baseline_id is None else audit_service.get_succeeded(session, baseline_id)
        figures = read_figures(session, files, audit, baseline)
        checks = judge(figures, limits)
        return GateOut(
            audit_id=audit_id,
            verdict=conclude(checks),
            sample_count=figures.sample_count,
            left_out=figures.left_out,
            rests_on=figures.rests_on,
            cannot_see=describe_unseen(figures, checks),
            checks=[_render_check(check) for check in checks],
            baseline=None if figures.since is None else _render_baseline(figures.since),
        )


def _render_check(check: Check) -> GateCheckOut:
    interval = check.interval
    return GateCheckOut(
        **{
            name: getattr(check, name)
            for name in ("rule", "subject", "outcome", "detail", "limit", "samples")
        },
        low=None if interval is None else interval.low,
        high=None if interval is None else interval.high,
    )


def _render_baseline(since: AuditComparison) -> GateBaselineOut:
    states = since.states
    return GateBaselineOut(
        audit_id=since.first.audit.id,
        name=since.first.audit.name,
        shared=since.shared,
        added=states["added"],
        dropped=states["dropped"],
        relabelled=states["relabelled"],
        new_suspects=states["new_suspect"],
        difference=since.difference,
        detail=since.detail,
    )
