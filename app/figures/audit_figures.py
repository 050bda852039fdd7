"""Which of the paper's figures an audit has, each made from what is stored."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Select, func, select, true
from sqlalchemy.orm import Session, aliased

from app.audits import audit_service, variants
from app.figures import paper_plots
from app.figures.paper_plots import Points
from app.infra.errors import NotFound
from app.kinds.shown_kinds import find_picture_addresses, make_picture_address
from app.tables import Audit, AuditMetrics, AuditStatus, Dataset, Json, RunEpoch, Sample, Score

DISTANCE = "distance between predicted and cross-entropy gradient"
NORM = "norm of the predicted gradient"
MEASURED = {
    "validation_true_accuracy": "true labels, held out",
    "validation_accuracy": "held-out given labels",
    "true_accuracy": "true labels",
    "predictor_accuracy": "given labels, by the predictor",
}
"""What the right half of figures 1 and 2 may show, the best first; the paper has a clean test set."""
COMPARED = {
    "test_accuracy": "Accuracy on true labels, held out",
    "validation_accuracy": "Accuracy on held-out given labels",
    "training_accuracy": "Accuracy on given training labels",
    "roc_auc": "ROC AUC of the distance",
    "average_precision": "Average precision of the distance",
}
START = "CE, started from"
CLASSES_MAX = 100


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """What may be asked of a figure."""

    compared: str | None = None
    """A key of COMPARED; None: the first that there is."""
    columns: int = 8
    """Samples per class in the montage."""


@dataclass(frozen=True, kw_only=True)
class Stored:
    """An audit and where its rows are."""

    session: Session
    audit: Audit
    dataset: Dataset
    wanted: Wanted


def names(session: Session, audit: Audit, dataset: Dataset) -> list[str]:
    """Return the figures that an audit has by now."""
    found = []
    for name in MAKERS:
        try:
            figure(session, audit, dataset, name, Wanted(columns=1))
        except NotFound:
            continue
        found.append(name)
    return found


def figure(session: Session, audit: Audit, dataset: Dataset, name: str, wanted: Wanted) -> Json:
    """Return one figure, data and layout.

    Raises:
        NotFound: the audit does not have it, or not yet.

    """
    _, make = MAKERS[name]
    made = make(Stored(session=session, audit=audit, dataset=dataset, wanted=wanted))
    if made is None:
        raise NotFound(f"this audit has no figure {name!r}: it needs truth, pictures, several runs or an end")
    return made


def _accuracy(stored: Stored) -> Json | None:
    runs = audit_service.runs(stored.session, [stored.audit.id])[stored.audit.id]
    epochs = audit_service.epochs(stored.session, [run.id for run in runs])
    field = next((field for field in MEASURED if _has(epochs.values(), field)), None)
    if field is None:
        return None
    groups = {
        each["label"]: [epochs[run.id] for run in runs if run.variant == each["number"]]
        for each in variants.of(runs)
    }
    starts = [epochs[run.id] for run in runs if run.variant is None]
    if starts:
        groups[START] = starts
    curves = {
        label: (_mean(found, "accuracy"), _mean(found, field))
        for label, found in groups.items()
        if any(found)
    }
    theory = stored.audit.theory
    expected = None if theory is None else 1 - theory["noise_rate"]
    return paper_plots.accuracy(curves, right_on=MEASURED[field], expected=expected)


def _has(runs: Iterable[list[RunEpoch]], field: str) -> bool:
    return any(getattr(epoch, field) is not None for epochs in runs for epoch in epochs)


def _mean(runs: Sequence[list[RunEpoch]], field: str) -> Points:
    points = [
        [(epoch.epoch, value) for epoch in epochs if (value := getattr(epoch, field)) is not None]
        for epochs in runs
    ]
    return paper_plots.averaged(points)


def _histogram(key: str, title: str, quantity: str) -> Callable[[Stored], Json | None]:
    def make(stored: Stored) -> Json | None:
        metrics = _metrics(stored)
        document = (metrics or {}).get(key) or (stored.audit.summary or {}).get(key)
        return None if document is None else paper_plots.histogram(document, title=title, quantity=quantity)

    return make


def _roc(stored: Stored) -> Json | None:
    metrics = _metrics(stored)
    return None if metrics is None or metrics["roc"] is None else paper_plots.roc(metrics)


def _metrics(stored: Stored) -> Json | None:
    found = stored.session.get(AuditMetrics, stored.audit.id)
    is_current = stored.audit.reported_truth_version == stored.dataset.truth_version
    return found.document if found is not None and is_current else None


def _of_theory(make: Callable[[Json, Mapping[int, str]], Json]) -> Callable[[Stored], Json | None]:
    def made(stored: Stored) -> Json | None:
        if stored.audit.theory is None:
            return None
        return make(stored.audit.theory, _labels(stored))

    return made


def _labels(stored: Stored) -> dict[int, str]:
    """Return what to call each run: its variant, or what it was trained for."""
    runs = audit_service.runs(stored.session, [stored.audit.id])[stored.audit.id]
    found = {number: each["label"] for each in variants.of(runs) for number in each["runs"]}
    return {run.number: found.get(run.number, START) for run in runs}


def _comparison(stored: Stored) -> Json | None:
    found = variants.of(audit_service.runs(stored.session, [stored.audit.id])[stored.audit.id])
    wanted = [stored.wanted.compared] if stored.wanted.compared else list(COMPARED)
    key = next((key for key in wanted if any(key in variant["figures"] for variant in found)), None)
    if key is None or (len(found) == 1 and len(found[0]["runs"]) == 1):
        return None
    return paper_plots.comparison(found, figure=key, title=COMPARED[key])


def _confusing(stored: Stored) -> Json | None:
    addresses = find_picture_addresses(stored.dataset.kind, stored.dataset.id)
    if stored.audit.status != AuditStatus.SUCCEEDED or addresses is None:
        return None
    class_names = stored.dataset.class_names or []
    rows: dict[int, list[Json]] = {}
    for score, key in stored.session.execute(_worst(stored, len(class_names))):
        suspect = {
            "image_url": make_picture_address(addresses, score.position),
            "suggested_label": class_names[score.suggested_label],
            "key": key,
            "distance": score.distance,
        }
        rows.setdefault(score.given_label, []).append(suspect)
    return paper_plots.montage([(class_names[label], rows[label]) for label in sorted(rows)])


def _worst(stored: Stored, class_count: int) -> Select[Score, str]:
    """Select the head of every class's ranking, each read from the index by class and rank."""
    labels = func.generate_series(0, min(class_count, CLASSES_MAX) - 1).table_valued("label").render_derived()
    head = (
        select(Score)
        .where(Score.audit_id == stored.audit.id, Score.given_label == labels.c.label)
        .order_by(Score.rank)
        .limit(stored.wanted.columns)
        .lateral()
    )
    score = aliased(Score, head)
    is_sample = (Sample.dataset_id == stored.audit.dataset_id) & (Sample.position == score.position)
    return (
        select(score, Sample.key)
        .select_from(labels)
        .join(head, true())
        .join(Sample, is_sample)
        .order_by(score.given_label, score.rank)
    )


MAKERS: Mapping[str, tuple[str, Callable[[Stored], Json | None]]] = {
    "accuracy": ("accuracy over epochs (Fig. 1, 2, A1)", _accuracy),
    "distances": (
        "distances of right and wrong labels (Fig. A3)",
        _histogram("histogram", "High distance = the label is probably wrong", DISTANCE),
    ),
    "gradient_norms": (
        "norms of predicted gradients (Fig. A2)",
        _histogram("norm_histogram", "The predictor should not know which labels are wrong", NORM),
    ),
    "roc": ("ROC curve of the distance", _roc),
    "confusing": ("the most confusing samples per class (Fig. 3, A4, A5)", _confusing),
    "bound": ("Theorem 1 (Fig. A0)", _of_theory(paper_plots.bound)),
    "information": (
        "bits memorised, at least and at most (Theorem 1, Proposition 1)",
        _of_theory(paper_plots.information),
    ),
    "comparison": ("variants side by side (the tables)", _comparison),
}
"""By name: what the figure shows, and how it is made; None: the audit does not have it."""
