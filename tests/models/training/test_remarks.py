"""What a method cannot do with some samples: avoided, refused or said."""

from collections.abc import Callable

import numpy as np
import pytest
import torch

from models.acceleration.data_parallel import limit_processes
from models.configuration.training_config import TrainingConfig
from models.inputs.batches import split_batches
from models.training.learner import Learner
from models.training.loop import train
from models.training.remarks import MISSING_CLASS, UNKNOWN_CLASS, check_batches
from models.training.training_result import TrainingResult

Samples = tuple[np.ndarray, np.ndarray]
Configure = Callable[..., TrainingConfig]
pytestmark = pytest.mark.usefixtures("narrow_mlp")


@pytest.fixture
def parent(blobs: Samples, configure: Configure) -> TrainingResult:
    points, labels = blobs
    return train(points, labels, class_count=3, config=configure(points, 3, method="ce", epochs=6))


@pytest.mark.parametrize("blind", [0.0, 0.2])
def test_every_batch_of_dmi_holds_every_class(
    blind: float,
    blobs: Samples,
    parent: TrainingResult,
    configure: Configure,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    points, _ = blobs
    labels = np.where(np.arange(60) < 12, 2, np.arange(60) % 2)
    seen: list[set[int]] = []
    step = Learner.step

    def remember(self: Learner, inputs_B: torch.Tensor, labels_B: torch.Tensor, **given: object) -> object:
        blind_B = given["blind_B"]
        seen.append(set((labels_B if blind_B is None else labels_B[blind_B < 0]).tolist()))  # type: ignore[operator]
        return step(self, inputs_B, labels_B, **given)  # type: ignore[arg-type]

    monkeypatch.setattr(Learner, "step", remember)
    config = configure(points, 3, method="dmi", batch_size=8, blind_fraction=blind, epochs=3)
    if blind:
        with pytest.raises(ValueError, match="has learned labels that this training holds back"):
            train(points, labels, class_count=3, config=config, initial_state=parent.start_state)
        same = configure(points, 3, method="ce", batch_size=8, blind_fraction=blind, epochs=3)
        parent = train(points, labels, class_count=3, config=same)
        seen.clear()
    result = train(points, labels, class_count=3, config=config, initial_state=parent.start_state)
    assert seen == [{0, 1, 2}] * 24
    assert result.remarks == ()
    assert limit_processes(config, 60) == 1


def test_steps_of_dmi_that_learn_nothing_are_said(
    blobs: Samples, parent: TrainingResult, configure: Configure
) -> None:
    points, labels = blobs[0], np.where(np.arange(60) < 3, 2, np.arange(60) % 2)
    config = configure(points, 3, method="dmi", batch_size=10, epochs=1)
    (remark,) = train(points, labels, class_count=3, config=config, initial_state=parent.start_state).remarks
    assert remark.code == MISSING_CLASS
    assert "in 3 of the 6 steps" in remark.detail
    assert "class number 2 (from 0)" in remark.detail


def test_dmi_that_could_learn_nothing_is_refused(
    blobs: Samples, parent: TrainingResult, configure: Configure
) -> None:
    points, labels = blobs
    with pytest.raises(ValueError, match="expected a batch_size of at least 5, found 4"):
        configure(points, 5, method="dmi", batch_size=4)
    config = configure(points, 3, method="dmi")
    with pytest.raises(ValueError, match=r"none of class number 2 \(from 0\)"):
        train(points, labels % 2, class_count=3, config=config, initial_state=parent.start_state)
    labels_n, nobody_n = torch.arange(15) % 8, torch.full((15,), -1)
    with pytest.raises(ValueError, match="expected batches of at least 8 samples, found one of 7"):
        check_batches(labels_n, nobody_n, split_batches(15, 8), class_count=8)


def test_a_transition_that_nothing_is_known_about_is_said(blobs: Samples, configure: Configure) -> None:
    points, labels = blobs
    # Nobody has label 2, so the parent never chooses it.
    parent = train(points, labels % 2, class_count=3, config=configure(points, 3, method="ce", epochs=6))
    config = configure(points, 3, method="fw", epochs=2)
    states = []
    result = train(
        points,
        labels % 2,
        class_count=3,
        config=config,
        initial_state=parent.start_state,
        on_progress=lambda progress: states.append(progress.state()),
    )
    assert [remark.code for remark in result.remarks] == [UNKNOWN_CLASS]
    assert result.transition_KK is not None
    assert result.transition_KK[2].tolist() == [0, 0, 1]
    resumed = train(points, labels % 2, class_count=3, config=config, resume=states[0])
    assert resumed.remarks == result.remarks
