"""Turns rows into answers: labels become class names, ids become addresses."""

from collections.abc import Sequence

from fastapi import Response
from pydantic_core import to_json
from sqlalchemy.orm import Session

from app.audits import audit_progress, audit_service, variants
from app.audits.audit_lists import LISTED_CLASSES
from app.datasets import dataset_service, sample_boxes
from app.features.feature_service import FeatureProgress
from app.kinds.shown_kinds import find_picture_address
from app.places.place_types import show_place
from app.reviews.checked_summary import read_summaries
from app.schemas.audits.audit_schemas import (
    AuditOut,
    AwaitedFeatures,
    EncoderChoiceOut,
    Progress,
    RunOut,
    VariantOut,
)
from app.schemas.datasets.dataset_schemas import (
    DatasetOut,
    FileOut,
    LineageOut,
    PlaceCheckOut,
    PlaceOut,
    SampleOut,
)
from app.schemas.reviews.review_schemas import ListedReview, ReviewOut
from app.schemas.shared_schemas import BoxOut, Failure
from app.tables import Audit, Dataset, DatasetFile, Json, Opinion, Review, Run, RunStatus, Sample

LARGE_PARTS = frozenset({"transition_matrix", "confused_pairs", "budget"})


def respond_json(document: object) -> Response:
    """Return a document as JSON, without validating it against its model again."""
    return Response(to_json(document, inf_nan_mode="null"), media_type="application/json")


def render_datasets(session: Session, listed: Sequence[dataset_service.ListedDataset]) -> list[DatasetOut]:
    """Return the answers of listed datasets, whose class names may not be complete."""
    files = dataset_service.list_files(session, [each.dataset.id for each in listed])
    return [
        render_dataset(each.dataset, files[each.dataset.id]).model_copy(
            update={"class_count": each.class_count}
        )
        for each in listed
    ]


def render_dataset(dataset: Dataset, files: Sequence[DatasetFile]) -> DatasetOut:
    """Return a dataset's answer."""
    names = dataset.class_names
    hidden = {
        "files",
        "has_truth",
        "has_probabilities",
        "error",
        "understood",
        "class_count",
        "lineage",
        "place",
        "place_check",
        "has_label_sets",
    }
    return DatasetOut(
        **{name: getattr(dataset, name) for name in DatasetOut.model_fields if name not in hidden},
        lineage=_render_lineage(dataset),
        has_label_sets=dataset_service.has_sets(dataset),
        place=_render_place(dataset),
        place_check=None if dataset.place_check is None else PlaceCheckOut(**dataset.place_check),
        understood=(dataset.statistics or {}).get("understood"),
        class_count=None if names is None else len(names),
        has_truth=dataset.truth_version > 0,
        has_probabilities=dataset.probabilities is not None,
        error=Failure(**dataset.error) if dataset.error else None,
        files=[FileOut(name=file.name, bytes=file.bytes, sha256=file.sha256) for file in files],
    )


def _render_place(dataset: Dataset) -> PlaceOut | None:
    place = dataset.place
    return None if place is None else PlaceOut(**show_place(place))


def _render_lineage(dataset: Dataset) -> LineageOut:
    return LineageOut(
        root_id=dataset.root_id or dataset.id,
        parent_id=dataset.parent_id,
        version=dataset.version,
        origin=dataset.origin,
        relatives=dataset.relatives,
    )


def render_sample(dataset: Dataset, sample: Sample, true_label: int | None) -> SampleOut:
    """Return a sample's answer."""
    names, box = dataset.class_names or [], sample_boxes.make_box(sample)
    return SampleOut(
        position=sample.position,
        key=sample.key,
        split=sample.split,
        given_label=names[sample.given_label],
        true_label=None if true_label is None else names[true_label],
        width=sample.width,
        height=sample.height,
        image_url=find_picture_address(dataset, sample.position),
        box=None if box is None else BoxOut(**box),
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
        encoder=EncoderChoiceOut(**run.encoder) if run.encoder else None,
        progress=Progress(**run.progress) if run.progress else None,
        waiting=Failure(**run.waiting) if run.waiting and run.status == RunStatus.QUEUED else None,
        remarks=[Failure(**remark) for remark in run.remarks],
        error=Failure(**run.error) if run.error else None,
        started_at=run.started_at,
        finished_at=run.finished_at,
    )


def render_audits(session: Session, audits: Sequence[Audit]) -> list[AuditOut]:
    """Return the answers of audits."""
    ids = [audit.id for audit in audits]
    runs, provisional = audit_service.list_runs(session, ids), audit_service.find_provisional(session, ids)
    features = audit_progress.follow_features(session, runs)
    unfinished = {audit.id: runs[audit.id] for audit in audits if audit.finished_at is None}
    before = audit_progress.count_before(session, unfinished)
    summaries = read_summaries(session, audits)
    return [
        _render_audit(
            audit,
            runs[audit.id],
            summary=summaries[audit.id],
            is_provisional=audit.id in provisional,
            features=features.get(audit.id),
            runs_before=before.get(audit.id),
        )
        for audit in audits
    ]


def _render_audit(
    audit: Audit,
    runs: Sequence[Run],
    *,
    summary: Json | None,
    is_provisional: bool,
    features: FeatureProgress | None,
    runs_before: int | None,
) -> AuditOut:
    return AuditOut(
        **{
            name: getattr(audit, name)
            for name in (
                "id", "dataset_id", "name", "status", "created_at", "started_at", "finished_at",
                "configuration", "theory", "provenance",
            )
        },
        summary=_select_headlines(summary),
        cancel_requested=audit.cancel_requested_at is not None,
        fraction=audit_progress.measure_fraction(audit, runs, features),
        eta_seconds=audit_progress.estimate_seconds(audit, runs, features),
        runs_before=runs_before,
        features=None if features is None else _render_features(features),
        runs=[render_run(run) for run in runs],
        variants=[VariantOut.model_validate(each) for each in variants.list_variants(runs)],
        provisional_available=is_provisional,
        error=Failure(**audit.error) if audit.error else None,
    )  # fmt: skip


def _render_features(progress: FeatureProgress) -> AwaitedFeatures:
    names = (*AwaitedFeatures.model_fields.keys() - {"id"},)
    return AwaitedFeatures(id=progress.set_id, **{name: getattr(progress, name) for name in names})


def _select_headlines(summary: Json | None) -> Json | None:
    """Return a summary without its large parts, which would bloat lists of audits."""
    return summary and {name: value for name, value in summary.items() if name not in LARGE_PARTS}


def shorten_summary(answer: AuditOut) -> AuditOut:
    """Return a listed audit's answer with the figures of the first classes alone."""
    summary = answer.summary
    if summary is None or len(summary.get("per_class", ())) <= LISTED_CLASSES:
        return answer
    first = summary["per_class"][:LISTED_CLASSES]
    return answer.model_copy(update={"summary": {**summary, "per_class": first}})


REVIEW_FIELDS = (
    *("position", "verdict", "reviewer", "reviewed_at", "audit_id", "version", "is_looked_at"),
    "carried",
    "agreement",
)


def render_review(dataset: Dataset, review: Review | Opinion) -> ReviewOut:
    """Return a verdict's answer; one's own opinion looks like any verdict."""
    names = dataset.class_names or []
    return ReviewOut(
        **{name: getattr(review, name) for name in REVIEW_FIELDS},
        label=None if review.label is None else names[review.label],
    )


def render_listed_review(dataset: Dataset, review: Review, key: str) -> ListedReview:
    """Return a verdict's answer in a list."""
    return ListedReview(**render_review(dataset, review).model_dump(), key=key)
