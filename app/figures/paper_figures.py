"""The paper's figures as data. A high distance means that the label is probably wrong."""

from collections.abc import Mapping, Sequence
from statistics import fmean
from typing import Any, Literal

from app.figures.figure_data import (
    COLOURS,
    GREY,
    RIGHT,
    WRONG,
    Axis,
    Bars,
    Chart,
    Line,
    Markers,
    Montage,
    Panel,
    Picture,
    Points,
    Series,
)

Json = dict[str, Any]
LINES_MAX = 30
DISTANCE_TITLE = "High distance: the label is probably wrong"
DISTANCE = "distance between predicted and cross-entropy gradient"


def make_accuracy(
    curves: Mapping[str, tuple[Points, Points]], *, right_on: str, expected: float | None
) -> Chart:
    """Make figures 1, 2 and A1: accuracy over epochs, on given training labels and on other labels.

    Args:
        curves: by label, points (epoch, share) on the given training labels and on those of `right_on`.
        right_on: name of the labels in the right half.
        expected: training accuracy of a network that memorised no wrong label, 1 - p; None: unknown.

    """
    entries = list(curves.items())[:LINES_MAX]
    last = max((epoch for _, (left, _) in entries for epoch, _ in left), default=1)
    lines = []
    for number, (name, (left, right)) in enumerate(entries):
        colour = COLOURS[number % len(COLOURS)]
        lines.append(Line(name=name, points=left, colour=colour, group=name))
        lines.append(Line(name=name, points=right, colour=colour, group=name, panel=1, is_in_legend=False))
    if expected is not None:
        points = [(1, expected), (last, expected)]
        lines.append(Line(name="no label memorised", points=points, colour=GREY, dash="dot"))
    halves = ("given training labels", right_on)
    return Chart(
        title="Accuracy over epochs",
        panels=tuple(
            Panel(x=Axis(title="epoch"), y=Axis(title=f"on {half}", is_share=True)) for half in halves
        ),
        series=tuple(lines),
    )


def average_runs(runs: Sequence[Points]) -> list[tuple[float, float]]:
    """Return the mean over runs for each epoch of at least one run."""
    values_of: dict[float, list[float]] = {}
    for points in runs:
        for epoch, value in points:
            values_of.setdefault(epoch, []).append(value)
    return [(epoch, fmean(values)) for epoch, values in sorted(values_of.items())]


def make_histogram(
    document: Json, *, title: str, quantity: str, scale: Literal["linear", "square root"] = "linear"
) -> Chart:
    """Make figures A2 and A3: histograms of right and wrong labels, or of all labels.

    Args:
        document: `edges` [N + 1], and `right` and `wrong` or only `counts`, each [N].
        title: title of the figure.
        quantity: name of the quantity on the x axis.
        scale: scale of the counts; a square root keeps few wrong labels visible beside many right labels.

    """
    edges = document["edges"]
    kinds = {"right": RIGHT, "wrong": WRONG} if "right" in document else {"counts": RIGHT}
    bars = [
        Bars(
            name=f"{kind} labels ({sum(document[kind]):,.0f})" if kind != "counts" else "all labels",
            edges=edges,
            counts=document[kind],
            colour=colour,
        )
        for kind, colour in kinds.items()
    ]
    x, y = Axis(title=quantity, range=(edges[0], edges[-1])), Axis(title="samples", scale=scale)
    return Chart(title=title, panels=(Panel(x=x, y=y),), series=tuple(bars))


def make_roc(metrics: Json) -> Chart:
    """Make the curve of true positive rate over false positive rate."""
    points = list(zip(metrics["roc"]["x"], metrics["roc"]["y"], strict=True))
    x = Axis(title="right labels flagged (false positive rate)", range=(-0.01, 1.01))
    y = Axis(title="wrong labels flagged (true positive rate)", range=(-0.01, 1.01))
    return Chart(
        title=f"ROC AUC {metrics['roc_auc']:.4f}",
        panels=(Panel(x=x, y=y),),
        series=(
            Line(name="chance", points=[(0, 0), (1, 1)], colour=GREY, dash="dot"),
            Line(name="ranking", points=points, colour=WRONG),
        ),
    )


def make_bound(theory: Json, labels: Mapping[int, str]) -> Chart:
    """Make figure A0: the least training error by Theorem 1 over the memorised bits, and the runs."""
    curve = theory["bound"]
    points = list(zip(curve["bits_per_sample"], curve["least_training_error"], strict=True))
    name = f"least training error, p = {theory['noise_rate']:.3g}"
    series: list[Series] = [Line(name=name, points=points, colour=GREY)]
    for number, (label, runs) in enumerate(_group_runs(theory, labels)):
        series.append(
            Markers(
                name=label,
                x=[run["least_bits_memorised_per_sample"] for run in runs],
                y=[run["training_error"] for run in runs],
                colour=COLOURS[number % len(COLOURS)],
                size=9,
            )
        )
    x = Axis(title="I(w : y | x) / n in bits (runs: lower bound)")
    y = Axis(title="training error on given labels", starts_at_zero=True)
    return Chart(
        title="Theorem 1: training error and memorised bits",
        panels=(Panel(x=x, y=y),),
        series=tuple(series),
    )


def make_information(theory: Json, labels: Mapping[int, str]) -> Chart:
    """Make the bounds of the bits that a run memorised: lower by Theorem 1, upper by Proposition 1.

    The upper bound is drawn up to H(y | x), which no algorithm exceeds.
    """
    entropy, last = theory["label_entropy_bits"], 1
    lines: list[Line] = []
    for number, (name, runs) in enumerate(_group_runs(theory, labels)):
        colour = COLOURS[number % len(COLOURS)]
        least = average_runs([_number_epochs(run.get("least_bits_by_epoch")) for run in runs])
        most = average_runs([_number_epochs(run["most_bits_per_sample_by_epoch"]) for run in runs])
        last = max(last, len(least))
        lines.append(Line(name=f"{name}: lower bound", points=least, colour=colour))
        if most:
            capped = [(epoch, min(bits, entropy)) for epoch, bits in most]
            lines.append(Line(name=f"{name}: upper bound", points=capped, colour=colour, dash="dash"))
    points = [(1, entropy), (max(last, 2), entropy)]
    lines.append(Line(name="H(y | x) of the labels", points=points, colour=GREY, dash="dot"))
    panel = Panel(x=Axis(title="epoch"), y=Axis(title="bits per sample", starts_at_zero=True))
    return Chart(title="Memorised bits about the labels", panels=(panel,), series=tuple(lines))


def make_memorisation(measured: Mapping[str, Mapping[str, Points]], bounds: Mapping[str, Points]) -> Chart:
    """Make measured memorisation: agreement and bits in sample and out of sample, beside Theorem 1's bound.

    The bits of a label are log2 of its probability by networks that learn it over that by networks that do
    not, the mean of which is the difference of their losses. Theorem 1 says how many the networks that learn
    labels have memorised at least, if errors are uniform.

    Args:
        measured: by label of a variant, points by epoch: "in_sample", "out_of_sample" (shares), "bits".
        bounds: by the same label, the least bits per sample by Theorem 1; empty until the audit has ended.

    """
    lines = []
    for number, (name, points) in enumerate(list(measured.items())[:LINES_MAX]):
        colour = COLOURS[number % len(COLOURS)]
        title = f"{name}: " if len(measured) > 1 else ""
        lines += [
            Line(name=f"{title}agreement, labels learned", points=points["in_sample"], colour=colour),
            Line(
                name=f"{title}agreement, labels held back",
                points=points["out_of_sample"],
                colour=colour,
                dash="dash",
            ),
            Line(name=f"{title}bits, measured", points=points["bits"], colour=colour, panel=1),
        ]
        if bound := bounds.get(name):
            lines.append(
                Line(
                    name=f"{title}bits, at least (Theorem 1)",
                    points=bound,
                    colour=colour,
                    dash="dot",
                    panel=1,
                )
            )
    panels = (
        Panel(x=Axis(title="epoch"), y=Axis(title="agreement with given labels", is_share=True)),
        Panel(x=Axis(title="epoch"), y=Axis(title="memorised bits per label")),
    )
    return Chart(title="Measured memorisation", panels=panels, series=tuple(lines))


def _group_runs(theory: Json, labels: Mapping[int, str]) -> list[tuple[str, list[Json]]]:
    """Return the theory of the runs of each variant, by label."""
    groups: dict[str, list[Json]] = {}
    for run in theory["runs"]:
        groups.setdefault(labels[run["run"]], []).append(run)
    return list(groups.items())[:LINES_MAX]


def _number_epochs(values: Sequence[float] | None) -> list[tuple[float, float]]:
    return list(enumerate(values or [], start=1))


def make_comparison(variants: Sequence[Json], *, figure: str, title: str) -> Chart:
    """Make mean and standard deviation of each variant over its runs, with the chosen variant in colour."""
    entries = [variant for variant in variants if figure in variant["figures"]][:LINES_MAX]
    others = [variant for variant in entries if not variant["is_chosen"]]
    chosen = [variant for variant in entries if variant["is_chosen"]]
    groups = (("other variants", RIGHT, others), ("chosen by held-out given labels", WRONG, chosen))
    series = [
        Markers(
            name=name,
            x=[variant["figures"][figure]["mean"] for variant in members],
            y=[variant["label"] for variant in members],
            colour=colour,
            size=10,
            spread=[variant["figures"][figure]["standard_deviation"] or 0 for variant in members],
        )
        for name, colour, members in groups
        if members
    ]
    names = tuple(variant["label"] for variant in reversed(entries))
    return Chart(
        title=f"{title}: mean and standard deviation over runs",
        panels=(Panel(x=Axis(title=title.lower()), y=Axis(categories=names)),),
        series=tuple(series),
        height=max(360, 130 + 26 * len(names)),
    )


def make_class_montage(rows: Sequence[tuple[str, Sequence[Json]]]) -> Montage:
    """Make figures 3, A4 and A5: for each class, the most suspicious samples.

    Args:
        rows: classes with their suspects, worst first, as `image_url`, `suggested_label`, `key`, `distance`.

    """
    return Montage(
        title="Most confusing samples per given label, with the suggested label below each",
        rows=tuple(
            (name, tuple(_make_cell(name, suspect) for suspect in suspects)) for name, suspects in rows
        ),
    )


def _make_cell(name: str, suspect: Json) -> Picture:
    caption = suspect["suggested_label"]
    details = f"{suspect['key']}\n{name} → {caption}\n{suspect['distance']:.3f}"
    return Picture(address=suspect["image_url"], caption=caption, details=details)
