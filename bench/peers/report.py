"""The comparison as a Markdown table and as a plot."""

import statistics
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import matplotlib as mpl

mpl.use("Agg")
from matplotlib import pyplot as plt

Line = Mapping[str, Any]
Cells = dict[str, dict[str, list[float]]]
"""Row name, then task, to one value per seed."""


def table(lines: Iterable[Line]) -> str:
    """Return every comparison in Markdown: rankings, cuts, noise rates and what they cost."""
    lines = list(lines)
    parts = [
        ("ROC AUC", _scores(lines, "auroc")),
        ("Average precision", _scores(lines, "ap")),
        ("Precision at the noise rate", _scores(lines, "precision_at_noise_rate")),
        ("F1 of automatic cuts", _gathered(lines, lambda line: _field(line["cuts"], "f1"))),
        ("Estimated share of wrong labels over the true one", _gathered(lines, _relative_rates)),
        ("Estimated share of wrong labels where none are", _gathered(lines, _shares_of_clean)),
        ('"Cannot tell" (1 = yes)', _gathered(lines, _withheld)),
        ("Calibration error of the error probability", _gathered(lines, _of("calibration_error"))),
        ("Share of samples at 0.9 or more", _gathered(lines, _of("certain_share"))),
        ("How many of these are wrong", _gathered(lines, _of("certain_wrong"))),
        (
            "Truth within the interval of the number of errors (1 = yes)",
            _gathered(lines, _of("interval_holds")),
        ),
        ("Width of that interval, as a share of all labels", _gathered(lines, _widths)),
        ("Samples through a network", _gathered(lines, lambda line: _cost(line, "network_samples"))),
        ("Seconds", _gathered(lines, lambda line: _cost(line, "seconds"))),
    ]
    return "\n".join(f"## {title}\n\n{_markdown(cells)}" for title, cells in parts if cells)


def _scores(lines: Iterable[Line], figure: str) -> Cells:
    return _gathered(lines, lambda line: _field(line["scores"], figure))


def _field(rows: Mapping[str, Mapping[str, float]], figure: str) -> dict[str, float]:
    return {name: figures[figure] for name, figures in rows.items()}


def _relative_rates(line: Line) -> dict[str, float]:
    rate = line["noise_rate"]
    return {name: found / rate for name, found in line["noise_rates"].items()} if rate else {}


def _shares_of_clean(line: Line) -> dict[str, float]:
    return {} if line["noise_rate"] else dict(line["noise_rates"])


def _withheld(line: Line) -> dict[str, float]:
    """Return whether a count that has an interval was withheld."""
    if "noise_rate_interval" not in line:
        return {}
    return {line["key"]["detector"]: float("cannot_tell" in line)}


def _of(figure: str) -> Callable[[Line], dict[str, float]]:
    """Return what takes one figure of a detector, where it has it."""
    return lambda line: {line["key"]["detector"]: float(line[figure])} if figure in line else {}


def _widths(line: Line) -> dict[str, float]:
    low, high = line.get("noise_rate_interval", (None, None))
    return {} if low is None else {line["key"]["detector"]: high - low}


def _cost(line: Line, figure: str) -> dict[str, float]:
    return {line["key"]["detector"]: line[figure]}


def _gathered(lines: Iterable[Line], values: Callable[[Line], Mapping[str, float]]) -> Cells:
    cells: Cells = defaultdict(lambda: defaultdict(list))
    for line in lines:
        for name, value in values(line).items():
            cells[name][line["key"]["task"]].append(value)
    return cells


def _markdown(cells: Cells) -> str:
    """Return rows by name and columns by task, the mean over tasks last; best rows first."""
    tasks = list(dict.fromkeys(task for row in cells.values() for task in row))
    rows = sorted(cells.items(), key=lambda item: -_mean_over_tasks(item[1]))
    head = f"| | {' | '.join(tasks)} | mean |\n|---|{'---|' * (len(tasks) + 1)}\n"
    body = [
        [name, *(_cell(row.get(task, [])) for task in tasks), _number(_mean_over_tasks(row))]
        for name, row in rows
    ]
    return head + "".join(f"| {' | '.join(cells)} |\n" for cells in body)


def _mean_over_tasks(row: Mapping[str, list[float]]) -> float:
    return statistics.fmean(statistics.fmean(values) for values in row.values())


def _cell(values: list[float]) -> str:
    if not values:
        return "-"
    spread = f" ± {_number(statistics.stdev(values))}" if len(values) > 1 else ""
    return f"{_number(statistics.fmean(values))}{spread}"


def _number(value: float) -> str:
    return f"{value:.4f}" if abs(value) < 100 else f"{value:,.0f}"  # noqa: PLR2004


def plot(lines: Iterable[Line], path: Path) -> None:
    """Draw ROC AUC and average precision of every ranking, one dot per task."""
    lines = list(lines)
    figure, axes = plt.subplots(1, 2, figsize=(12, 6), sharey=True, layout="constrained")
    for axis, (title, name) in zip(axes, (("ROC AUC", "auroc"), ("average precision", "ap")), strict=True):
        cells = _scores([line for line in lines if line["key"]["detector"] != "random"], name)
        names = sorted(cells, key=lambda row: _mean_over_tasks(cells[row]))
        for task in dict.fromkeys(line["key"]["task"] for line in lines):
            found = [cells[row].get(task) for row in names]
            values = [statistics.fmean(each) if each else None for each in found]
            axis.plot(values, names, "o", alpha=0.7, label=task)
        axis.plot([_mean_over_tasks(cells[row]) for row in names], names, "k|", markersize=18, label="mean")
        axis.set_title(title)
        axis.grid(alpha=0.3)
    figure.legend(*axes[-1].get_legend_handles_labels(), fontsize=8, loc="outside right center")
    figure.savefig(path, dpi=110)
    plt.close(figure)
