from typing import Any

import numpy as np
import pytest

from models.cross_fitting.cross_fitted import CrossFitted
from models.cross_fitting.ranking_evidence import SHARPNESS
from models.label_errors.evidence import gather_signals
from models.training.signals import Signals


def confused(
    *, agreement_ratio: float, reverse: int = 0, memorised: int = 0
) -> tuple[dict[str, Any], np.ndarray]:
    """Return evidence and labels of three classes; many of 0 are labelled 1, `reverse` of 1 are labelled 0.

    No label has a margin, and the classifier takes every sample for what it is; the scoring network takes
    the first `memorised` of class 0 for what they are called.
    """
    truth = np.repeat([0, 1, 2], 300)
    labels = truth.copy()
    labels[:120] = 1
    labels[300 : 300 + reverse] = 0
    p = np.full((900, 3), 0.05)
    p[np.arange(900), truth] = 0.9
    best = np.argsort(-p, axis=1, kind="stable")
    best[truth == 1] = [1, 2, 0]
    best[:memorised] = [1, 0, 2]
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
        top_probabilities_N3=np.tile(np.array([0.45, 0.4, 0.15], np.float32), (900, 1)),
        loss=flat,
    )
    found = gather_signals(
        signals, labels, score="margin", agreement_ratio=agreement_ratio, classifier_probabilities_NK=p
    )
    return found, labels


@pytest.mark.parametrize("agreement_ratio", [0.5, 0.9])
def test_a_rival_that_is_labelled_so_and_not_the_other_way_is_likelier(agreement_ratio: float) -> None:
    found, _ = confused(agreement_ratio=agreement_ratio)
    wrong, right = found["score"][:120], found["score"][300:600]
    assert wrong.min() > right.max() + 0.1


@pytest.mark.parametrize("agreement_ratio", [0.5, 0.9])
def test_labels_that_go_both_ways_alike_change_nothing(agreement_ratio: float) -> None:
    found, _ = confused(agreement_ratio=agreement_ratio, reverse=120)
    assert found["score"] == pytest.approx(0.5, abs=1e-3)


def test_a_weak_networks_choice_follows_the_asymmetry_and_a_strong_ones_stays() -> None:
    # The scoring network takes the first 30 samples, of class 0, for what they are called: 1.
    for agreement_ratio, suggested in ((0.5, 0), (0.9, 1)):
        found, labels = confused(agreement_ratio=agreement_ratio, memorised=30)
        assert (labels[:30] == 1).all()
        assert (found["top_labels_N3"][:30, 0] == suggested).all()
        assert found["top_probabilities_N3"].sum(1) == pytest.approx(1, abs=1e-6)
        assert (np.diff(found["top_probabilities_N3"], axis=1) <= 0).all()


def test_several_folds_rank_by_the_odds_of_all_networks_alike() -> None:
    labels = np.array([0, 1, 1, 0])
    even = np.full((4, 3), 1 / 3, dtype=np.float32)
    seen = np.array([[0.6, 0.3, 0.1], [0.3, 0.6, 0.1], [0.8, 0.1, 0.1], [0.1, 0.1, 0.8]], dtype=np.float32)
    zeros = np.zeros(4, dtype=np.float32)
    signals = Signals(
        score=zeros,
        distance=zeros,
        distance_average=zeros,
        distance_last=zeros,
        predicted_gradient_norm=zeros,
        margin=zeros,
        given_label_probability=zeros,
        top_labels_N3=np.tile(np.arange(3), (4, 1)),
        top_probabilities_N3=even,
        loss=zeros,
    )
    found = gather_signals(
        signals,
        labels,
        score="margin",
        agreement_ratio=1.0,
        classifier_probabilities_NK=even,
        cross_fitted=CrossFitted(
            probabilities_NK=even, in_sample_probabilities_NK=seen, blind_N=np.arange(4) % 2
        ),
    )
    # Two networks: the geometric mean of both. So few labels show no confusions.
    mean = np.sqrt(seen / 3)
    sharp = mean**SHARPNESS
    odds = sharp[np.arange(4), labels] / (sharp.sum(1) - sharp[np.arange(4), labels])
    assert found["score"] == pytest.approx(1 / (1 + odds**0.25), rel=1e-5)
    assert (found["margin"] == 0).all(), "what is kept of it stays out of sample"
