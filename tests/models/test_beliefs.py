import numpy as np
import pytest

from models.beliefs import believed, evidence
from models.estimates import CUT
from models.noise_rate import judge
from models.signals import Signals

COUNT = 4_000


def told(
    *, competence: float, with_classifier: bool = True, order_by: str = "average"
) -> tuple[dict, np.ndarray, np.ndarray]:
    """Return evidence of ten even classes, the labels, of which a fifth is wrong, and which are."""
    rng = np.random.default_rng(0)
    truth = rng.integers(0, 10, COUNT)
    is_error = rng.random(COUNT) < 0.2
    labels = np.where(is_error, (truth + rng.integers(1, 10, COUNT)) % 10, truth)
    p = np.full((COUNT, 10), 0.03)
    p[np.arange(COUNT), truth] = 0.73
    given = p[np.arange(COUNT), labels].astype(np.float32)
    order = np.argsort(-p, axis=1, kind="stable")[:, :3]
    score = (np.where(is_error, 0.8, 0.2) + 0.1 * rng.random(COUNT)).astype(np.float32)
    signals = Signals(
        score=score,
        distance=score,
        distance_average=score,
        distance_last=score,
        predicted_gradient_norm=score,
        margin=-score,
        given_label_probability=given,
        top_labels_N3=order,
        top_probabilities_N3=np.take_along_axis(p, order, axis=1).astype(np.float32),
        loss=-np.log(given),
    )
    found = evidence(
        signals,
        labels,
        score=order_by,
        competence=competence,
        classifier_probabilities_NK=p if with_classifier else None,
    )
    return found, labels, is_error


@pytest.mark.parametrize("competence", [0.5, 0.7, 0.9])
def test_errors_are_counted_flagged_and_calibrated(competence: float) -> None:
    signals, labels, is_error = told(competence=competence)
    found = believed(signals, labels)
    assert found.error_count / COUNT == pytest.approx(is_error.mean(), abs=0.03)
    low, high = found.error_count_interval
    assert low <= is_error.sum() <= high
    assert np.array_equal(found.is_label_issue_N, is_error)
    assert np.abs(found.error_probability_N - is_error).mean() < 0.1


def test_a_strong_classifiers_doubts_are_the_probabilities() -> None:
    signals, labels, _ = told(competence=0.9)
    np.testing.assert_allclose(believed(signals, labels).error_probability_N, signals["doubt"], atol=1e-6)


def test_of_a_weak_classifier_the_score_says_which_labels_are_wrong() -> None:
    signals, labels, _ = told(competence=0.5)
    signals["score"] = np.random.default_rng(1).permutation(signals["score"])
    probability = believed(signals, labels).error_probability_N
    assert (np.diff(probability[np.argsort(signals["score"], kind="stable")]) >= 0).all()


def test_a_label_that_is_suggested_is_no_issue() -> None:
    signals, labels, _ = told(competence=0.9)
    signals["top_labels_N3"][:, 0] = labels
    assert not believed(signals, labels).is_label_issue_N.any()


def test_without_a_classifier_the_distances_tell() -> None:
    signals, labels, _ = told(competence=0.5, with_classifier=False)
    assert "doubt" not in signals
    found = believed(signals, labels)
    assert np.array_equal(
        found.is_label_issue_N,
        (found.error_probability_N > CUT) & (signals["top_labels_N3"][:, 0] != labels),
    )
    top = signals["top_probabilities_N3"]
    disagrees = signals["top_labels_N3"][:, 0] != labels
    expected = judge(0.0, confidence_N=top[:, 0] - top[:, 1], disagrees_N=disagrees, competence=0.5)
    assert found.error_count / COUNT == pytest.approx(expected.centre, abs=1e-3)


def confused(*, competence: float) -> tuple[np.ndarray, np.ndarray]:
    """Return scores and labels of three classes; of class 0 many are labelled 1, of class 2 none.

    Every label has the same margin, and every sample labelled 1 has 0 or 2 as its rival.
    """
    truth = np.repeat([0, 1, 2], 300)
    labels = truth.copy()
    labels[:120] = 1
    p = np.full((900, 3), 0.05)
    p[np.arange(900), truth] = 0.9
    best = np.argsort(-p, axis=1, kind="stable")
    best[300:600] = [1, 2, 0]
    flat = np.full(900, 0.5, np.float32)
    signals = Signals(
        score=flat,
        distance=flat,
        distance_average=flat,
        distance_last=flat,
        predicted_gradient_norm=flat,
        margin=np.zeros(900, np.float32),
        given_label_probability=flat,
        top_labels_N3=best,
        top_probabilities_N3=np.take_along_axis(p, best, axis=1).astype(np.float32),
        loss=flat,
    )
    found = evidence(signals, labels, score="margin", competence=competence, classifier_probabilities_NK=p)
    return found["score"], labels


def test_a_strong_classifiers_confusions_tell_which_rivals_are_likely() -> None:
    score, _ = confused(competence=0.9)
    # T_01 is 120 of 300, T_11 is 1, and T_21 next to nothing.
    assert score[:120] == pytest.approx(1 / (1 + np.exp(-0.5 * np.log(0.4) / 4)), abs=0.01)
    assert (score[300:600] < score[:120].min() - 0.1).all()


def test_a_weak_classifiers_confusions_do_not_rank() -> None:
    score, _ = confused(competence=0.5)
    assert score == pytest.approx(0.5)
