"""Makes a table or a figure of the paper again, from nothing or from where it was interrupted.

Finished runs stand in bench/paper/results/EXPERIMENT.jsonl and are not trained again. Whatever is done
smaller than in the paper is said in the output, each time with the word "scaled".
"""

import argparse
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import torch

from bench.paper import figures, tables
from bench.paper.images import DATASETS, as_features
from bench.paper.results import Line, Results, best_of_search, mean_and_deviation
from bench.paper.rows import FIGURE_1, FIGURE_A1, TABLE_1, TABLE_2, Row
from bench.paper.runs import PAPER_EPOCHS, PAPER_PATIENCE, PAPER_SPLITS, Setup, key
from bench.paper.schedule import Plan, work_through

RESULTS = Path(__file__).with_name("results")


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
    show: Callable[[Path, Sequence[Line]], None] | None = None


def _curves(name: str) -> Callable[[Path, Sequence[Line]], None]:
    def show(out: Path, lines: Sequence[Line]) -> None:
        path = out / f"{name}.png"
        rate = lines[0]["key"]["rate"]
        figures.curves(path, lines, expected_training_accuracy=100 * (1 - rate))
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


def _histograms(out: Path, lines: Sequence[Line]) -> None:
    path = out / "figure_a2_a3.png"
    figures.histograms(path, lines)
    sys.stdout.write(f"wrote {path}\n")


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
        rows=TABLE_2,
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


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bench.paper", description=__doc__)
    parser.add_argument("experiment", choices=[*EXPERIMENTS, "figure_a0"])
    parser.add_argument("--data", type=Path, help="folder with mnist/ and cifar10/")
    parser.add_argument("--out", type=Path, default=Path("paper-figures"), help="folder for PNG files")
    parser.add_argument("--results", type=Path, default=RESULTS, help="folder of the .jsonl files")
    parser.add_argument(
        "--n", type=int, nargs="+", help="training samples (default: the paper's full number)"
    )
    parser.add_argument("--validation", type=int, help="held-out samples (default: the paper's number)")
    parser.add_argument("--noise", type=float, nargs="+", metavar="RATE", help="noise rates in 0 .. 1")
    parser.add_argument("--noise-kind", nargs="+", choices=["uniform", "pair"])
    parser.add_argument("--methods", nargs="+", metavar="ROW", help="names of rows as the table prints them")
    parser.add_argument("--splits", type=int, help="number of splits")
    parser.add_argument("--first-split", type=int, default=0)
    parser.add_argument("--epochs", type=int, default=PAPER_EPOCHS)
    parser.add_argument("--patience", type=int, default=PAPER_PATIENCE)
    parser.add_argument("--network", help="another network than the paper's, such as small_cnn on a CPU")
    parser.add_argument("--search", action="store_true", help="try every row's whole grid")
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--print-only", action="store_true", help="train nothing, show what is finished")
    return parser


def _setups(experiment: Experiment, options: argparse.Namespace) -> list[Setup]:
    full_n, full_validation = tables.FULL_SIZE[experiment.dataset]
    splits = range(options.first_split, options.first_split + (options.splits or experiment.splits))
    return [
        Setup(
            dataset=experiment.dataset,
            network=options.network or experiment.network,
            n=n,
            validation=full_validation if options.validation is None else options.validation,
            noise=noise,
            rate=rate,
            epochs=options.epochs,
            patience=options.patience,
            split=split,
            has_curves=experiment.has_curves,
        )
        for n, noise, rate, split in product(
            options.n or [full_n],
            options.noise_kind or experiment.noises,
            experiment.rates if options.noise is None else options.noise,
            splits,
        )
    ]


def _rows(experiment: Experiment, options: argparse.Namespace) -> list[Row]:
    known = {row.name: row for row in experiment.rows}
    unknown = sorted(set(options.methods or ()) - set(known))
    if unknown:
        raise SystemExit(f"Unknown rows {unknown}; this table has {list(known)}.")
    return [known[name] for name in options.methods or known]


def _finished(plan: Plan, results: Results) -> list[Line]:
    found = (results.get(key(setup, row, settings)) for setup, row, settings in plan.runs())
    return [line for line in found if line is not None]


def _show(name: str, experiment: Experiment, plan: Plan, lines: list[Line], out: Path) -> None:
    sentences = tables.scaling(
        plan.setups, network=experiment.network, splits=experiment.splits, searches=plan.searches
    )
    sys.stdout.write("\n".join(sentences) + "\n")
    if experiment.show is not None:
        experiment.show(out, best_of_search(lines))
        return
    sys.stdout.write(tables.table(name, plan.rows, plan.setups, lines) + "\n")
    for row in plan.rows:
        aucs = [
            line["auc_average"] for line in lines if line["key"]["row"] == row.name and "auc_average" in line
        ]
        if aucs:
            mean, _ = mean_and_deviation(aucs)
            sys.stdout.write(f"ROC AUC of the distance, mean of {len(aucs)} runs, {row.name}: {mean:.2f} %\n")


def main(arguments: Sequence[str]) -> None:
    """Run one experiment."""
    options = _parser().parse_args(arguments)
    if options.experiment == "figure_a0":
        figures.bound(options.out / "figure_a0.png")
        sys.stdout.write(f"wrote {options.out / 'figure_a0.png'}\n")
        return
    experiment = EXPERIMENTS[options.experiment]
    plan = Plan(setups=_setups(experiment, options), rows=_rows(experiment, options), searches=options.search)
    results = Results(options.results / f"{options.experiment}.jsonl")
    if not options.print_only:
        if options.data is None:
            raise SystemExit("--data names the folder with mnist/ and cifar10/.")
        images = DATASETS[experiment.dataset](options.data)
        if plan.setups[0].network == "mlp":
            images = as_features(images)
        work_through(plan, results, images=images, device=options.device)
    _show(options.experiment, experiment, plan, _finished(plan, results), options.out)


if __name__ == "__main__":
    main(sys.argv[1:])
