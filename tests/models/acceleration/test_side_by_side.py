import threading
from typing import Any

import numpy as np
import pytest
import torch

from models.acceleration.side_by_side import SideBySide, can_run
from models.configuration.training_config import resolve
from models.training import learner
from models.training.loop import train

CPU = torch.device("cpu")


def configuration(**requested: object) -> Any:  # noqa: ANN401
    chosen = {"method": "limit", "epochs": 3, "batch_size": 16, "network": "mnist_cnn", "folds": 1}
    return resolve(chosen | requested, shape=(28, 28, 1), sample_count=48, class_count=3, device="cpu")


def threads(count: int, monkeypatch: pytest.MonkeyPatch, *, cores: int) -> None:
    monkeypatch.setattr(torch, "get_num_threads", lambda: count)
    monkeypatch.setattr("os.sched_getaffinity", lambda _: range(cores), raising=False)


def test_networks_that_step_at_once_learn_the_same_numbers_as_one_after_the_other(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rng = np.random.default_rng(0)
    images, labels = rng.integers(0, 256, (48, 28, 28, 1), dtype=np.uint8), np.arange(48) % 3
    results = []
    for at_once in (True, False):
        monkeypatch.setattr(learner, "can_run", lambda *_, chosen=at_once: chosen)
        results.append(train(images, labels, class_count=3, config=configuration()))
    one, other = results
    np.testing.assert_array_equal(one.signals.distance, other.signals.distance)
    np.testing.assert_array_equal(one.signals.margin, other.signals.margin)
    assert all(torch.equal(one.model_state[name], other.model_state[name]) for name in one.model_state)


def test_both_are_under_way_at_the_same_time() -> None:
    meeting = threading.Barrier(2, timeout=10)
    assert SideBySide().do(lambda: (meeting.wait(), 1)[1], lambda: (meeting.wait(), 2)[1]) == (1, 2)


@pytest.mark.parametrize("which", [0, 1])
def test_what_either_raises_is_raised_once_both_have_ended(which: int) -> None:
    ended: list[int] = []

    def work(number: int) -> None:
        ended.append(number)
        if number == which:
            raise FloatingPointError(number)

    with pytest.raises(FloatingPointError, match=str(which)):
        SideBySide().do(lambda: work(0), lambda: work(1))
    assert sorted(ended) == [0, 1]


def test_they_need_a_core_for_every_thread_and_a_generator_that_only_one_draws_from(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    threads(1, monkeypatch, cores=2)
    assert can_run(configuration(), CPU)
    assert not can_run(configuration(), torch.device("cuda"))
    assert not can_run(configuration(dropout=0.1), CPU)
    assert not can_run(configuration(compiled=True), CPU)
    threads(2, monkeypatch, cores=2)
    assert not can_run(configuration(), CPU)
