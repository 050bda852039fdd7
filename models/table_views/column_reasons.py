"""The columns of a table that speak for another class than the given label.

A column's effect is how much the log-odds of the other class fall if the cell is replaced by those of random
rows, by trees that have not seen the label: what this cell says, on average over what it could have said.

Array names: M explained samples, B of them in a fold, C values of a row, S columns of the table.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt

from models.table_views.boosted_trees import LEAST_PROBABILITY, FoldTrees, TreeView
from models.table_views.cell_matrix import CellMatrix

Index = npt.NDArray[np.integer[Any]]
Floats = npt.NDArray[np.float32]

DRAWS = 8
"""Cells that replace each: the mean effect of a cell has a standard error of a third of their deviation."""
PREDICTIONS_MAX = 2_000_000
"""Most rows that are predicted to explain an audit's suspects."""
EXPLAINED_MAX = 1_000
"""Most samples that are explained: more than people review in a day."""


def count_explained(sample_count: int, columns: int) -> int:
    """Return how many samples are explained."""
    return min(sample_count, EXPLAINED_MAX, PREDICTIONS_MAX // (DRAWS * max(columns, 1)))


def measure_effects(
    view: TreeView,
    cells: CellMatrix,
    rows_M: Index,
    given_M: Index,
    rival_M: Index,
    *,
    seed: int,
    on_block: Callable[[], None],
) -> Floats:
    """Return by how many nats each column speaks for the rival [M, S]; negative: for the given label.

    Args:
        view: trees, each fold with the samples that it has not seen.
        cells: the table.
        rows_M: the samples to explain.
        given_M: their given labels.
        rival_M: the classes that they are compared with.
        seed: draws the replacing rows.
        on_block: called after every column of a fold; its exceptions propagate.

    """
    effects_MS = np.zeros((len(rows_M), len(cells.names)), dtype=np.float32)
    generator = np.random.default_rng(seed)
    for fold in view.folds:
        chosen_B = np.flatnonzero(np.isin(rows_M, fold.held_out))
        if not len(chosen_B):
            continue
        rows_BC = cells.values_NC[rows_M[chosen_B]]
        pair = given_M[chosen_B], rival_M[chosen_B]
        plain_B = _find_log_odds(fold, rows_BC, *pair)
        for column in range(len(cells.names)):
            replaced_B = _replace(fold, cells, rows_BC, pair, column, generator)
            effects_MS[chosen_B, column] = plain_B - replaced_B
            on_block()
    return effects_MS


def _replace(  # noqa: PLR0917 - one call, right above
    fold: FoldTrees,
    cells: CellMatrix,
    rows_BC: Floats,
    pair: tuple[Index, Index],
    column: int,
    generator: np.random.Generator,
) -> Floats:
    """Return the mean log-odds [B] with the cells of a column from random rows."""
    places = np.flatnonzero(cells.source_C == column)
    repeated = np.repeat(rows_BC, DRAWS, axis=0)
    drawn = generator.integers(0, len(cells.values_NC), len(repeated))
    repeated[:, places] = cells.values_NC[np.ix_(drawn, places)]
    given, rival = (np.repeat(labels, DRAWS) for labels in pair)
    mean_B: Floats = _find_log_odds(fold, repeated, given, rival).reshape(-1, DRAWS).mean(1)
    return mean_B


def _find_log_odds(fold: FoldTrees, rows_BC: Floats, given_B: Index, rival_B: Index) -> Floats:
    """Return log p(rival) - log p(given) [B]; classes that the fold never saw are the least probable."""
    known = fold.model.classes_
    log_BK = np.full(
        (len(rows_BC), int(max(known.max(), given_B.max(), rival_B.max())) + 1), LEAST_PROBABILITY
    )
    log_BK[:, known] = fold.model.predict_proba(rows_BC)
    log_BK = np.log(log_BK.clip(LEAST_PROBABILITY))
    rows_B = np.arange(len(rows_BC))
    odds_B: Floats = (log_BK[rows_B, rival_B] - log_BK[rows_B, given_B]).astype(np.float32)
    return odds_B
