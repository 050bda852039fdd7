"""The paper's figures as PNG, drawn from stored results."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np

from bench.paper.images import CLASS_NAMES, Pixels
from bench.paper.results import Line
from models.paper.information import bound_training_error, label_entropy

mpl.use("Agg")
from matplotlib import pyplot as plt  # after the choice of its back end
from matplotlib.axes import Axes

BOUND_POINTS = 200


def bound(path: Path, *, class_count: int = 10, rates: Sequence[float] = (0.2, 0.4, 0.6, 0.8)) -> None:
    """Draw figure A0: Theorem 1's least training error over the bits memorised per sample."""
    figure, axes = plt.subplots(figsize=(5, 3.6), layout="constrained")
    most = max(label_entropy(noise_rate=rate, class_count=class_count) for rate in rates)
    bits = np.linspace(0, most, BOUND_POINTS)
    for rate in rates:
        errors = [
            bound_training_error(information_per_sample=float(bit), noise_rate=rate, class_count=class_count)
            for bit in bits
        ]
        axes.plot(bits, errors, label=f"p = {rate:g}")
    axes.set_xlabel("I(w : y | x) / n, bits per sample")
    axes.set_ylabel("least training error")
    axes.legend()
    _save(figure, path)


def curves(path: Path, lines: Sequence[Line], *, expected_training_accuracy: float) -> None:
    """Draw figures 1, 2 and A1: accuracy on the given training labels and on clean test labels."""
    figure, (left, right) = plt.subplots(1, 2, figsize=(10, 3.8), layout="constrained")
    for line in lines:
        epochs = [point["epoch"] for point in line["curve"]]
        label = line["key"]["row"]
        left.plot(epochs, [point["given_accuracy"] for point in line["curve"]], label=label)
        right.plot(epochs, [point["test_accuracy"] for point in line["curve"]], label=label)
    left.axhline(expected_training_accuracy, color="grey", linestyle=":", label="no label memorised")
    left.set_ylabel("accuracy on given training labels, %")
    right.set_ylabel("accuracy on clean test labels, %")
    for axes in (left, right):
        axes.set_xlabel("epoch")
    left.legend(fontsize="small")
    _save(figure, path)


def histograms(path: Path, lines: Sequence[Line]) -> None:
    """Draw figures A2 and A3, a line of panels for each run: norms that overlap, distances that part."""
    figure, grid = plt.subplots(
        len(lines), 2, figsize=(10, 3.2 * len(lines)), layout="constrained", squeeze=False
    )
    for (left, right), line in zip(grid, lines, strict=True):
        title = f"{line['key']['row']}, {line['key']['noise']} {line['key']['rate']:g}"
        _panel(left, line["histograms"]["predicted_gradient_norm"], title)
        _panel(right, line["histograms"]["distance"], f"{title}, ROC AUC {line['auc_average']:.2f} %")
        left.set_xlabel("norm of the predicted gradient")
        right.set_xlabel("distance between predicted and cross-entropy gradient")
    _save(figure, path)


def montage(path: Path, line: Line, pixels: Pixels) -> None:
    """Draw figures 3, A4 and A5: of every class the most confusing samples, each with its suggested class."""
    names = CLASS_NAMES[line["key"]["dataset"]]
    rows = [
        [suspect for suspect in line["suspects"] if suspect["given"] == label] for label in range(len(names))
    ]
    columns = max(map(len, rows))
    figure, grid = plt.subplots(
        len(rows), columns, figsize=(0.8 * columns + 1, 0.95 * len(rows)), squeeze=False, layout="constrained"
    )
    for axes in grid.flat:
        axes.axis("off")
    for label, (row, suspects) in enumerate(zip(grid, rows, strict=True)):
        for axes, suspect in zip(row, suspects, strict=False):
            axes.imshow(pixels[suspect["index"]].squeeze(), cmap="gray", interpolation="nearest")
            axes.set_title(names[suspect["suggested"]], fontsize=7, pad=2)
        row[0].text(-0.25, 0.5, names[label], transform=row[0].transAxes, ha="right", va="center", fontsize=8)
    figure.suptitle("Given label at the left, suggested label above each sample", fontsize=9)
    _save(figure, path)


def _panel(axes: Axes, counts: Mapping[str, Sequence[int]], title: str) -> None:
    for kind, values in counts.items():
        axes.stairs(
            values, np.linspace(0, 2**0.5, len(values) + 1), fill=True, alpha=0.5, label=f"{kind} label"
        )
    axes.set_title(title, fontsize="medium")
    axes.set_ylabel("samples")
    axes.legend(fontsize="small")


def _save(figure: Any, path: Path) -> None:  # noqa: ANN401  # matplotlib's figure
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=130)
    plt.close(figure)
