"""Judge the model of label errors on cases of known truth; one command, resumable.

    python -m bench.error_model --data FOLDER --cifar-features FILE --cache FOLDER
    python -m bench.error_model ... --held-back
    python -m bench.error_model ... --ablation [CONSTANT ...] [--held-back]
    python -m bench.error_model --audits

Every finished case adds a line to bench/error_model/results/NAME.jsonl. The report is made from all lines.
"""

import argparse
import os
import platform
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

from bench.error_model import audits, report
from bench.error_model.cases import HELD_BACK_SEED, Case, development, held_back
from bench.error_model.measure import measure, prepare
from bench.paper.results import Results
from models.error_model.assumptions import CONSTANTS, Constants

FOLDER = Path(__file__).with_name("results")
ABLATIONS: Sequence[dict[str, float]] = (
    {"neighbours": 5}, {"neighbours": 10},
    {"scale_penalty": 0.0}, {"scale_penalty": 0.2},
    {"right_count": 5.0}, {"wrong_count": 5.0},
    {"neighbours_share": 0.0}, {"neighbours_share": 1.0}, {"hidden_share": 0.0}, {"hidden_share": 0.3},
    {"ignorance": 0.0}, {"ignorance": 0.6},
    {"undoing_rounds": 0},
    {"left_over_up": 0.0}, {"gap_factor": 1.6}, {"gap_factor": 2.0}, {"gap_small": 0.0}, {"gap_small": 0.1},
)  # fmt: skip
ABLATION_COUNT = 700
"""Cases up to so many samples and of the first seed, so that an ablation takes minutes."""


def machine() -> dict[str, str]:
    """Return what the seconds depend on."""
    packages = ("numpy", "scipy", "scikit-learn")
    return {
        "cpu": platform.processor() or platform.machine(),
        "threads": os.environ.get("OMP_NUM_THREADS", str(os.cpu_count())),
        "python": platform.python_version(),
        **{name: version(name) for name in packages},
    }


def run(options: argparse.Namespace, cases: Sequence[Case], name: str) -> None:
    """Measure every case that has no line yet, then write the report."""
    results = Results(FOLDER / f"{name}.jsonl")
    for case, changes in _pairs(options, cases):
        key = {**asdict(case), **({"changed": changes} if changes else {})}
        if results.get(key) is None:
            prepared = prepare(case, options.data, options.cifar_features, options.cache)
            constants: Constants = replace(CONSTANTS, **changes)
            results.add(key, {**measure(prepared, constants), "machine": machine()})
            sys.stdout.write(f"{name} {case.name} {changes or ''}\n")
    text = report.ablation(results.lines()) if options.ablation is not None else report.table(results.lines())
    (FOLDER / f"{name}.md").write_text(text)
    sys.stdout.write(text)


def _pairs(options: argparse.Namespace, cases: Sequence[Case]) -> Iterator[tuple[Case, dict[str, Any]]]:
    if options.ablation is None:
        yield from ((case, {}) for case in cases)
        return
    wanted = [
        changes for changes in ABLATIONS if not options.ablation or set(options.ablation) & set(changes)
    ]
    for changes in ({}, *wanted):
        small = (case for case in cases if case.count <= ABLATION_COUNT)
        yield from ((case, changes) for case in small if case.seed in {0, HELD_BACK_SEED})


def main(arguments: Sequence[str]) -> None:
    """Measure what the options name."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--data", type=Path, help="folder with mnist/, letter/, cifar10/")
    parser.add_argument("--cifar-features", type=Path, help="what bench.error_model.encode wrote")
    parser.add_argument("--cache", type=Path, help="folder for out-of-sample probabilities")
    parser.add_argument("--held-back", action="store_true", help="the cases that no rule was chosen on")
    parser.add_argument("--ablation", nargs="*", help="what each constant is worth, or only these")
    parser.add_argument("--audits", action="store_true", help="simulated checks; needs no data")
    options = parser.parse_args(arguments)
    if options.audits:
        text = audits.simulate()
        (FOLDER / "audits.md").write_text(text)
        sys.stdout.write(text)
        return
    name = "held_back" if options.held_back else "development"
    if options.ablation is not None:
        name = "_".join(["ablation", *options.ablation, *(["held_back"] if options.held_back else [])])
    run(options, held_back() if options.held_back else development(), name)


if __name__ == "__main__":
    main(sys.argv[1:])
