"""Class probabilities by gradient-boosted trees that are blind to each sample's label.

scikit-learn's histogram trees take categories and blanks as they are. The trees of all folds grow together, a
few at a time, until the labels that they have not seen are no likelier by them: their number is chosen by the
held-out labels, as the probe's penalty is. No true label is needed.

Array names: N samples, C columns, K classes.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.ensemble import HistGradientBoostingClassifier

from models.table_views.cell_matrix import CellMatrix

Labels = npt.NDArray[np.integer[Any]]
Probabilities = npt.NDArray[np.float32]

FOLDS = 5
STEP = 10
"""Trees of each class that are added at a time."""
TREES_MAX = 200
PATIENCE = 2
"""Steps without likelier labels after which no more trees are added."""
LEAVES = 15
"""Half of scikit-learn's own; its other defaults stay. Wrong labels are learned by large trees first."""
LEAST_PROBABILITY = 1e-6
"""As in `cross_fitting.ranking_evidence`: no opinion may rule a class out."""
PRIOR_COUNT = 0.5
"""Of every class among a fold's labels (Jeffreys): what a class has that a fold has never seen."""
FITTED_MAX = 100_000
"""Most samples of one fit: a bound of the time, not measured."""
WORK_MAX = 20_000_000_000
"""Most cells times classes times trees: a bound of the time, see bench/tables/RESULTS.md."""


@dataclass(frozen=True, kw_only=True)
class FoldTrees:
    """Trees of one fold."""

    model: HistGradientBoostingClassifier
    held_out: npt.NDArray[np.intp]
    """The samples whose labels they have not seen."""


@dataclass(frozen=True, kw_only=True)
class TreeView:
    """What trees say of all samples."""

    probabilities_NK: Probabilities
    """Each row by trees that have not seen its label; rows sum to 1."""
    folds: tuple[FoldTrees, ...]


def count_affordable_trees(sample_count: int, columns: int, class_count: int) -> int:
    """Return how many trees of each class the work allows; 0: none."""
    work = min(sample_count, FITTED_MAX) * columns * class_count * FOLDS
    return min(TREES_MAX, WORK_MAX // max(work, 1) // STEP * STEP)


def predict_out_of_sample(
    cells: CellMatrix, labels_N: Labels, *, class_count: int, seed: int, on_block: Callable[[], None]
) -> TreeView | None:
    """Return the probabilities of every sample by trees of the other folds; None: too much work, or too few.

    Args:
        cells: of the table.
        labels_N: the given labels, in 0 .. class_count - 1.
        class_count: K.
        seed: of the folds.
        on_block: called after every few trees; its exceptions stop the computation and propagate.

    """
    trees_max = count_affordable_trees(len(labels_N), cells.values_NC.shape[1], class_count)
    if trees_max == 0 or len(labels_N) < 2 * FOLDS:
        return None
    learners = [
        FoldLearner(cells, labels_N, fitted, held_out, class_count, seed)
        for fitted, held_out in _split(labels_N, seed)
        if len(np.unique(labels_N[fitted])) > 1
    ]
    if len(learners) < FOLDS:
        return None
    best_NK, least, waited = np.empty((len(labels_N), class_count), dtype=np.float32), np.inf, 0
    for trees in range(STEP, trees_max + 1, STEP):
        now_NK = np.empty_like(best_NK)
        for learner in learners:
            now_NK[learner.held_out] = learner.grow(trees)
            on_block()
        loss = measure_loss(now_NK, labels_N)
        waited = 0 if loss < least else waited + 1
        if loss < least:
            best_NK, least = now_NK, loss
        if waited >= PATIENCE:
            break
    folds = tuple(FoldTrees(model=each.model, held_out=each.held_out) for each in learners)
    return TreeView(probabilities_NK=best_NK, folds=folds)


def measure_loss(probabilities_NK: npt.NDArray[np.floating[Any]], labels_N: Labels) -> float:
    """Return the mean -log probability of labels, in nats."""
    own_N = probabilities_NK[np.arange(len(labels_N)), labels_N].astype(np.float64)
    return -float(np.log(own_N.clip(LEAST_PROBABILITY)).mean())


def _split(labels_N: Labels, seed: int) -> Iterator[tuple[npt.NDArray[np.intp], npt.NDArray[np.intp]]]:
    """Yield the samples to fit and those to hold out; rare classes are spread as far as they go."""
    shuffled_N = np.random.default_rng(seed).permutation(len(labels_N))
    order_N = shuffled_N[np.argsort(labels_N[shuffled_N], kind="stable")]
    fold_N = np.empty(len(labels_N), dtype=np.intp)
    fold_N[order_N] = np.arange(len(labels_N)) % FOLDS
    for fold in range(FOLDS):
        yield np.flatnonzero(fold_N != fold), np.flatnonzero(fold_N == fold)


class FoldLearner:
    """The trees of one fold while they grow."""

    def __init__(  # noqa: PLR0917 - one call, right above
        self,
        cells: CellMatrix,
        labels_N: Labels,
        fitted: npt.NDArray[np.intp],
        held_out: npt.NDArray[np.intp],
        class_count: int,
        seed: int,
    ) -> None:
        if len(fitted) > FITTED_MAX:
            fitted = np.sort(np.random.default_rng(seed).choice(fitted, FITTED_MAX, replace=False))
        self.held_out = held_out
        self.model = HistGradientBoostingClassifier(
            max_leaf_nodes=LEAVES,
            categorical_features=cells.is_category_C,
            early_stopping=False,
            warm_start=True,
            random_state=seed,
        )
        self._inputs = cells.values_NC[fitted], labels_N[fitted]
        self._asked = cells.values_NC[held_out]
        counts_K = np.bincount(labels_N[fitted], minlength=class_count) + PRIOR_COUNT
        self._share_K = counts_K / counts_K.sum()

    def grow(self, trees: int) -> Probabilities:
        """Add trees up to this number of each class; return the probabilities of the held-out samples."""
        self.model.set_params(max_iter=trees)
        self.model.fit(*self._inputs)
        found_BK = np.tile(self._share_K, (len(self._asked), 1))
        known = self.model.classes_
        found_BK[:, known] = self.model.predict_proba(self._asked) * self._share_K[known].sum()
        return found_BK.astype(np.float32)
