"""What the cells of a table say of the labels beside LIMIT, and why a suspect is one.

Array names: N samples, K classes, M explained samples, 5 columns.
"""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from models.feature_views import ridge_probe
from models.table_views.boosted_trees import TreeView, predict_out_of_sample
from models.table_views.cell_matrix import CellMatrix
from models.table_views.column_reasons import count_explained, measure_effects
from worker.jobs.reason_files import COLUMNS_KEPT, ColumnReasons
from worker.train.cell_reading import read_cell_matrix

Labels = npt.NDArray[np.integer[Any]]
PROBED_MAX = 2_048
"""Most values of an encoded row that the linear probe reads: as many as the widest encoder of photographs
gives. Its matrix of them takes 4 s at 2,048 and 42 s at 4,096 on one core of an EPYC (Zen 5)."""


@dataclass(frozen=True, kw_only=True)
class TableEvidence:
    """Trees and a linear probe that are blind to each label, and the cells that the trees read."""

    view: TreeView
    probe_NK: npt.NDArray[np.float32] | None
    """Class probabilities by the encoded rows; None: these are too wide."""
    cells: CellMatrix
    seed: int

    @property
    def views(self) -> list[npt.NDArray[np.float32]]:
        """Return the class probabilities [N, K] of each."""
        return [self.view.probabilities_NK, *([] if self.probe_NK is None else [self.probe_NK])]

    @classmethod
    def gather(
        cls,
        path: Path,
        inputs_ND: npt.NDArray[Any],
        labels_N: Labels,
        *,
        class_count: int,
        seed: int,
        on_block: Callable[[], None],
    ) -> Self | None:
        """Return what trees and a probe say of the labels; None: it is too much work, or too few samples."""
        cells = read_cell_matrix(path)
        view = predict_out_of_sample(cells, labels_N, class_count=class_count, seed=seed, on_block=on_block)
        if view is None:
            return None
        probe_NK = None
        if inputs_ND.shape[1] <= PROBED_MAX:
            probe_NK = ridge_probe.predict_out_of_sample(
                inputs_ND, labels_N, class_count=class_count, on_block=on_block
            )
        return cls(view=view, probe_NK=probe_NK, cells=cells, seed=seed)

    def explain(
        self,
        ranked: npt.NDArray[np.int64],
        labels_N: Labels,
        probabilities_NK: npt.NDArray[np.floating[Any]],
        *,
        on_block: Callable[[], None],
    ) -> ColumnReasons:
        """Return the columns that speak for another class, of the most suspicious samples.

        Args:
            ranked: positions, the most suspicious first.
            labels_N: the given labels.
            probabilities_NK: the evidence: its likeliest other class is the one that is spoken for.
            on_block: called about every second; its exceptions propagate.

        """
        positions_M = np.sort(ranked[: count_explained(len(ranked), len(self.cells.names))])
        given_M = labels_N[positions_M]
        others_MK = np.array(probabilities_NK[positions_M])
        others_MK[np.arange(len(given_M)), given_M] = -1
        rivals_M = others_MK.argmax(1)
        effects_MS = measure_effects(
            self.view, self.cells, positions_M, given_M, rivals_M, seed=self.seed, on_block=on_block
        )
        best_M5 = np.argsort(-effects_MS, axis=1, kind="stable")[:, :COLUMNS_KEPT]
        return ColumnReasons(
            positions_M=positions_M,
            rivals_M=rivals_M.astype(np.int32),
            columns_M5=best_M5.astype(np.int32),
            effects_M5=np.take_along_axis(effects_MS, best_M5, axis=1),
        )
