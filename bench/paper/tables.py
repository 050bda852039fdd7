"""Our figures beside the paper's, as Markdown."""

import json
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from bench.paper.results import Line, best_of_search, mean_and_deviation
from bench.paper.rows import Row
from bench.paper.runs import PAPER_EPOCHS, PAPER_PATIENCE, Setup

PUBLISHED: dict[str, Any] = json.loads(Path(__file__).with_name("published.json").read_text())
FULL_SIZE = {"mnist": (48_000, 12_000), "cifar10": (40_000, 10_000)}


def table(name: str, rows: Sequence[Row], setups: Sequence[Setup], lines: Sequence[Line]) -> str:
    """Return test accuracies in percent, "ours (paper)", with standard deviations over splits."""
    cells = _cells(lines)
    columns = list(dict.fromkeys((setup.noise, setup.rate, setup.n) for setup in setups))
    head = ["method", *(f"{noise} {rate:g}, n = {n:,}" for noise, rate, n in columns)]
    body = [[row.name, *(_cell(name, row, column, cells) for column in columns)] for row in rows]
    lines_of_text = [head, ["---"] * len(head), *body]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines_of_text)


def scaling(setups: Sequence[Setup], *, network: str, splits: int, searches: bool) -> list[str]:
    """Return what was done smaller than in the paper, with its network and splits, one sentence each."""
    setup, splits_done = setups[0], len({each.split for each in setups})
    full_n, full_validation = FULL_SIZE[setup.dataset]
    differences = {
        f"scaled: {setup.epochs} epochs instead of {PAPER_EPOCHS}": setup.epochs < PAPER_EPOCHS,
        f"scaled: patience {setup.patience} instead of {PAPER_PATIENCE}": setup.patience < PAPER_PATIENCE,
        f"scaled: {setup.validation:,} validation samples instead of {full_validation:,}": (
            setup.validation != full_validation
        ),
        f"scaled: {setup.test or 0:,} test samples instead of all": setup.test is not None,
        f"n = {setup.n:,} training samples of {full_n:,}": setup.n < full_n,
        f"scaled: learning rate by {setup.schedule} instead of constant, with the same highest": (
            setup.schedule is not None
        ),
        "batch statistics begin with those of random inputs, as in the authors' code": setup.warmed,
        f"scaled: {splits_done} splits instead of {splits}": splits_done < splits,
        f"scaled: network {setup.network} instead of {network}": setup.network != network,
        "scaled: one setting per method instead of the best of its grid on validation": not searches,
    }
    return [sentence for sentence, is_so in differences.items() if is_so]


def _cells(lines: Sequence[Line]) -> dict[tuple[Any, ...], list[Line]]:
    cells: dict[tuple[Any, ...], list[Line]] = defaultdict(list)
    for line in best_of_search(lines):
        key = line["key"]
        cells[key["row"], key["noise"], key["rate"], key["n"]].append(line)
    return cells


def _cell(
    name: str, row: Row, column: tuple[str, float, int], cells: dict[tuple[Any, ...], list[Line]]
) -> str:
    noise, rate, n = column
    published = PUBLISHED.get(name, {}).get(row.name, {})
    place = f"{noise}/{rate:g}" if name == "table2" else f"{rate:g}/{n}"
    theirs = _written(*published[place]) if place in published else "-"
    found = cells.get((row.name, *column), [])
    if not found:
        return f"- ({theirs})"
    ours = _written(*mean_and_deviation([line["test_accuracy"] for line in found]))
    return f"{ours} ({theirs})"


def _written(mean: float, deviation: float | None) -> str:
    return f"{mean:.1f}" if deviation is None else f"{mean:.1f} ± {deviation:.1f}"
