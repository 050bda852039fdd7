"""Figures for a review: how far to go, and the samples to begin with."""

from collections.abc import Mapping, Sequence
from typing import Any

from app.figures.figure_data import RIGHT, WRONG, Axis, Chart, Line, Montage, Panel, Picture

Json = Mapping[str, Any]
LINE_MAX = 10
"""Characters of two labels on one line."""


def make_budget(budget: Json) -> Chart:
    """Make the curve of wrong labels expected among the samples reviewed, the most suspicious first.

    Args:
        budget: an audit's summary of it, `review` and `expected_found`, each [N].

    """
    points = [(0, 0), *zip(budget["review"], budget["expected_found"], strict=True)]
    x, y = (
        Axis(title="samples reviewed", starts_at_zero=True),
        Axis(title="wrong labels", starts_at_zero=True),
    )
    return Chart(
        title="Wrong labels expected among the samples reviewed",
        panels=(Panel(x=x, y=y),),
        series=(Line(name="expected", points=points, colour=WRONG, is_in_legend=False),),
    )


def make_suspect_montage(suspects: Sequence[Json], *, columns: int) -> Montage:
    """Make rows of suspects, worst first; a suggestion is red where it is known to be wrong, else blue.

    Args:
        suspects: rows of the API's ranking with their pictures' addresses.
        columns: suspects side by side.

    """
    cells = [_make_cell(suspect) for suspect in suspects]
    rows = [cells[start : start + columns] for start in range(0, len(cells), columns)]
    return Montage(
        title="Most suspicious labels: given → suggested", rows=tuple(("", tuple(row)) for row in rows)
    )


def _make_cell(suspect: Json) -> Picture:
    labels = (suspect["given_label"], suspect["suggested_label"])
    arrow = " → " if len("".join(labels)) <= LINE_MAX else "\n→ "
    is_wrong = suspect["true_label"] not in {None, suspect["suggested_label"]}
    return Picture(
        address=suspect["image_url"],
        caption=arrow.join(labels),
        details=suspect["key"],
        colour=WRONG if is_wrong else RIGHT,
    )
