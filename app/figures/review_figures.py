"""Figures for a review: the review budget, and the most suspicious samples."""

from collections.abc import Mapping, Sequence
from typing import Any

from app.figures.figure_data import RIGHT, WRONG, Axis, Chart, Line, Montage, Panel, Picture

Json = Mapping[str, Any]
LINE_MAX = 10
"""The maximum number of characters of two labels on one line."""


def make_budget(budget: Json) -> Chart:
    """Make the curve of the wrong labels expected among the reviewed samples, the most suspicious first.

    Args:
        budget: the budget of an audit's summary: `review` and `expected_found`, each [N].

    """
    points = [(0, 0), *zip(budget["review"], budget["expected_found"], strict=True)]
    x, y = (
        Axis(title="samples reviewed", starts_at_zero=True),
        Axis(title="wrong labels", starts_at_zero=True),
    )
    return Chart(
        title="Expected wrong labels among the reviewed samples",
        panels=(Panel(x=x, y=y),),
        series=(Line(name="expected", points=points, colour=WRONG, is_in_legend=False),),
    )


def make_suspect_montage(suspects: Sequence[Json], *, columns: int) -> Montage:
    """Make rows of suspects, worst first; a suggestion is red if it is known to be wrong, else blue.

    Args:
        suspects: rows of the API's ranking with image addresses.
        columns: number of suspects per row.

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
