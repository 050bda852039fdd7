"""Turns rows into answers: labels become class names, ids become addresses."""

from collections.abc import Sequence
from uuid import UUID

from fastapi import Response
from pydantic_core import to_json

from app.audits import audit_service, variants
from app.kinds.shown_kinds import find_picture_address
from app.schemas.audit_schemas import AuditOut, Progress, RunOut, VariantOut
from app.schemas.dataset_schemas import DatasetOut, FileOut, SampleOut
from app.schemas.review_schemas import ReviewOut
from app.schemas.shared_schemas import Failure
from app.tables import Audit, Dataset, DatasetFile, Json, Review, Run, RunStatus, Sample

LARGE_PARTS = frozenset({"transition_matrix", "confused_pairs", "budget"})


def respond_json(document: object) -> Response:
    """Return a document as JSON, without validating it against its model again."""
    return Response(to_json(document, inf_nan_mode="null"), media_type="application/json")


def render_dataset(dataset: Dataset, files: Sequence[DatasetFile]) -> DatasetOut:
    """Return a dataset's answer."""
    return DatasetOut(
        **{
            name: getattr(dataset, name)
            for name in DatasetOut.model_fields
            if name not in {"files", "has_truth", "has_probabilities", "error"}
        },
        has_truth=dataset.truth_version > 0,
        has_probabilities=dataset.probabilities is not None,
        error=Failure(**dataset.error) if dataset.error else None,
        files=[FileOut(name=file.name, bytes=file.bytes, sha256=file.sha256) for file in files],
    )


def render_sample(dataset: Dataset, sample: Sample, true_label: int | None) -> SampleOut:
    """Return a sample's answer."""
    names = dataset.class_names or []
    return SampleOut(
        position=sample.position,
        key=sample.key,
        split=sample.split,
        given_label=names[sample.given_label],
        true_label=None if true_label is None else names[true_label],
        width=sample.width,
        height=sample.height,
        image_url=find_picture_address(dataset, sample.position),
    )


def render_run(run: Run) -> RunOut:
    """Return a run's answer."""
    return RunOut(
        number=run.number,
        parent_number=run.parent_number,
        variant=run.variant,
        seed=run.seed,
        status=run.status,
        method=run.method or "auto",
        request=run.request,
        is_chosen=run.is_chosen,
        result=run.result,
        attempt=run.attempt,
        device=run.device,
        configuration=run.configuration,
        progress=Progress(**run.progress) if run.progress else None,
        waiting=Failure(**run.waiting) if run.waiting and run.status == RunStatus.QUEUED else None,
        remarks=[Failure(**remark) for remark in run.remarks],
        error=Failure(**run.error) if run.error else None,
        started_at=run.started_at,
        finished_at=run.finished_at,
    )


def render_audit(audit: Audit, runs: Sequence[Run], provisional: set[UUID]) -> AuditOut:
    """Return an audit's answer."""
    return AuditOut(
        **{
            name: getattr(audit, name)
            for name in (
                "id", "dataset_id", "name", "status", "created_at", "started_at", "finished_at",
                "configuration", "theory", "provenance",
            )
        },
        summary=_select_headlines(audit.summary),
        cancel_requested=audit.cancel_requested_at is not None,
        fraction=audit_service.measure_fraction(audit, runs),
        eta_seconds=audit_service.estimate_seconds(runs),
        runs=[render_run(run) for run in runs],
        variants=[VariantOut.model_validate(each) for each in variants.list_variants(runs)],
        provisional_available=audit.id in provisional,
        error=Failure(**audit.error) if audit.error else None,
    )  # fmt: skip


def _select_headlines(summary: Json | None) -> Json | None:
    """Return a summary without its large parts, which would bloat lists of audits."""
    return summary and {name: value for name, value in summary.items() if name not in LARGE_PARTS}


def render_review(dataset: Dataset, review: Review) -> ReviewOut:
    """Return a verdict's answer."""
    names = dataset.class_names or []
    return ReviewOut(
        **{
            name: getattr(review, name)
            for name in ("position", "verdict", "reviewer", "reviewed_at", "audit_id", "version")
        },
        label=None if review.label is None else names[review.label],
    )
