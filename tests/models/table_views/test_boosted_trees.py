"""Trees that are blind to each label, and what they say of single columns."""

import numpy as np
import numpy.typing as npt
import pytest
from sklearn.metrics import roc_auc_score

from models.table_views import boosted_trees, column_reasons
from models.table_views.boosted_trees import TreeView, measure_loss, predict_out_of_sample
from models.table_views.cell_matrix import CODES_MAX, CellMatrix, code_by_frequency

CLASSES, COUNT = 3, 300


def make_cells(seed: int) -> tuple[CellMatrix, npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Return a table of a number, a category that follows the class and a column of noise, and labels."""
    generator = np.random.default_rng(seed)
    correct_N = generator.integers(0, CLASSES, COUNT)
    given_N = np.where(generator.random(COUNT) < 0.1, (correct_N + 1) % CLASSES, correct_N)
    number_N = correct_N * 1.5 + generator.normal(size=COUNT)
    number_N[generator.random(COUNT) < 0.1] = np.nan
    code_N = np.where(
        generator.random(COUNT) < 0.8, (correct_N * 2) % CLASSES, generator.integers(0, 3, COUNT)
    )
    values_NC = np.stack([number_N, code_N, generator.normal(size=COUNT)], axis=1).astype(np.float32)
    cells = CellMatrix(
        values_NC=values_NC,
        is_category_C=np.array([False, True, False]),
        source_C=np.array([0, 1, 2]),
        names=("number", "code", "noise"),
    )
    return cells, given_N, correct_N


@pytest.fixture(scope="module")
def grown() -> tuple[CellMatrix, npt.NDArray[np.int64], npt.NDArray[np.int64], TreeView]:
    cells, given_N, correct_N = make_cells(0)
    view = predict_out_of_sample(cells, given_N, class_count=CLASSES, seed=0, on_block=lambda: None)
    assert view is not None
    return cells, given_N, correct_N, view


Grown = tuple[CellMatrix, npt.NDArray[np.int64], npt.NDArray[np.int64], TreeView]


def test_trees_find_wrong_labels_by_categories_and_blanks(grown: Grown) -> None:
    _, given_N, correct_N, view = grown
    np.testing.assert_allclose(view.probabilities_NK.sum(1), 1, atol=1e-5)
    doubt_N = 1 - view.probabilities_NK[np.arange(COUNT), given_N]
    assert roc_auc_score(given_N != correct_N, doubt_N) > 0.85


def test_no_tree_has_seen_the_label_that_it_judges(grown: Grown) -> None:
    cells, given_N, _, view = grown
    fold = view.folds[0].held_out
    assert sorted(np.concatenate([each.held_out for each in view.folds])) == list(range(COUNT))
    changed_N = given_N.copy()
    changed_N[fold] = np.random.default_rng(1).permutation(changed_N[fold])  # as often, so the folds stay
    again = predict_out_of_sample(cells, given_N, class_count=CLASSES, seed=0, on_block=lambda: None)
    assert again is not None
    np.testing.assert_array_equal(again.probabilities_NK, view.probabilities_NK)
    learners = [
        boosted_trees.FoldLearner(cells, labels_N, np.setdiff1d(np.arange(COUNT), fold), fold, CLASSES, 0)
        for labels_N in (given_N, changed_N)
    ]
    first, second = (learner.grow(10) for learner in learners)
    np.testing.assert_array_equal(first, second)


def test_more_trees_are_not_grown_than_help_held_out_labels(grown: Grown) -> None:
    _, given_N, _, view = grown
    frequency_K = np.bincount(given_N) / COUNT
    assert measure_loss(view.probabilities_NK, given_N) < -(frequency_K * np.log(frequency_K)).sum()
    assert view.folds[0].model.n_iter_ < boosted_trees.TREES_MAX


def test_a_class_that_a_fold_never_saw_keeps_a_small_probability() -> None:
    cells, given_N, _ = make_cells(2)
    given_N[0] = CLASSES  # the only one of its class
    view = predict_out_of_sample(cells, given_N, class_count=CLASSES + 1, seed=0, on_block=lambda: None)
    assert view is not None
    np.testing.assert_allclose(view.probabilities_NK.sum(1), 1, atol=1e-5)
    assert 0 < view.probabilities_NK[0, CLASSES] < 0.01


def test_too_much_work_and_too_few_samples_give_no_view() -> None:
    cells, given_N, _ = make_cells(0)
    assert boosted_trees.count_affordable_trees(100_000, 100, 1_000) == 0
    assert boosted_trees.count_affordable_trees(1_000, 20, 5) == boosted_trees.TREES_MAX
    few = CellMatrix(
        values_NC=cells.values_NC[:9],
        is_category_C=cells.is_category_C,
        source_C=cells.source_C,
        names=cells.names,
    )
    assert predict_out_of_sample(few, given_N[:9], class_count=3, seed=0, on_block=lambda: None) is None


def test_a_stop_reaches_the_caller() -> None:
    cells, given_N, _ = make_cells(0)

    def stop() -> None:
        raise InterruptedError

    with pytest.raises(InterruptedError):
        predict_out_of_sample(cells, given_N, class_count=CLASSES, seed=0, on_block=stop)


def test_the_columns_that_tell_the_class_speak_and_noise_does_not(grown: Grown) -> None:
    cells, given_N, correct_N, view = grown
    wrong = np.flatnonzero((given_N != correct_N) & ~np.isnan(cells.values_NC[:, 0]))
    effects_MS = column_reasons.measure_effects(
        view, cells, wrong, given_N[wrong], correct_N[wrong], seed=0, on_block=lambda: None
    )
    assert effects_MS.shape == (len(wrong), 3)
    number, code, noise = effects_MS.mean(0)
    assert min(number, code) > 0.3
    assert abs(noise) < 0.2
    assert (effects_MS.argmax(1) != 2).mean() > 0.9


def test_the_number_of_explained_samples_is_bounded() -> None:
    assert column_reasons.count_explained(50, 10) == 50
    assert column_reasons.count_explained(10**6, 10) == column_reasons.EXPLAINED_MAX
    assert column_reasons.count_explained(10**6, 10_000) == 25


def test_codes_follow_the_frequency_and_blanks_stay_blank() -> None:
    codes_N = np.array([2, 2, 2, 0, 0, 1, -1])
    np.testing.assert_array_equal(code_by_frequency(codes_N, size=3), [0, 0, 0, 1, 1, 2, np.nan])
    many = code_by_frequency(np.arange(1_000), size=1_000)
    assert many.max() == CODES_MAX - 1
