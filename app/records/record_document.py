"""What a record says of data, code, weights, configuration, people, checks and counts."""

import hashlib
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.datasets import dataset_service
from app.exports.audit_source import AuditSource
from app.exports.final_labels import decide_labels
from app.exports.label_tables import write_labels
from app.exports.registry import Issues
from app.gate.gate_figures import Measured, read_figures
from app.infra.errors import Invalid, WrongState
from app.places.file_lists import ORIGINALS
from app.places.place_types import show_place
from app.records.record_bundle import FORMAT, write_json
from app.records.record_fields import ARTICLE_10, DATASHEET, fill_fields
from app.reviews.checked_summary import read_summary
from app.reviews.error_sources import find_sources
from app.reviews.random_checks import find_checks
from app.reviews.source_words import describe_findings
from app.reviews.verdicts import ERRORS, count_reviews
from app.tables import Audit, AuditMetrics, Check, Dataset, Json, Review, Sample, Verdict
from app.versions.content_matching import DIGESTS

PACK_FILES = ("labels.npy", "samples.parquet", DIGESTS, ORIGINALS)
SAYS_NOT = (
    "This record names fields of laws and of datasheets. It does not say that any of them is complied with.",
    "Intervals are 95 % intervals by the method that rests_on names. Nobody checked an audit's own estimate.",
    "Digests of rankings are those that the audit wrote; after random checks a download is made anew.",
    "What cannot be told is said so; it does not mean that there are no wrong labels.",
    "The code's digest is that of the worker that finished the audit; others may have had other code.",
)


def make_document(source: AuditSource, statements: Mapping[str, str]) -> Json:
    """Return the record of an audit; the same state of audit, reviews and checks makes the same record.

    Args:
        source: an audit that has succeeded and is no rehearsal.
        statements: what the operator states, by the name of a field of Article 10 or of a datasheet.

    Raises:
        Invalid: the audit is a rehearsal, or a statement is for no known field.

    """
    _require_known(statements)
    with source.database.transaction() as session:
        audit, dataset = source.audit, source.dataset
        provenance = audit.provenance or {}
        record: Json = {
            "format": FORMAT,
            "says_not": list(SAYS_NOT),
            "audit": _describe_audit(audit),
            "data": _describe_data(session, source),
            "code": provenance.get("code"),
            "versions": provenance.get("versions"),
            "weights": _describe_weights(provenance),
            "configuration": _describe_configuration(audit, provenance),
            "people": _describe_people(session, dataset),
            "checks": _describe_checks(session, audit),
            "counts": _describe_counts(session, source),
            "results": _describe_results(session, source),
        }
    record["eu_ai_act_article_10"] = fill_fields(ARTICLE_10, record, statements)
    record["datasheet"] = fill_fields(DATASHEET, record, statements)
    return record


def _require_known(statements: Mapping[str, str]) -> None:
    names = [field.name for field in (*ARTICLE_10, *DATASHEET)]
    unknown = sorted(set(statements) - set(names))
    if unknown:
        raise Invalid(f"expected statements for {', '.join(names)}; found {', '.join(unknown)}")


def _describe_audit(audit: Audit) -> Json:
    return {
        "id": str(audit.id),
        "name": audit.name,
        "created_at": _write_time(audit.created_at),
        "started_at": _write_time(audit.started_at),
        "finished_at": _write_time(audit.finished_at),
    }


def _describe_data(session: Session, source: AuditSource) -> Json:
    dataset = source.dataset
    files = dataset_service.list_files(session, [dataset.id])[dataset.id]
    splits = select(Sample.split, func.count()).where(Sample.dataset_id == dataset.id).group_by(Sample.split)
    return {
        "id": str(dataset.id),
        "name": dataset.name,
        "version": dataset.version,
        "made_from": dataset.origin,
        "read_in_place": None if dataset.place is None else show_place(dataset.place),
        "files": [{"name": file.name, "bytes": file.bytes, "sha256": file.sha256} for file in files],
        "read_as": {"format": dataset.format, "options": dataset.options, "shape": dataset.shape},
        "kind": dataset.kind,
        "samples": dataset.sample_count,
        "classes": len(dataset.class_names or ()),
        "splits": dict(sorted((split or "none", count) for split, count in session.execute(splits))),
        "own_columns": [column["name"] for column in dataset.own_columns],
        "problems": dataset.problem_count,
        "sha256": {"pack.npy": dataset.pack_sha256, **_digest_pack(source)},
        "truth_version": dataset.truth_version,
    }


def _digest_pack(source: AuditSource) -> dict[str, str]:
    """Return the SHA-256 of labels, samples, contents, and the list of a place's files, as they were read."""
    folder, storage = source.storage.locate_pack(source.dataset.id), source.storage
    return {
        name: _digest(storage.stream(folder / name)) for name in PACK_FILES if storage.exists(folder / name)
    }


def _digest(blocks: Iterator[bytes]) -> str:
    found = hashlib.sha256()
    for block in blocks:
        found.update(block)
    return found.hexdigest()


def _describe_weights(provenance: Json) -> Json:
    return {
        "encoders": [
            {name: used[name] for name in ("encoder", "encoder_sha256", "width", "versions")}
            for used in provenance.get("features", ())
        ],
        "trained": [{"run": run["number"], "sha256": run.get("files")} for run in provenance.get("runs", ())],
    }


def _describe_configuration(audit: Audit, provenance: Json) -> Json:
    names = ("number", "is_chosen", "seed", "device", "configuration")
    described = {
        "requested": {name: value for name, value in audit.configuration.items() if value is not None},
        "runs": [{name: run[name] for name in names} for run in provenance.get("runs", ())],
    }
    return {**described, "sha256": hashlib.sha256(write_json(described)).hexdigest()}


def _describe_people(session: Session, dataset: Dataset) -> Json:
    """Return who gave how many verdicts, and when."""
    verdicts = select(
        Review.reviewer,
        Review.verdict,
        func.count(),
        func.min(Review.reviewed_at),
        func.max(Review.reviewed_at),
    )
    rows = session.execute(
        verdicts.where(Review.dataset_id == dataset.id).group_by(Review.reviewer, Review.verdict)
    )
    reviewers = [
        {
            "reviewer": name,
            "verdict": verdict,
            "samples": count,
            "first": _write_time(first),
            "last": _write_time(last),
        }
        for name, verdict, count, first, last in sorted(rows)
    ]
    return {"verdicts": count_reviews(session, dataset), "reviewers": reviewers}


def _describe_checks(session: Session, audit: Audit) -> Json | None:
    """Return the random checks: which samples were drawn, and what people said; None: none were begun."""
    drawn = find_checks(session.connection(), audit.id)
    if drawn is None:
        return None
    positions = session.scalars(
        select(Check.position).where(Check.audit_id == audit.id).order_by(Check.number)
    )
    samples = [
        {"position": position, "rank": rank, "verdict": verdict}
        for position, rank, verdict in zip(
            positions, drawn.checks.rank_C.tolist(), drawn.verdict_C, strict=True
        )
    ]
    wrong, right = (
        sum(verdict in known for verdict in drawn.verdict_C) for known in (ERRORS, {Verdict.KEEP})
    )
    return {
        "wanted": drawn.wanted,
        "drawn": len(samples),
        "wrong": wrong,
        "right": right,
        "unsure": drawn.unsure,
        "dropped": drawn.dropped,
        "strata_end_at_rank": drawn.checks.strata.ends_S.tolist(),
        "samples": samples,
    }


def _describe_counts(session: Session, source: AuditSource) -> Json:
    audit, dataset = source.audit, source.dataset
    figures = read_figures(session, source.storage, audit, None)
    summary = read_summary(session, audit) or {}
    stored = session.get(AuditMetrics, audit.id)
    sources = (
        describe_findings(find_sources(session.connection(), audit, dataset)) if dataset.own_columns else None
    )
    measured = {} if stored is None else stored.document
    return {
        "rests_on": figures.rests_on,
        "reasons": list(figures.reasons),
        "wrong_labels": _describe_share(figures.total),
        "classes": [_describe_share(each) for each in figures.classes],
        "flagged": summary.get("label_issue_count"),
        "issues": summary.get("issues"),
        "error_sources": sources,
        "measured_with_correct_labels": {
            name: measured[name]
            for name in ("sample_count", "error_count", "roc_auc", "precision_at_noise_rate")
            if name in measured
        },
    }


def _describe_share(measured: Measured) -> Json:
    interval = measured.interval
    ends = None if interval is None else [interval.low, interval.high]
    described: Json = {"samples": measured.samples, "share_of_wrong_labels": ends}
    return described if measured.subject is None else {"class": measured.subject, **described}


def _describe_results(session: Session, source: AuditSource) -> Json:
    """Return the SHA-256 of files that people can download: as the audit wrote them, and the final labels."""
    stored = {name: file["sha256"] for name, file in sorted((source.audit.files or {}).items())}
    return {**stored, "labels.csv": _digest_labels(session, source)}


def _digest_labels(session: Session, source: AuditSource) -> str | None:
    """Return the SHA-256 of `exports/labels.csv`; None: an earlier version read the data."""
    try:
        decisions = decide_labels(
            session, source.storage, source.dataset, audit=None, issues=Issues.KEEP, confirmed=False
        )
        return _digest(write_labels(decisions).blocks)
    except (Invalid, WrongState, FileNotFoundError):
        return None


def _write_time(time: datetime | None) -> str | None:
    return None if time is None else time.astimezone(UTC).isoformat()
