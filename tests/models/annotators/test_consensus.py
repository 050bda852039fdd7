"""The model of annotators: exact posteriors, the classifier's part, and what is not claimed."""

from dataclasses import replace

import numpy as np
import pytest

from models.annotators.annotations import find_majority
from models.annotators.class_prior import ClassPrior
from models.annotators.confusion_prior import ConfusionPrior, draw_tables, measure_rows
from models.annotators.consensus import Reason, find_consensus
from models.annotators.dawid_skene import AnnotatorModel, VoteCells
from models.annotators.repeat_gain import measure_gain
from tests.models.annotators.crowd import annotate, simulate


def make_model(confusion_JKL: list[list[list[float]]], *, misled: float = 0.0) -> AnnotatorModel:
    prior = ClassPrior.start(None, None, shape=(1, 2))
    return AnnotatorModel(
        prior=prior,
        confusion_JKL=np.array(confusion_JKL),
        matrices=ConfusionPrior.start(len(confusion_JKL), 2),
        misled=misled,
    )


def test_the_posterior_is_bayes_rule() -> None:
    # Prior .5 each. Annotator 0 says 0, annotator 1 says 1.
    # Class 0: .9 * .3 = .27; class 1: .2 * .6 = .12; so .27 / .39.
    model = make_model([[[0.9, 0.1], [0.2, 0.8]], [[0.7, 0.3], [0.4, 0.6]]])
    cells = VoteCells.arrange(annotate([[0, 1]]))
    true_NK, seen_NK, differs_N = model.infer(np.full((1, 2), 0.5), cells.weigh(model.confusion_JKL))
    assert true_NK[0, 0] == pytest.approx(0.27 / 0.39)
    np.testing.assert_allclose(seen_NK, true_NK)
    assert differs_N[0] == pytest.approx(0, abs=1e-12)


def test_a_sample_that_may_mislead_everybody_is_less_sure() -> None:
    # Prior .8 and .2, weights 1 and .1, h = .25: w is z with .75, else the other of both classes.
    # z = 0: .8 (.75 * 1 + .25 * .1) = .62; z = 1: .2 (.75 * .1 + .25 * 1) = .065.
    model = make_model([[[0.5, 0.5], [0.5, 0.5]]], misled=0.25)
    true_NK, _, differs_N = model.infer(np.array([[0.8, 0.2]]), np.array([[1.0, 0.1]]))
    assert true_NK[0, 0] == pytest.approx(0.62 / 0.685)
    # Both agree: .8 * .75 * 1 + .2 * .75 * .1 = .615.
    assert differs_N[0] == pytest.approx(1 - 0.615 / 0.685)


def test_the_worth_of_a_label_is_the_expected_rise_of_the_best_probability() -> None:
    # Prior .6 and .4; an annotator is right in .9. If he says 1: .06 against .36, so the consensus changes.
    # Best after: .6 * .9 + .4 * .9 = .9; best now .6.
    common_KL = np.array([[0.9, 0.1], [0.1, 0.9]])
    gain_N = measure_gain(np.array([[0.6, 0.4], [0.99, 0.01]]), np.ones((2, 2)), common_KL, misled=0.0)
    np.testing.assert_allclose(gain_N, [0.3, 0.0], atol=1e-12)


def test_rows_are_beta_binomial() -> None:
    # One right label of one, Beta(1.5, .5): 3 / 4. Two right of two: 3 / 4 * 2.5 / 3.
    found = measure_rows(np.array([[1.0, 2.0]]), np.array([[1.0, 2.0]]), np.array([0.75]), 2.0)
    np.testing.assert_allclose(np.exp(found), [[0.75, 0.75 * 2.5 / 3]])


def test_the_first_label_of_a_cell_always_speaks_of_what_is_common() -> None:
    counts_JKL = np.zeros((2, 2, 2))
    counts_JKL[:, 0, 1] = 1
    tables_KL = draw_tables(counts_JKL, np.full((2, 2), 0.5), np.random.default_rng(0))
    assert tables_KL.tolist() == [[0, 2], [0, 0]]


def test_the_consensus_and_the_quality_of_simulated_annotators() -> None:
    accuracies = [0.9, 0.8, 0.7, 0.6, 0.34]
    annotations, true_N = simulate(accuracies, samples=400, classes=3)
    found = find_consensus(annotations)
    majority_N, _ = find_majority(annotations)
    assert (found.label_N == true_N).mean() >= (majority_N == true_N).mean() + 0.02
    inside = (found.quality.low_J <= accuracies) & (np.array(accuracies) <= found.quality.high_J)
    assert inside.sum() >= 4
    assert found.quality.findings_J[0] == "better"
    assert found.quality.findings_J[-1] == "worse"
    assert found.reasons == (Reason.NO_WITNESS,)
    assert np.isnan(found.probability_N).all()


def test_a_classifier_in_sample_is_not_used() -> None:
    annotations, true_N = simulate([0.8, 0.7, 0.6], samples=200, classes=3)
    wrong_NK = np.eye(3)[(true_N + 1) % 3]
    alone = find_consensus(annotations)
    beside = find_consensus(annotations, wrong_NK, np.zeros(200, dtype=np.bool_))
    np.testing.assert_array_equal(beside.label_N, alone.label_N)


def test_a_classifier_out_of_sample_helps_and_a_useless_one_does_not_harm() -> None:
    annotations, true_N = simulate([0.75, 0.7, 0.7], samples=300, classes=3)
    random = np.random.default_rng(1)
    useful_NK = 0.7 * np.eye(3)[np.where(random.random(300) < 0.9, true_N, random.integers(0, 3, 300))] + 0.1
    useless_NK = random.dirichlet(np.ones(3), 300)
    found = {
        name: find_consensus(annotations, given)
        for name, given in (("none", None), ("useful", useful_NK), ("useless", useless_NK))
    }
    right = {name: (each.label_N == true_N).mean() for name, each in found.items()}
    assert found["useless"].reasons == (Reason.NO_WITNESS,)
    assert found["useful"].reasons == ()
    wrong, interval = (found["useful"].label_N != true_N).sum(), found["useful"].wrong_interval
    assert interval is not None
    assert interval[0] <= wrong <= interval[1]
    assert right["useful"] > right["none"] + 0.05
    assert right["useless"] >= right["none"] - 0.03


def test_without_two_labels_of_enough_samples_nothing_is_claimed() -> None:
    found = find_consensus(annotate([[0, None], [1, 1], [None, 0]]))
    assert found.reasons == (Reason.NO_OVERLAP,)
    assert found.label_N.tolist() == [0, 1, 0]
    assert np.isnan(found.probability_N).all()
    assert found.quality.findings_J == ["too_few", "too_few"]
    assert found.wrong_count is None


def test_samples_that_are_hard_for_everybody_take_the_probabilities_away() -> None:
    annotations, _ = simulate([0.95] * 5, samples=300, classes=3)
    hard_R = annotations.sample_R < 100
    label_R = annotations.label_R.copy()
    label_R[hard_R] = np.random.default_rng(0).integers(0, 3, int(hard_R.sum()))
    mixed = replace(annotations, label_R=label_R)
    found = find_consensus(mixed)
    assert found.reasons == (Reason.NO_WITNESS, Reason.UNEVEN_SAMPLES)
    assert np.isnan(found.probability_N).all()


def test_a_sample_without_labels_has_no_consensus() -> None:
    annotations, _ = simulate([0.8, 0.8], samples=50, classes=2)
    more = replace(annotations, sample_count=51)
    found = find_consensus(more)
    assert found.label_N[50] == -1
    assert np.isnan(found.probability_N[50])


def test_the_same_seed_gives_the_same_consensus() -> None:
    annotations, _ = simulate([0.8, 0.7, 0.6], samples=60, classes=3)
    first, second = find_consensus(annotations), find_consensus(annotations)
    np.testing.assert_array_equal(first.gain_N, second.gain_N)


def test_too_many_annotators_share_a_matrix(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("models.annotators.dawid_skene.ROWS_MAX", 6)
    annotations, _ = simulate([0.8, 0.8, 0.8, 0.8], samples=60, classes=2)
    found = find_consensus(annotations)
    assert found.quality.matrix_of_annotator_J.tolist() == [0, 1, 2, 2]
    assert found.quality.findings_J[2:] == ["too_few", "too_few"]
