"""Rows into answers: labels become class names, ids become addresses."""

from collections.abc import Sequence
from uuid import UUID

from app import audits, pictures, ranking, variants
from app.schemas.audits import AuditOut, Progress, RunOut, VariantOut
from app.schemas.datasets import DatasetOut, FileOut, SampleOut
from app.schemas.results import Suggestion, Suspect
from app.schemas.reviews import ReviewOut
from app.schemas.shared import Failure
from app.tables import Audit, Dataset, DatasetFile, Json, Review, Run, Sample

LARGE_FIGURES = frozenset({"transition_matrix", "confused_pairs", "budget"})


def dataset_out(dataset: Dataset, files: Sequence[DatasetFile]) -> DatasetOut:
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


def sample_out(dataset: Dataset, sample: Sample, true_label: int | None) -> SampleOut:
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
        image_url=pictures.address(dataset, sample.position),
    )


def run_out(run: Run) -> RunOut:
    """Return a run's answer."""
    return RunOut(
        number=run.number,
        parent_number=run.parent_number,
        variant=run.variant,
        seed=run.seed,
        status=run.status,
        method=(run.configuration or run.request).get("method", "auto"),
        request=run.request,
        is_chosen=run.is_chosen,
        result=run.result,
        attempt=run.attempt,
        device=run.device,
        configuration=run.configuration,
        progress=Progress(**run.progress) if run.progress else None,
        remarks=[Failure(**remark) for remark in run.remarks],
        error=Failure(**run.error) if run.error else None,
        started_at=run.started_at,
        finished_at=run.finished_at,
    )


def audit_out(audit: Audit, runs: Sequence[Run], provisional: set[UUID]) -> AuditOut:
    """Return an audit's answer."""
    return AuditOut(
        **{
            name: getattr(audit, name)
            for name in (
                "id", "dataset_id", "name", "status", "created_at", "started_at", "finished_at",
                "configuration", "theory", "provenance",
            )
        },
        summary=_headlines(audit.summary),
        cancel_requested=audit.cancel_requested_at is not None,
        fraction=audits.fraction(audit, runs),
        eta_seconds=audits.eta_seconds(runs),
        runs=[run_out(run) for run in runs],
        variants=[VariantOut.model_validate(each) for each in variants.of(runs)],
        provisional_available=audit.id in provisional,
        error=Failure(**audit.error) if audit.error else None,
    )  # fmt: skip


def _headlines(summary: Json | None) -> Json | None:
    """Return a summary without its large parts, which lists of audits must not repeat."""
    return summary and {name: value for name, value in summary.items() if name not in LARGE_FIGURES}


def review_out(dataset: Dataset, review: Review) -> ReviewOut:
    """Return a verdict's answer."""
    names = dataset.class_names or []
    return ReviewOut(
        **{
            name: getattr(review, name)
            for name in ("position", "verdict", "reviewer", "reviewed_at", "audit_id", "version")
        },
        label=None if review.label is None else names[review.label],
    )


def suspect(dataset: Dataset, row: ranking.Row, review: Review | None = None) -> Suspect:
    """Return one sample of a ranking."""
    score, sample, true_label = row
    names = dataset.class_names or []
    likeliest = [
        (score.suggested_label, score.suggested_confidence),
        (score.second_label, score.second_probability),
        (score.third_label, score.third_probability),
    ]
    return Suspect(
        **{
            name: getattr(score, name)
            for name in (
                "rank", "position", "score", "distance", "distance_average", "distance_last", "margin",
                "loss", "predicted_gradient_norm", "given_label_probability", "suggested_confidence",
                "error_probability", "is_label_issue", "neighbour_disagreement",
            )
        },
        key=sample.key,
        split=sample.split,
        given_label=names[score.given_label],
        suggested_label=names[score.suggested_label],
        suggestions=[
            Suggestion(label=names[label], probability=probability)
            for label, probability in likeliest
            if label is not None and probability is not None
        ],
        true_label=None if true_label is None else names[true_label],
        is_error=None if true_label is None else true_label != score.given_label,
        image_url=pictures.address(dataset, score.position),
        review=None if review is None else review_out(dataset, review),
    )  # fmt: skip
