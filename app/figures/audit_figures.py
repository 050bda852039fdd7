"""Which of the paper's figures an audit has, each made from what is stored."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Select, func, select, true
from sqlalchemy.orm import Session, aliased

from app.audits import audit_service, variants
from app.figures import paper_figures
from app.figures.figure_data import Figure, Points
from app.infra.errors import NotFound
from app.kinds.shown_kinds import find_picture_addresses, make_picture_address
from app.tables import Audit, AuditMetrics, AuditStatus, Dataset, Json, RunEpoch, Sample, Score

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
class FigureOptions:
    """What a request may ask of a figure."""

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
    options: FigureOptions


Make = Callable[[Stored], Figure | None]


def list_names(session: Session, audit: Audit, dataset: Dataset) -> list[str]:
    """Return the figures that an audit has by now."""
    found = []
    for name in MAKERS:
        try:
            make(session, audit, dataset, name, FigureOptions(columns=1))
        except NotFound:
            continue
        found.append(name)
    return found


def make(session: Session, audit: Audit, dataset: Dataset, name: str, options: FigureOptions) -> Figure:
    """Return one figure.

    Raises:
        NotFound: the audit does not have it, or not yet.

    """
    made = MAKERS[name].make(Stored(session=session, audit=audit, dataset=dataset, options=options))
    if made is None:
        raise NotFound(f"this audit has no figure {name!r}: it needs truth, pictures, several runs or an end")
    return made


def _make_accuracy(stored: Stored) -> Figure | None:
    runs = audit_service.list_runs(stored.session, [stored.audit.id])[stored.audit.id]
    epochs = audit_service.list_epochs(stored.session, [run.id for run in runs])
    field = next((field for field in MEASURED if _has_values(epochs.values(), field)), None)
    if field is None:
        return None
    groups = {
        each["label"]: [epochs[run.id] for run in runs if run.variant == each["number"]]
        for each in variants.list_variants(runs)
    }
    starts = [epochs[run.id] for run in runs if run.variant is None]
    if starts:
        groups[START] = starts
    curves = {
        label: (_average(found, "accuracy"), _average(found, field))
        for label, found in groups.items()
        if any(found)
    }
    theory = stored.audit.theory
    expected = None if theory is None else 1 - theory["noise_rate"]
    return paper_figures.make_accuracy(curves, right_on=MEASURED[field], expected=expected)


def _has_values(runs: Iterable[list[RunEpoch]], field: str) -> bool:
    return any(getattr(epoch, field) is not None for epochs in runs for epoch in epochs)


def _average(runs: Sequence[list[RunEpoch]], field: str) -> Points:
    points = [
        [(epoch.epoch, value) for epoch in epochs if (value := getattr(epoch, field)) is not None]
        for epochs in runs
    ]
    return paper_figures.average_runs(points)


def _histogram_maker(key: str, title: str, quantity: str) -> Make:
    def make(stored: Stored) -> Figure | None:
        metrics = _read_metrics(stored)
        document = (metrics or {}).get(key) or (stored.audit.summary or {}).get(key)
        return (
            None
            if document is None
            else paper_figures.make_histogram(document, title=title, quantity=quantity)
        )

    return make


def _make_roc(stored: Stored) -> Figure | None:
    metrics = _read_metrics(stored)
    return None if metrics is None or metrics["roc"] is None else paper_figures.make_roc(metrics)


def _read_metrics(stored: Stored) -> Json | None:
    found = stored.session.get(AuditMetrics, stored.audit.id)
    is_current = stored.audit.reported_truth_version == stored.dataset.truth_version
    return found.document if found is not None and is_current else None


def _theory_maker(make: Callable[[Json, Mapping[int, str]], Figure]) -> Make:
    def made(stored: Stored) -> Figure | None:
        if stored.audit.theory is None:
            return None
        return make(stored.audit.theory, _label_runs(stored))

    return made


def _label_runs(stored: Stored) -> dict[int, str]:
    """Return what to call each run: its variant, or what it was trained for."""
    runs = audit_service.list_runs(stored.session, [stored.audit.id])[stored.audit.id]
    found = {number: each["label"] for each in variants.list_variants(runs) for number in each["runs"]}
    return {run.number: found.get(run.number, START) for run in runs}


def _make_comparison(stored: Stored) -> Figure | None:
    found = variants.list_variants(
        audit_service.list_runs(stored.session, [stored.audit.id])[stored.audit.id]
    )
    wanted = [stored.options.compared] if stored.options.compared else list(COMPARED)
    key = next((key for key in wanted if any(key in variant["figures"] for variant in found)), None)
    if key is None or (len(found) == 1 and len(found[0]["runs"]) == 1):
        return None
    return paper_figures.make_comparison(found, figure=key, title=COMPARED[key])


def _make_confusing(stored: Stored) -> Figure | None:
    addresses = find_picture_addresses(stored.dataset.kind, stored.dataset.id)
    if stored.audit.status != AuditStatus.SUCCEEDED or addresses is None:
        return None
    class_names = stored.dataset.class_names or []
    rows: dict[int, list[Json]] = {}
    for score, key in stored.session.execute(_select_worst(stored, len(class_names))):
        suspect = {
            "image_url": make_picture_address(addresses, score.position),
            "suggested_label": class_names[score.suggested_label],
            "key": key,
            "distance": score.distance,
        }
        rows.setdefault(score.given_label, []).append(suspect)
    return paper_figures.make_class_montage([(class_names[label], rows[label]) for label in sorted(rows)])


def _select_worst(stored: Stored, class_count: int) -> Select[Score, str]:
    """Select the head of every class's ranking, each read from the index by class and rank."""
    labels = func.generate_series(0, min(class_count, CLASSES_MAX) - 1).table_valued("label").render_derived()
    head = (
        select(Score)
        .where(Score.audit_id == stored.audit.id, Score.given_label == labels.c.label)
        .order_by(Score.rank)
        .limit(stored.options.columns)
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


@dataclass(frozen=True)
class Maker:
    """A figure that an audit may have."""

    title: str
    make: Make
    """Returns None where the audit does not have it."""


MAKERS: Mapping[str, Maker] = {
    "accuracy": Maker("accuracy over epochs (Fig. 1, 2, A1)", _make_accuracy),
    "distances": Maker(
        "distances of right and wrong labels (Fig. A3)",
        _histogram_maker("histogram", paper_figures.DISTANCE_TITLE, paper_figures.DISTANCE),
    ),
    "gradient_norms": Maker(
        "norms of predicted gradients (Fig. A2)",
        _histogram_maker("norm_histogram", "The predictor should not know which labels are wrong", NORM),
    ),
    "roc": Maker("ROC curve of the distance", _make_roc),
    "confusing": Maker("the most confusing samples per class (Fig. 3, A4, A5)", _make_confusing),
    "bound": Maker("Theorem 1 (Fig. A0)", _theory_maker(paper_figures.make_bound)),
    "information": Maker(
        "bits memorised, at least and at most (Theorem 1, Proposition 1)",
        _theory_maker(paper_figures.make_information),
    ),
    "comparison": Maker("variants side by side (the tables)", _make_comparison),
}
"""Every figure, in the order in which the API lists them; its name is the last part of its address."""
