"""Reproduces a table or a figure of the paper; an interrupted run continues.

Finished runs are in bench/paper/results/EXPERIMENT.jsonl and are not trained again. The output marks
everything that is smaller than in the paper with the word "scaled".
"""

import argparse
import sys
from collections.abc import Sequence
from itertools import product
from pathlib import Path

import torch

from bench.paper import figures, statistics, tables
from bench.paper.experiments import EXPERIMENTS, Experiment
from bench.paper.images import DATASETS, Images, as_features
from bench.paper.results import Line, Results, best_of_search, mean_and_deviation
from bench.paper.rows import Row, with_grid
from bench.paper.runs import PAPER_EPOCHS, PAPER_PATIENCE, Setup, key
from bench.paper.schedule import Plan, work_through

RESULTS = Path(__file__).with_name("results")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bench.paper", description=__doc__)
    parser.add_argument("experiment", choices=[*EXPERIMENTS, "figure_a0", "statistics"])
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
    parser.add_argument("--schedule", choices=["one_cycle"], help="for few epochs; default: constant")
    parser.add_argument("--network", help="another network than the paper's, such as small_cnn on a CPU")
    parser.add_argument("--test", type=int, help="test samples (default: all)")
    parser.add_argument(
        "--warmed",
        action="store_true",
        help="begin with batch statistics of random inputs, as the authors' networks do",
    )
    parser.add_argument("--search", action="store_true", help="try every row's whole grid")
    parser.add_argument(
        "--grid",
        action="append",
        default=[],
        type=_values,
        metavar="FIELD=VALUE,...",
        help="search these values instead of a row's own; may be given for several fields",
    )
    parser.add_argument("--device", default="cuda" if torch.cuda.is_available() else "cpu")
    parser.add_argument("--print-only", action="store_true", help="train nothing, show what is finished")
    return parser


def _values(text: str) -> tuple[str, tuple[float, ...]]:
    field, _, values = text.partition("=")
    return field, tuple(float(value) for value in values.split(","))


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
            warmed=options.warmed,
            test=options.test,
            schedule=options.schedule,
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
    return [with_grid(known[name], dict(options.grid)) for name in options.methods or known]


def _finished(plan: Plan, results: Results) -> list[Line]:
    found = (results.get(key(setup, row, settings)) for setup, row, settings in plan.runs())
    return [line for line in found if line is not None]


def _show(name: str, plan: Plan, lines: list[Line], out: Path, images: Images | None) -> None:
    experiment = EXPERIMENTS[name]
    sentences = tables.scaling(
        plan.setups, network=experiment.network, splits=experiment.splits, searches=plan.searches
    )
    sys.stdout.write("\n".join(sentences) + "\n")
    if experiment.show is not None:
        experiment.show(out, best_of_search(lines), images)
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
        figures.draw_bound(options.out / "figure_a0.png")
        sys.stdout.write(f"wrote {options.out / 'figure_a0.png'}\n")
        return
    if options.experiment == "statistics":
        if options.data is None:
            raise SystemExit("--data names the folder with mnist/.")
        statistics.work_through(DATASETS["mnist"](options.data), options.results / "statistics.jsonl")
        return
    experiment = EXPERIMENTS[options.experiment]
    searches = options.search or bool(options.grid)
    plan = Plan(setups=_setups(experiment, options), rows=_rows(experiment, options), searches=searches)
    results = Results(options.results / f"{options.experiment}.jsonl")
    images = None if options.data is None else DATASETS[experiment.dataset](options.data)
    if not options.print_only:
        if images is None:
            raise SystemExit("--data names the folder with mnist/ and cifar10/.")
        trained_on = as_features(images) if plan.setups[0].network == "mlp" else images
        work_through(plan, results, images=trained_on, device=options.device)
    _show(options.experiment, plan, _finished(plan, results), options.out, images)


if __name__ == "__main__":
    main(sys.argv[1:])
