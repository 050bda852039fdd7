"""The paper's figures as PNG, drawn from stored results."""

import io
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from app.figures import matplotlib_drawer
from app.figures.figure_data import (
    COLOURS,
    GREY,
    RIGHT,
    WRONG,
    Axis,
    Bars,
    Chart,
    Figure,
    Line,
    Montage,
    Panel,
    Picture,
)
from bench.paper import results
from bench.paper.images import CLASS_NAMES, Pixels
from models.paper.information import bound_training_error, compute_label_entropy

BOUND_POINTS = 200
DISTANCE_MAX = 2**0.5


def draw_bound(path: Path, *, class_count: int = 10, rates: Sequence[float] = (0.2, 0.4, 0.6, 0.8)) -> None:
    """Draw figure A0: Theorem 1's least training error over the bits memorised per sample."""
    most = max(compute_label_entropy(noise_rate=rate, class_count=class_count) for rate in rates)
    lines = []
    for rate, colour in zip(rates, COLOURS, strict=False):
        points = [
            (
                float(bits),
                bound_training_error(
                    information_per_sample=float(bits), noise_rate=rate, class_count=class_count
                ),
            )
            for bits in np.linspace(0, most, BOUND_POINTS)
        ]
        lines.append(Line(name=f"p = {rate:g}", points=points, colour=colour))
    panel = Panel(x=Axis(title="I(w : y | x) / n, bits per sample"), y=Axis(title="least training error"))
    _write(path, Chart(title="", panels=(panel,), series=tuple(lines)))


def draw_curves(path: Path, lines: Sequence[results.Line], *, expected_training_accuracy: float) -> None:
    """Draw figures 1, 2 and A1: accuracy on the given training labels and on clean test labels."""
    series = []
    for number, line in enumerate(lines):
        for panel, field in enumerate(("given_accuracy", "test_accuracy")):
            series.append(
                Line(
                    name=line["key"]["row"],
                    points=[(point["epoch"], point[field]) for point in line["curve"]],
                    colour=COLOURS[number % len(COLOURS)],
                    panel=panel,
                    is_in_legend=panel == 0,
                )
            )
    last = max(point["epoch"] for line in lines for point in line["curve"])
    expected = [(1, expected_training_accuracy), (last, expected_training_accuracy)]
    series.append(Line(name="no label memorised", points=expected, colour=GREY, dash="dot"))
    panels = tuple(
        Panel(x=Axis(title="epoch"), y=Axis(title=f"accuracy on {labels} labels, %"))
        for labels in ("given training", "clean test")
    )
    _write(path, Chart(title="", panels=panels, series=tuple(series)))


def draw_histograms(path: Path, lines: Sequence[results.Line]) -> None:
    """Draw figures A2 and A3, a row of panels for each run: norms that overlap, distances that part."""
    panels: list[Panel] = []
    bars: list[Bars] = []
    for line in lines:
        title = f"{line['key']['row']}, {line['key']['noise']} {line['key']['rate']:g}"
        for field, quantity, found in (
            ("predicted_gradient_norm", "norm of the predicted gradient", title),
            (
                "distance",
                "distance between predicted and cross-entropy gradient",
                f"{title}, ROC AUC {line['auc_average']:.2f} %",
            ),
        ):
            bars += _make_bars(line["histograms"][field], panel=len(panels))
            panels.append(Panel(x=Axis(title=quantity), y=Axis(title="samples"), title=found))
    _write(path, Chart(title="", panels=tuple(panels), series=tuple(bars)))


def _make_bars(counts: Mapping[str, Sequence[int]], *, panel: int) -> list[Bars]:
    return [
        Bars(
            name=f"{kind} label",
            edges=[float(edge) for edge in np.linspace(0, DISTANCE_MAX, len(values) + 1)],
            counts=values,
            colour=colour,
            panel=panel,
        )
        for (kind, values), colour in zip(counts.items(), (RIGHT, WRONG), strict=True)
    ]


def draw_montage(path: Path, line: results.Line, pixels: Pixels) -> None:
    """Draw figures 3, A4 and A5: of every class the most confusing samples, each with its suggested class."""
    names = CLASS_NAMES[line["key"]["dataset"]]
    rows = tuple(
        (
            name,
            tuple(
                Picture(address=str(suspect["index"]), caption=names[suspect["suggested"]])
                for suspect in line["suspects"]
                if suspect["given"] == label
            ),
        )
        for label, name in enumerate(names)
    )
    pictures = {str(suspect["index"]): _encode(pixels[suspect["index"]]) for suspect in line["suspects"]}
    title = "Given label at the left, suggested label below each sample"
    _write(path, Montage(title=title, rows=rows), pictures)


def _encode(pixels: Pixels) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(pixels.squeeze()).save(buffer, format="PNG")
    return buffer.getvalue()


def _write(path: Path, figure: Figure, pictures: Mapping[str, bytes] | None = None) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(matplotlib_drawer.draw(figure, "png", pictures))
