"""The paper's figures as Plotly figures (data and layout as JSON), made from what an audit has stored.

Browsers draw them with Plotly's script, `app.figures.matplotlib_drawer` draws PNG and SVG. In every figure a
high distance means that the label is probably wrong.
"""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from statistics import fmean
from typing import Any

Json = dict[str, Any]
Points = Sequence[tuple[int, float]]
RIGHT, WRONG, GREY = "#3b7dd8", "#d8573b", "#8a8a8a"
COLOURS = ("#3b7dd8", "#d8573b", "#3a9d5d", "#8e5bb5", "#c28f2c", "#4aa8b5", "#b0488a", "#6b6b6b", "#7a9a2f")
LINES_MAX = 30


def accuracy(curves: Mapping[str, tuple[Points, Points]], *, right_on: str, expected: float | None) -> Json:
    """Draw figures 1, 2 and A1: accuracy over epochs, on given training labels and on others.

    Args:
        curves: by label, points (epoch, share) on the given training labels and on what `right_on` names.
        right_on: what the right half measures.
        expected: the training accuracy of a network that memorised no wrong label, 1 - p; None: unknown.

    """
    shown = list(curves.items())[:LINES_MAX]
    last = max((epoch for _, (left, _) in shown for epoch, _ in left), default=1)
    data = []
    for number, (name, (left, right)) in enumerate(shown):
        colour = COLOURS[number % len(COLOURS)]
        data.append(_line(name, left, colour, group=name))
        data.append(_line(name, right, colour, group=name, axis="2", showlegend=False))
    if expected is not None:
        data.append(_line("no label memorised", [(1, expected), (last, expected)], GREY, dash="dot"))
    return _figure(
        data,
        "Accuracy over epochs",
        xaxis=_axis("epoch", domain=[0, 0.41]),
        yaxis=_axis("on given training labels", tickformat=".0%"),
        xaxis2=_axis("epoch", domain=[0.59, 1], anchor="y2"),
        yaxis2=_axis(f"on {right_on}", tickformat=".0%", anchor="x2"),
    )


def averaged(runs: Sequence[Points]) -> list[tuple[int, float]]:
    """Return the mean over runs of every epoch that at least one of them has."""
    found: dict[int, list[float]] = {}
    for points in runs:
        for epoch, value in points:
            found.setdefault(epoch, []).append(value)
    return [(epoch, fmean(values)) for epoch, values in sorted(found.items())]


def histogram(document: Json, *, title: str, quantity: str) -> Json:
    """Draw figures A2 and A3: counts of right and of wrong labels, or of all where the truth is not known."""
    edges = document["edges"]
    kinds = {"right": RIGHT, "wrong": WRONG} if "right" in document else {"counts": RIGHT}
    data = [
        {
            "type": "bar",
            "name": f"{kind} labels ({sum(document[kind]):,.0f})" if kind != "counts" else "all labels",
            "x": [(low + high) / 2 for low, high in pairwise(edges)],
            "y": document[kind],
            "width": edges[1] - edges[0],
            "marker": {"color": colour},
            "opacity": 0.65,
        }
        for kind, colour in kinds.items()
    ]
    axes = {"xaxis": _axis(quantity, range=[edges[0], edges[-1]]), "yaxis": _axis("samples")}
    return _figure(data, title, barmode="overlay", **axes)


def roc(metrics: Json) -> Json:
    """Draw true positive rate over false positive rate."""
    data = [
        _line("chance", [(0, 0), (1, 1)], GREY, dash="dot"),
        _line("distance", list(zip(metrics["roc"]["x"], metrics["roc"]["y"], strict=True)), WRONG),
    ]
    return _figure(
        data,
        f"ROC AUC {metrics['roc_auc']:.4f}",
        xaxis=_axis("right labels flagged (false positive rate)", range=[-0.01, 1.01]),
        yaxis=_axis("wrong labels flagged (true positive rate)", range=[-0.01, 1.01]),
    )


def bound(theory: Json, labels: Mapping[int, str]) -> Json:
    """Draw figure A0: Theorem 1's least training error over the bits memorised, and where the runs stand."""
    curve = theory["bound"]
    points = list(zip(curve["bits_per_sample"], curve["least_training_error"], strict=True))
    data = [_line(f"least training error, p = {theory['noise_rate']:.3g}", points, GREY)]
    for number, (name, runs) in enumerate(_grouped(theory, labels)):
        data.append(
            {
                "type": "scatter",
                "mode": "markers",
                "name": name,
                "x": [run["least_bits_memorised_per_sample"] for run in runs],
                "y": [run["training_error"] for run in runs],
                "marker": {"color": COLOURS[number % len(COLOURS)], "size": 9},
            }
        )
    return _figure(
        data,
        "Theorem 1: what a training error betrays about memory",
        xaxis=_axis("I(w : y | x) / n, bits per sample (of a run: at least)"),
        yaxis=_axis("training error on given labels", rangemode="tozero"),
    )


def information(theory: Json, labels: Mapping[int, str]) -> Json:
    """Draw the bits per sample that a run has memorised: at least by Theorem 1, at most by Proposition 1.

    Proposition 1 is drawn up to H(y | x), which no algorithm exceeds.
    """
    entropy, data, last = theory["label_entropy_bits"], [], 1
    for number, (name, runs) in enumerate(_grouped(theory, labels)):
        colour = COLOURS[number % len(COLOURS)]
        least = averaged([_by_epoch(run.get("least_bits_by_epoch")) for run in runs])
        most = averaged([_by_epoch(run["most_bits_per_sample_by_epoch"]) for run in runs])
        last = max(last, len(least))
        data.append(_line(f"{name}: at least", least, colour))
        if most:
            capped = [(epoch, min(bits, entropy)) for epoch, bits in most]
            data.append(_line(f"{name}: at most", capped, colour, dash="dash"))
    data.append(_line("H(y | x) of the labels", [(1, entropy), (max(last, 2), entropy)], GREY, dash="dot"))
    return _figure(
        data,
        "Bits memorised about the labels",
        xaxis=_axis("epoch"),
        yaxis=_axis("bits per sample", rangemode="tozero"),
    )


def _grouped(theory: Json, labels: Mapping[int, str]) -> list[tuple[str, list[Json]]]:
    """Return the theory of each variant's runs by its label."""
    found: dict[str, list[Json]] = {}
    for run in theory["runs"]:
        found.setdefault(labels[run["run"]], []).append(run)
    return list(found.items())[:LINES_MAX]


def _by_epoch(values: Sequence[float] | None) -> list[tuple[int, float]]:
    return list(enumerate(values or [], start=1))


def comparison(variants: Sequence[Json], *, figure: str, title: str) -> Json:
    """Draw every variant's mean and standard deviation over its runs; the chosen one stands out."""
    shown = [variant for variant in variants if figure in variant["figures"]][:LINES_MAX]
    data = [
        {
            "type": "scatter",
            "mode": "markers",
            "name": name,
            "x": [variant["figures"][figure]["mean"] for variant in found],
            "y": [variant["label"] for variant in found],
            "error_x": {
                "type": "data",
                "array": [variant["figures"][figure]["standard_deviation"] or 0 for variant in found],
            },
            "marker": {"color": colour, "size": 10},
        }
        for name, colour, found in (
            ("others", RIGHT, [variant for variant in shown if not variant["is_chosen"]]),
            (
                "chosen by held-out given labels",
                WRONG,
                [variant for variant in shown if variant["is_chosen"]],
            ),
        )
        if found
    ]
    order = [variant["label"] for variant in shown]
    return _figure(
        data,
        f"{title}: mean and standard deviation over runs",
        height=max(360, 130 + 26 * len(shown)),
        margin={"l": 230, "r": 20, "t": 50, "b": 50},
        xaxis=_axis(title.lower()),
        yaxis={"categoryorder": "array", "categoryarray": order[::-1], "type": "category"},
    )


def montage(rows: Sequence[tuple[str, Sequence[Json]]]) -> Json:
    """Draw figures 3, A4 and A5: of every class the samples with the largest distance.

    Args:
        rows: a class with its suspects, worst first: `image_url`, `suggested_label`, `key`, `distance`.

    """
    columns = max((len(suspects) for _, suspects in rows), default=0)
    images, x, y, text, hover = [], [], [], [], []
    for row, (name, suspects) in enumerate(rows):
        for column, suspect in enumerate(suspects):
            place = {
                "x": column,
                "y": row,
                "sizex": 0.9,
                "sizey": 0.8,
                "xanchor": "center",
                "yanchor": "middle",
            }
            images.append({"source": suspect["image_url"], "xref": "x", "yref": "y", **place})
            x.append(column)
            y.append(row + 0.47)
            text.append(suspect["suggested_label"])
            hover.append(
                f"{suspect['key']}<br>{name} → {suspect['suggested_label']}<br>{suspect['distance']:.3f}"
            )
    labels = {"type": "scatter", "mode": "text", "x": x, "y": y, "text": text, "hovertext": hover}
    ticks = {"tickvals": list(range(len(rows))), "ticktext": [name for name, _ in rows]}
    return _figure(
        [{**labels, "hoverinfo": "text", "textfont": {"size": 10}, "showlegend": False}],
        "Most confusing samples per given label; below each, the suggested label",
        images=images,
        width=160 + 80 * columns,
        height=110 + 95 * len(rows),
        xaxis={"range": [-0.6, columns - 0.4], "visible": False},
        yaxis={"range": [len(rows) - 0.4, -0.6], "showgrid": False, "zeroline": False, **ticks},
    )


def _line(name: str, points: Sequence[tuple[float, float]], colour: str, **options: Any) -> Json:  # noqa: ANN401
    """Return a line; `axis` names another pair of axes, `group` its entry in the legend, `dash` its style."""
    axis = options.pop("axis", "")
    line: Json = {"color": colour, "width": 2}
    if "dash" in options:
        line["dash"] = options.pop("dash")
    trace: Json = {
        "type": "scatter",
        "mode": "lines+markers" if len(points) == 1 else "lines",
        "name": name,
        "x": [x for x, _ in points],
        "y": [y for _, y in points],
        "line": line,
    }
    if "group" in options:
        trace["legendgroup"] = options.pop("group")
    if axis:
        trace |= {"xaxis": f"x{axis}", "yaxis": f"y{axis}"}
    return trace | options


def _axis(title: str, **options: Any) -> Json:  # noqa: ANN401
    return {"title": {"text": title}, **options}


def _figure(data: list[Json], title: str, **layout: Any) -> Json:  # noqa: ANN401
    looks = {"margin": {"l": 60, "r": 20, "t": 50, "b": 50}}
    return {"data": data, "layout": {"title": {"text": title}, **looks, **layout}}
