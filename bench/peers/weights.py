"""What the log-odds asymmetry is worth in the score: other weights, on trainings that `--keep` kept.

    python -m bench.peers --data DATA --detectors limit --count 10000 --keep FOLDER
    python -m bench.peers.weights --data DATA --kept FOLDER

Nothing is trained. The table has area under ROC / average precision, means over the seeds that were kept.
"""

import argparse
import sys
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from statistics import fmean

from bench.peers.__main__ import EVERY_TASK, configuration
from bench.peers.detectors import limit
from bench.peers.figures import ranking
from models.label_errors.label_asymmetry import CONSTANTS

WEIGHTS = (0.0, 0.25, 0.5, 0.75, 1.0, 1.5)


def measured(data: Path, kept: Path) -> list[dict[str, float]]:
    """Return both figures of one kept training by weight, as `ranking` does."""
    name, seed, count, epochs = kept.stem.rsplit("_", 3)
    whole, planned = (None if each == "None" else int(each) for each in (count, epochs))
    task = EVERY_TASK[name](data, int(seed), whole)
    config = configuration(task, seed=int(seed), epochs=planned)
    found = []
    for weight in WEIGHTS:
        constants = replace(CONSTANTS, weight=weight)
        scores = limit(task, config, kept=kept, constants=constants).scores
        found.append(ranking(scores["limit score (default)"], task.is_error))
    return found


def main(arguments: Sequence[str]) -> None:
    """Print one row per task."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--kept", type=Path, required=True, help="what --keep of bench.peers named")
    options = parser.parse_args(arguments)
    rows: dict[str, list[list[dict[str, float]]]] = defaultdict(list)
    for path in sorted(options.kept.glob("*.npz")):
        rows[path.stem.rsplit("_", 3)[0]].append(measured(options.data, path))
    sys.stdout.write(f"| | {' | '.join(f'{weight:g}' for weight in WEIGHTS)} | seeds |\n")
    sys.stdout.write(f"|---|{'---|' * (len(WEIGHTS) + 1)}\n")
    for name, seeds in rows.items():
        cells = [
            " / ".join(f"{fmean(each[place][figure] for each in seeds):.4f}" for figure in ("auroc", "ap"))
            for place in range(len(WEIGHTS))
        ]
        sys.stdout.write(f"| {name} | {' | '.join(cells)} | {len(seeds)} |\n")


if __name__ == "__main__":
    main(sys.argv[1:])
