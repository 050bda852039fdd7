from collections.abc import Callable
from itertools import pairwise

import numpy as np
import pytest
import torch

from models.configuration.training_config import TrainingConfig
from models.stopping.stability import Stability, compute_ranks, correlate_ranks
from models.training.loop import train
from models.training.progress import Progress

Samples = tuple[np.ndarray, np.ndarray]
Configure = Callable[..., TrainingConfig]
pytestmark = pytest.mark.usefixtures("narrow_mlp")


def test_ranks_and_their_correlation_by_hand() -> None:
    first = compute_ranks(torch.tensor([0.1, 0.4, 0.2, 0.4]))
    assert first.tolist() == [0, 2, 1, 3]
    second = compute_ranks(torch.tensor([0.4, 0.1, 0.2, 0.3]))
    assert second.tolist() == [3, 0, 1, 2]
    # d = 3, 2, 0, 1: 1 - 6 * 14 / (4 * 15) = -0.4
    assert correlate_ranks(first, second) == pytest.approx(-0.4)
    assert correlate_ranks(first, first) == 1.0


def test_a_ranking_is_stable_after_two_agreements_in_a_row() -> None:
    stability = Stability(threshold=0.9)
    still, moved = torch.arange(10.0), torch.arange(10.0).flip(0)
    answers = []
    for scores in (still, still, moved, moved, moved):
        stability.compare(scores)
        answers.append(stability.is_over)
    assert answers == [False, False, False, False, True]
    resumed = Stability(threshold=0.9)
    resumed.load_state(stability.state(), torch.device("cpu"))
    assert resumed.is_over


def test_training_ends_once_its_ranking_is_stable_and_goes_on_where_it_was_interrupted(
    blobs: Samples, configure: Configure
) -> None:
    points, labels = blobs
    config = configure(points, 3, epochs=60, stable_correlation=0.97, schedule="constant")
    states = []

    def note(progress: Progress) -> None:
        if progress.finished and progress.epoch == 2:
            states.append(progress.state())

    whole = train(points, labels, class_count=3, config=config, on_progress=note)
    assert 3 <= whole.epochs < 60
    resumed = train(points, labels, class_count=3, config=config, resume=states[0])
    assert resumed.epochs == whole.epochs
    assert np.array_equal(resumed.signals.distance, whole.signals.distance)


@pytest.mark.parametrize("score", ["margin", "average", "last", "neighbours"])
def test_what_ranks_is_what_must_be_stable(blobs: Samples, configure: Configure, score: str) -> None:
    points, labels = blobs
    wrong = np.where(np.arange(60) % 10 == 0, (labels + 1) % 3, labels)
    threshold = 0.95
    config = configure(points, 3, epochs=40, stable_correlation=threshold, score=score, method="limit_l")
    scores = []

    def note(progress: Progress) -> None:
        if progress.finished:
            scores.append(torch.from_numpy(progress.signals().score))

    done = train(points, wrong, class_count=3, config=config, on_progress=note).epochs
    ranked = [compute_ranks(each) for each in scores]
    agrees = [correlate_ranks(before, after) >= threshold for before, after in pairwise(ranked)]
    twice = [first and second for first, second in pairwise(agrees)]
    assert done == (twice.index(True) + 3 if any(twice) else 40)


def test_training_goes_on_to_its_end_where_it_may_not_stop(blobs: Samples, configure: Configure) -> None:
    points, labels = blobs
    assert train(points, labels, class_count=3, config=configure(points, 3, epochs=4)).epochs == 4
