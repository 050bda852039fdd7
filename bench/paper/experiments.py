"""The tables and figures, and how each is rendered when its runs have finished."""

import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.paper import figures
from bench.paper.images import Images
from bench.paper.results import Line
from bench.paper.rows import FIGURE_1, FIGURE_2, FIGURE_A1, OURS, TABLE_1, TABLE_2, Row
from bench.paper.runs import PAPER_SPLITS

Show = Callable[[Path, Sequence[Line], Images | None], None]


@dataclass(frozen=True, kw_only=True)
class Experiment:
    """A table or figure as the paper has it; the command line scales it."""

    dataset: str
    network: str
    rows: tuple[Row, ...]
    noises: tuple[str, ...]
    rates: tuple[float, ...]
    splits: int
    has_curves: bool = False
    show: Show | None = None


def _curves(name: str) -> Show:
    def show(out: Path, lines: Sequence[Line], _: Images | None) -> None:
        path = out / f"{name}.png"
        rate = lines[0]["key"]["rate"]
        figures.draw_curves(path, lines, expected_training_accuracy=100 * (1 - rate))
        for line in lines:
            highest = max(point["given_accuracy"] for point in line["curve"])
            best_test = max(point["test_accuracy"] for point in line["curve"])
            last = line["curve"][-1]
            sys.stdout.write(
                f"{line['key']['row']:<24} {line['key']['settings']} "
                f"training accuracy: highest {highest:.1f} %, last {last['given_accuracy']:.1f} %; "
                f"test accuracy: highest {best_test:.1f} %, last {last['test_accuracy']:.1f} %\n"
            )
        sys.stdout.write(f"wrote {path}\n")

    return show


def _histograms(out: Path, lines: Sequence[Line], _: Images | None) -> None:
    path = out / "figure_a2_a3.png"
    figures.draw_histograms(path, lines)
    sys.stdout.write(f"wrote {path}\n")


def _montage(name: str) -> Show:
    def show(out: Path, lines: Sequence[Line], images: Images | None) -> None:
        if images is None:
            raise SystemExit("a montage shows pictures: name their folder with --data")
        for line in lines:
            path = out / f"{name}.png"
            figures.draw_montage(path, line, images.train)
            sys.stdout.write(f"wrote {path}\n")

    return show


def _single(name: str, *, dataset: str, network: str, row: str) -> Experiment:
    """Return the training on labels as they are whose most confusing samples are shown."""
    return Experiment(
        dataset=dataset,
        network=network,
        rows=tuple(each for each in TABLE_2 if each.name == row),
        noises=("uniform",),
        rates=(0.0,),
        splits=1,
        has_curves=True,
        show=_montage(name),
    )


_LIMITS = tuple(row for row in TABLE_1 if row.name in {"LIMIT_G - S", "LIMIT_L - S"})
EXPERIMENTS: Mapping[str, Experiment] = {
    "table1": Experiment(
        dataset="mnist",
        network="mnist_cnn",
        rows=TABLE_1,
        noises=("uniform",),
        rates=(0.0, 0.5, 0.8),
        splits=PAPER_SPLITS,
    ),
    "table2": Experiment(
        dataset="cifar10",
        network="resnet34_cifar",
        rows=(*TABLE_2, OURS),
        noises=("uniform", "pair"),
        rates=(0.4,),
        splits=1,
    ),
    "figure1": Experiment(
        dataset="mnist",
        network="mlp",
        rows=FIGURE_1,
        noises=("uniform",),
        rates=(0.8,),
        splits=1,
        has_curves=True,
        show=_curves("figure1"),
    ),
    "figure2": Experiment(
        dataset="mnist",
        network="mnist_cnn",
        rows=FIGURE_2,
        noises=("uniform",),
        rates=(0.8,),
        splits=1,
        has_curves=True,
        show=_curves("figure2"),
    ),
    "figure3_mnist": _single("figure3_mnist", dataset="mnist", network="mnist_cnn", row="LIMIT_L - S"),
    "figure3_cifar10": _single(
        "figure3_cifar10", dataset="cifar10", network="resnet34_cifar", row="LIMIT_G - S"
    ),
    "figure_a1": Experiment(
        dataset="mnist",
        network="mnist_cnn",
        rows=FIGURE_A1,
        noises=("uniform",),
        rates=(0.8,),
        splits=1,
        has_curves=True,
        show=_curves("figure_a1"),
    ),
    "figure_a2_a3": Experiment(
        dataset="mnist",
        network="mnist_cnn",
        rows=_LIMITS,
        noises=("uniform",),
        rates=(0.8,),
        splits=1,
        has_curves=True,
        show=_histograms,
    ),
}
