"""The count of cross-fitted LIMIT's own evidence, on trainings that `bench.evidence --keep` kept.

    python -m bench.error_model.trainings FOLDER

Nothing is trained. Each file is one training: labels and truth, out-of-sample probabilities, the score, and
the nearest samples by the inputs.
"""

import argparse
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from statistics import fmean
from typing import Any

from bench.error_model.measure import measure
from bench.peers.kept import read
from models.error_model.assumptions import CONSTANTS

HEAD = (
    "| training | truth | centre | interval | all evidence / neighbours alone | calibration error "
    "| at .9 or more, wrong of these | suggestions right where the label is wrong, said, networks say |\n"
    "|---|---|---|---|---|---|---|---|\n"
)
Line = Mapping[str, Any]


def write_row(name: str, line: Line) -> str:
    """Return one row of the table."""
    alone = line["views"]["forward_of_sources"]
    claim = f"{line['centre']:.3f}" if not line["reasons"] else f"cannot tell ({', '.join(line['reasons'])})"
    views = " / ".join(f"{rate:.3f}" for rate in (line["views"]["forward"], alone[-1]))
    certain = f"{line['certain_share']:.3f}, {line['certain_wrong']:.2f}"
    return (
        f"| {name} | {line['truth']:.3f} | {claim} | {line['low']:.3f} to {line['high']:.3f} | {views} "
        f"| {line['calibration_error']:.3f} | {certain} | {_write_suggestions(line)} |\n"
    )


def _write_suggestions(line: Line) -> str:
    names = ("suggestion_right", "suggestion_confidence", "suggestion_by_networks")
    return ", ".join(f"{line[name]:.3f}" for name in names) if names[0] in line else ""


def sum_up(lines: Sequence[Line]) -> str:
    """Return what the bars are about."""
    claimed = [line for line in lines if not line["reasons"]]
    noisy = [line for line in claimed if line["truth"] > 0]
    near = [abs(line["centre"] / line["truth"] - 1) <= 0.2 for line in noisy]  # noqa: PLR2004 - the bar
    holds = [line["low"] <= line["truth"] <= line["high"] for line in lines]
    errors = [line["calibration_error"] for line in claimed]
    suggested = [line for line in lines if "suggestion_right" in line]
    gaps = [abs(line["suggestion_right"] - line["suggestion_confidence"]) for line in suggested]
    network_gaps = [abs(line["suggestion_right"] - line["suggestion_by_networks"]) for line in suggested]
    return (
        f"{len(lines)} trainings, {len(lines) - len(claimed)} cannot tell; "
        f"of {len(noisy)} claims with errors {sum(near)} within 20 %; {sum(holds)} intervals hold the truth, "
        f"mean width {fmean(line['high'] - line['low'] for line in lines):.3f}; "
        f"calibration error of claims {fmean(errors):.3f}, at most {max(errors):.3f}; suggestions are right "
        f"as often as is said within {fmean(gaps):.3f} on average, {max(gaps):.3f} at most, by the networks' "
        f"own probability {fmean(network_gaps):.3f}, {max(network_gaps):.3f}\n"
    )


def main(arguments: Sequence[str]) -> None:
    """Print the table of all files of a folder."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--undoing-rounds", type=int, default=CONSTANTS.undoing_rounds, help="0: before it")
    options = parser.parse_args(arguments)
    constants = replace(CONSTANTS, undoing_rounds=options.undoing_rounds)
    files = sorted(options.folder.glob("*.npz"))
    lines = []
    sys.stdout.write(HEAD)
    for file in files:
        told = read(file)
        lines.append(measure((told.evidence, told.truth_N), constants))
        sys.stdout.write(write_row(file.stem, lines[-1]))
        sys.stdout.flush()
    sys.stdout.write(sum_up(lines))


if __name__ == "__main__":
    main(sys.argv[1:])
