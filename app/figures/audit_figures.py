"""The list of the paper's figures, made from the stored results of an audit."""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import Select, func, select, true
from sqlalchemy.orm import Session, aliased

from app.audits import audit_service, variants
from app.figures import paper_figures
from app.figures.figure_data import Chart, Figure, Points
from app.infra.errors import NotFound
from app.kinds.shown_kinds import find_picture_addresses, make_picture_address
from app.tables import Audit, AuditMetrics, AuditStatus, Dataset, Json, RunEpoch, Sample, Score

NORM = "norm of the predicted gradient"
ACCURACIES = {
    "validation_true_accuracy": "correct labels, held out",
    "validation_accuracy": "held-out given labels",
    "true_accuracy": "correct labels",
    "predictor_accuracy": "given labels, by the predictor",
}
"""Fields for the right half of figures 1 and 2, the best first; the paper uses a clean test set."""
COMPARED = {
    "test_accuracy": "Accuracy on correct labels, held out",
    "validation_accuracy": "Accuracy on held-out given labels",
    "training_accuracy": "Accuracy on given training labels",
    "roc_auc": "ROC AUC of the ranking",
    "average_precision": "Average precision of the ranking",
}
START = "CE, initialises others"
CLASSES_MAX = 100


@dataclass(frozen=True, kw_only=True)
class FigureOptions:
    """Options of a figure in a request."""

    compared: str | None = None
    """A key of COMPARED; None: the first with results."""
    columns: int = 8
    """Samples per class in the montage."""


@dataclass(frozen=True, kw_only=True)
class FigureSource:
    """An audit with its database session, and the options of the figure."""

    session: Session
    audit: Audit
    dataset: Dataset
    options: FigureOptions = FigureOptions()


Make = Callable[[FigureSource], Figure | None]


def list_names(session: Session, audit: Audit, dataset: Dataset) -> list[str]:
    """Return the names of the figures that are available for an audit now."""
    names = []
    for name in MAKERS:
        try:
            make_figure(session, audit, dataset, name, FigureOptions(columns=1))
        except NotFound:
            continue
        names.append(name)
    return names


def title_figure(session: Session, audit: Audit, dataset: Dataset, name: str) -> str:
    """Return the title of a figure; without known correct labels it names no right and wrong ones."""
    maker = MAKERS[name]
    has_truth = _read_metrics(FigureSource(session=session, audit=audit, dataset=dataset)) is not None
    return maker.title if has_truth or maker.title_of_all is None else maker.title_of_all


def make_figure(
    session: Session, audit: Audit, dataset: Dataset, name: str, options: FigureOptions
) -> Figure:
    """Return one figure.

    Raises:
        NotFound: the audit does not have this figure, or not yet.

    """
    figure = MAKERS[name].make(FigureSource(session=session, audit=audit, dataset=dataset, options=options))
    if figure is None:
        raise NotFound(
            f"this audit has no figure {name!r}: it needs correct labels, images, several runs or"
            " a finished audit"
        )
    return figure


def _make_accuracy(source: FigureSource) -> Figure | None:
    runs = audit_service.list_runs(source.session, [source.audit.id])[source.audit.id]
    epochs = audit_service.list_epochs(source.session, [run.id for run in runs])
    field = next((field for field in ACCURACIES if _has_values(epochs.values(), field)), None)
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
        label: (_average(curves_of_runs, "accuracy"), _average(curves_of_runs, field))
        for label, curves_of_runs in groups.items()
        if any(curves_of_runs)
    }
    theory = source.audit.theory
    expected = None if theory is None else 1 - theory["noise_rate"]
    return paper_figures.make_accuracy(curves, right_on=ACCURACIES[field], expected=expected)


def _has_values(runs: Iterable[list[RunEpoch]], field: str) -> bool:
    return any(getattr(epoch, field) is not None for epochs in runs for epoch in epochs)


def _average(runs: Sequence[list[RunEpoch]], field: str) -> Points:
    points = [
        [(epoch.epoch, value) for epoch in epochs if (value := getattr(epoch, field)) is not None]
        for epochs in runs
    ]
    return paper_figures.average_runs(points)


def _build_histogram_maker(key: str, title: str, quantity: str) -> Make:
    def make(source: FigureSource) -> Figure | None:
        metrics = _read_metrics(source)
        document = (metrics or {}).get(key) or (source.audit.summary or {}).get(key)
        return (
            None
            if document is None
            else paper_figures.make_histogram(document, title=title, quantity=quantity)
        )

    return make


def _make_roc(source: FigureSource) -> Figure | None:
    metrics = _read_metrics(source)
    return None if metrics is None or metrics["roc"] is None else paper_figures.make_roc(metrics)


def _read_metrics(source: FigureSource) -> Json | None:
    metrics = source.session.get(AuditMetrics, source.audit.id)
    is_current = source.audit.reported_truth_version == source.dataset.truth_version
    return metrics.document if metrics is not None and is_current else None


def _build_theory_maker(make: Callable[[Json, Mapping[int, str]], Figure]) -> Make:
    def make_theory(source: FigureSource) -> Figure | None:
        if source.audit.theory is None:
            return None
        return make(source.audit.theory, _label_runs(source))

    return make_theory


def make_memorisation(source: FigureSource) -> Chart | None:
    """Return the figure of measured memorisation; None if no label was held back from a network."""
    labels = _label_runs(source)
    runs = audit_service.list_runs(source.session, [source.audit.id])[source.audit.id]
    epochs = audit_service.list_epochs(source.session, [run.id for run in runs])
    groups: dict[str, list[list[RunEpoch]]] = {}
    for run in runs:
        if _has_values([epochs[run.id]], "out_of_sample_loss"):
            groups.setdefault(labels[run.number], []).append(epochs[run.id])
    if not groups:
        return None
    measured = {
        label: {
            "in_sample": _average(members, "in_sample_agreement"),
            "out_of_sample": _average(members, "out_of_sample_agreement"),
            "bits": _measure_bits(members),
        }
        for label, members in groups.items()
    }
    return paper_figures.make_memorisation(measured, _read_least_bits(source.audit, labels))


def _measure_bits(runs: Sequence[list[RunEpoch]]) -> Points:
    """Return the bits by which labels are more probable in sample than out of sample, by epoch."""
    unseen, seen = _average(runs, "out_of_sample_loss"), dict(_average(runs, "in_sample_loss"))
    return [(epoch, (loss - seen[epoch]) / math.log(2)) for epoch, loss in unseen]


def _read_least_bits(audit: Audit, labels: Mapping[int, str]) -> dict[str, Points]:
    """Return Theorem 1's bound on the scoring networks, by label of the variant and epoch."""
    groups: dict[str, list[Points]] = {}
    for run in (audit.theory or {"runs": []})["runs"]:
        bits = run.get("least_bits_of_scorers_by_epoch") or []
        points = [(epoch, least) for epoch, least in enumerate(bits, start=1) if least is not None]
        groups.setdefault(labels[run["run"]], []).append(points)
    return {label: paper_figures.average_runs(members) for label, members in groups.items()}


def _label_runs(source: FigureSource) -> dict[int, str]:
    """Return a label for each run: that of its variant, or START."""
    runs = audit_service.list_runs(source.session, [source.audit.id])[source.audit.id]
    labels = {number: each["label"] for each in variants.list_variants(runs) for number in each["runs"]}
    return {run.number: labels.get(run.number, START) for run in runs}


def _make_comparison(source: FigureSource) -> Figure | None:
    compared = variants.list_variants(
        audit_service.list_runs(source.session, [source.audit.id])[source.audit.id]
    )
    keys = [source.options.compared] if source.options.compared else list(COMPARED)
    key = next((key for key in keys if any(key in variant["figures"] for variant in compared)), None)
    if key is None or (len(compared) == 1 and len(compared[0]["runs"]) == 1):
        return None
    return paper_figures.make_comparison(compared, figure=key, title=COMPARED[key])


def _make_confusing(source: FigureSource) -> Figure | None:
    addresses = find_picture_addresses(source.dataset.kind, source.dataset.id)
    if source.audit.status != AuditStatus.SUCCEEDED or addresses is None:
        return None
    class_names = source.dataset.class_names or []
    rows: dict[int, list[Json]] = {}
    for score, key in source.session.execute(_select_worst(source, len(class_names))):
        suspect = {
            "image_url": make_picture_address(addresses, score.position),
            "suggested_label": class_names[score.suggested_label],
            "key": key,
            "distance": score.distance,
        }
        rows.setdefault(score.given_label, []).append(suspect)
    return paper_figures.make_class_montage([(class_names[label], rows[label]) for label in sorted(rows)])


def _select_worst(source: FigureSource, class_count: int) -> Select[Score, str]:
    """Select the top of each class's ranking, read from the index by class and rank."""
    labels = func.generate_series(0, min(class_count, CLASSES_MAX) - 1).table_valued("label").render_derived()
    head = (
        select(Score)
        .where(Score.audit_id == source.audit.id, Score.given_label == labels.c.label)
        .order_by(Score.rank)
        .limit(source.options.columns)
        .lateral()
    )
    score = aliased(Score, head)
    is_sample = (Sample.dataset_id == source.audit.dataset_id) & (Sample.position == score.position)
    return (
        select(score, Sample.key)
        .select_from(labels)
        .join(head, true())
        .join(Sample, is_sample)
        .order_by(score.given_label, score.rank)
    )


@dataclass(frozen=True)
class Maker:
    """A figure that audits can have."""

    title: str
    """Where correct labels are known."""
    make: Make
    """Returns None if the audit does not have the figure."""
    title_of_all: str | None = None
    """Where they are not, and the figure shows all labels alike; None: the same."""


MAKERS: Mapping[str, Maker] = {
    "accuracy": Maker("accuracy over epochs (Fig. 1, 2, A1)", _make_accuracy),
    "distances": Maker(
        "distances of right and wrong labels (Fig. A3)",
        _build_histogram_maker("histogram", paper_figures.DISTANCE_TITLE, paper_figures.DISTANCE),
        "distances of all labels",
    ),
    "gradient_norms": Maker(
        "norms of predicted gradients (Fig. A2)",
        _build_histogram_maker(
            "norm_histogram", "The predictor should not know which labels are wrong", NORM
        ),
    ),
    "roc": Maker("ROC curve of the ranking", _make_roc),
    "confusing": Maker("the most confusing samples per class (Fig. 3, A4, A5)", _make_confusing),
    "bound": Maker("Theorem 1 (Fig. A0)", _build_theory_maker(paper_figures.make_bound)),
    "information": Maker(
        "memorised bits: lower and upper bound (Theorem 1, Proposition 1)",
        _build_theory_maker(paper_figures.make_information),
    ),
    "memorisation": Maker("measured memorisation, and at least how much by Theorem 1", make_memorisation),
    "comparison": Maker("comparison of variants (the paper's tables)", _make_comparison),
}
"""All figures in the order of the API's list; a name is the last part of the figure's address."""
