"""The measurements as Markdown."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

Line = Mapping[str, Any]
HUMAN = ("worse", "random1")
HUMAN_TOLERANCE, TOLERANCE, CLEAN_SHARE = 0.15, 0.20, 0.01
COLUMNS = ("cases", "cannot tell", "centre holds", "estimate / truth", "interval holds", "of all", "width",
           "calibration error", "worst", "at 0.9 or more", "of these wrong", "F1 of the cut")  # fmt: skip


def may_claim(line: Line) -> bool:
    """Return whether the count was claimed."""
    return not line["reasons"]


def holds_centre(line: Line) -> bool:
    """Return whether the count is as near the truth as wanted: 15 % on human labels, else 20 %."""
    if line["truth"] == 0:
        return bool(line["centre"] <= CLEAN_SHARE)
    tolerance = HUMAN_TOLERANCE if line["key"]["noise"] in HUMAN else TOLERANCE
    return bool(abs(line["centre"] / line["truth"] - 1) <= tolerance)


def holds_interval(line: Line) -> bool:
    """Return whether the truth is in the interval."""
    return bool(line["low"] <= line["truth"] <= line["high"])


def table(lines: Iterable[Line]) -> str:
    """Return one row per kind of noise, one per data, one of all, and every claim that missed."""
    lines = list(lines)
    parts = [
        "## By noise\n\n" + _rows(lines, lambda line: line["key"]["noise"]),
        "## By data\n\n" + _rows(lines, lambda line: line["key"]["data"]),
        "## By learner\n\n" + _rows(lines, lambda line: line["key"]["learner"]),
        "## Estimators beside each other\n\n" + _estimators(lines),
        "## Claims whose centre or interval missed\n\n" + _missed(lines),
    ]
    return "\n".join(parts)


def ablation(lines: Iterable[Line]) -> str:
    """Return one row per changed constant."""

    def name(line: Line) -> str:
        changed = line["key"].get("changed", {})
        return ", ".join(f"{key} = {value}" for key, value in changed.items()) or "as they are"

    return "## What each constant is worth\n\n" + _rows(list(lines), name, total=False)


def _rows(lines: Sequence[Line], name: Callable[[Line], str], *, total: bool = True) -> str:
    groups: dict[str, list[Line]] = defaultdict(list)
    for line in lines:
        groups[name(line)].append(line)
    if total:
        groups["**all**"] = list(lines)
    rows = [f"| {group} | {' | '.join(_figures(found))} |" for group, found in groups.items()]
    return "\n".join([f"| | {' | '.join(COLUMNS)} |", "|" + "---|" * (len(COLUMNS) + 1), *rows]) + "\n"


def _figures(lines: Sequence[Line]) -> list[str]:
    """Return the columns; those of claims are blank where there is none."""
    claims = [line for line in lines if may_claim(line)]
    share = f"{1 - len(claims) / len(lines):.2f}"
    every = f"{np.mean([holds_interval(line) for line in lines]):.2f}"
    if not claims:
        return [str(len(lines)), share, *["-"] * 3, every, *["-"] * 6]
    noisy = [line["centre"] / line["truth"] for line in claims if line["truth"] > 0]
    ratio = f"{np.mean(noisy):.2f} ({min(noisy):.2f} to {max(noisy):.2f})" if noisy else "-"
    errors = [line["calibration_error"] for line in claims]
    return [
        str(len(lines)),
        share,
        f"{np.mean([holds_centre(line) for line in claims]):.2f}",
        ratio,
        f"{np.mean([holds_interval(line) for line in claims]):.2f}",
        every,
        f"{np.mean([line['high'] - line['low'] for line in claims]):.3f}",
        f"{np.mean(errors):.3f}",
        f"{max(errors):.3f}",
        f"{np.mean([line['certain_share'] for line in claims]):.4f}",
        f"{np.mean([line['certain_wrong'] for line in claims if line['certain_share'] > 0] or [1]):.2f}",
        f"{np.mean([line['f1'] for line in claims if line['truth'] > 0] or [np.nan]):.3f}",
    ]


def _estimators(lines: Sequence[Line]) -> str:
    """Return how far each estimator is from the truth, on all cases with errors, claimed or not."""
    noisy = [line for line in lines if line["truth"] > 0]
    names = ("forward", "consensus", "disagreement", "confident_joint", "anchors")
    kinds = sorted({line["key"]["noise"] for line in noisy})
    rows = [f"| | {' | '.join(kinds)} |", "|" + "---|" * (len(kinds) + 1)]
    for name in (*names, "the model"):
        found = []
        for kind in kinds:
            ratios = [
                (line["centre"] if name == "the model" else line["views"][name]) / line["truth"]
                for line in noisy
                if line["key"]["noise"] == kind
            ]
            found.append(f"{np.mean(ratios):.2f} ± {np.std(ratios):.2f}")
        rows.append(f"| {name} | {' | '.join(found)} |")
    return (
        "Estimate over true share, mean and deviation, cannot-tell cases included.\n\n"
        + "\n".join(rows)
        + "\n"
    )


def _missed(lines: Sequence[Line]) -> str:
    missed = [line for line in lines if may_claim(line) and not (holds_centre(line) and holds_interval(line))]
    rows = ["| case | truth | estimate | interval | accuracy of the learner |", "|---|---|---|---|---|"]
    for line in missed:
        key = line["key"]
        name = f"{key['data']}-{key['count']}-{key['noise']}, {key['learner']}, seed {key['seed']}"
        interval = f"{line['low']:.3f} to {line['high']:.3f}" + (
            "" if holds_interval(line) else " **missed**"
        )
        rows.append(
            f"| {name} | {line['truth']:.3f} | {line['centre']:.3f} | {interval} | {line['accuracy']:.2f} |"
        )
    return "\n".join(rows) + "\n"
