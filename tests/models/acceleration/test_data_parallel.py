"""One run on two processes: the numbers of one, whatever the batches' sizes, and after an interruption."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest
import torch

from models.acceleration.data_parallel import Group, Ranks
from models.configuration.training_config import TrainingConfig
from models.training.progress import EpochRecord, Progress
from models.training.ranks import RankLost, train_on
from models.training.signals import Signals
from models.training.training_result import TrainingResult
from tests.rank_processes import find_rank_processes

pytestmark = pytest.mark.service  # its processes talk at an address of their own

Configure = Callable[..., TrainingConfig]
CLASSES, SAMPLES = 3, 83
TOLERANCE = 1e-4
STILL = 1e-7
"""A learning rate at which Adam does not blow rounding up: where a gradient is nearly zero its step has the
size of any other, and a sign that rounding decides. At a usual rate even the order of a sum shows."""


class Stopped(Exception):
    """Raised by a progress callback."""


class Problem:
    """Three clusters, an odd number of samples, held-out ones among them."""

    def __init__(self, folder: Path, configure: Configure) -> None:
        rng = np.random.default_rng(3)
        self.labels = np.arange(SAMPLES) % CLASSES
        points = rng.normal(size=(SAMPLES, 4)) + 3 * np.eye(CLASSES, 4)[self.labels]
        self.pack = folder / "pack.npy"
        np.save(self.pack, points.astype(np.float32))
        self.config = configure(
            np.load(self.pack), CLASSES, epochs=4, dropout=0.0, batch_size=16, validation_fraction=0.1,
            learning_rate=STILL,
        )  # fmt: skip

    def train(self, processes: int, **arguments: Any) -> TrainingResult:  # noqa: ANN401 - of `train_on`
        arguments = {"class_count": CLASSES, "feature_width": 8, "config": self.config, **arguments}
        return train_on(["cpu"] * processes, self.pack, self.labels, **arguments)


@pytest.fixture
def problem(tmp_path: Path, configure: Configure) -> Problem:
    return Problem(tmp_path, configure)


def assert_close(found: TrainingResult, expected: TrainingResult) -> None:
    for field in fields(Signals):
        ours, theirs = (getattr(result.signals, field.name) for result in (found, expected))
        if ours is not None and np.issubdtype(ours.dtype, np.floating):
            assert np.allclose(ours, theirs, atol=TOLERANCE, rtol=TOLERANCE), field.name
    assert (found.signals.top_labels_N3[:, 0] == expected.signals.top_labels_N3[:, 0]).all()
    for name, tensor in expected.model_state.items():
        assert torch.allclose(found.model_state[name].float(), tensor.float(), atol=TOLERANCE), name
    assert found.validation_accuracy == expected.validation_accuracy


class Watched:
    """A training with what it reported; the first state is from the middle of an epoch."""

    def __init__(self, problem: Problem, processes: int) -> None:
        self.records: list[EpochRecord] = []
        self.states: list[dict[str, Any]] = []
        self.result = problem.train(processes, on_progress=self._see)

    def _see(self, progress: Progress) -> None:
        if progress.finished is not None:
            self.records.append(progress.finished)
        if progress.stage == "training":
            self.states.append(progress.state())

    def moments(self) -> list[torch.Tensor]:
        """Return Adam's running means of the gradients."""
        return [state["exp_avg"] for state in self.states[-1]["learner"]["optimiser"]["state"].values()]


def test_two_processes_give_the_numbers_of_one(problem: Problem) -> None:
    alone_watched, together_watched = (Watched(problem, processes) for processes in (1, 2))
    alone, together = alone_watched.result, together_watched.result
    assert_close(together, alone)
    for ours, theirs in zip(together_watched.moments(), alone_watched.moments(), strict=True):
        assert torch.allclose(ours, theirs, atol=1e-6, rtol=1e-3), "the whole batch's gradient"
    assert together.features_NW is not None
    assert alone.features_NW is not None
    assert np.allclose(together.features_NW, alone.features_NW, atol=0.02)
    for record, expected in zip(together_watched.records, alone_watched.records, strict=True):
        assert record.classifier_loss == pytest.approx(expected.classifier_loss, rel=1e-4)
        assert record.predictor_loss == pytest.approx(expected.predictor_loss, rel=1e-4)
        assert record.accuracy == expected.accuracy
    first = together_watched.states[0]
    assert first["step"] == 1, "reported in the middle of an epoch, with what both processes had by then"
    assert_close(problem.train(2, resume=first), alone)


@pytest.mark.parametrize("chosen", [{"folds": 3}, {"blind_fraction": 0.2}])
def test_two_processes_share_what_no_label_of_a_fold_enters(chosen: dict[str, Any], problem: Problem) -> None:
    problem.config = replace(problem.config, epochs=2, **chosen)
    alone_watched, together_watched = (Watched(problem, processes) for processes in (1, 2))
    alone, together = alone_watched.result, together_watched.result
    assert_close(together, alone)
    assert together.cross_fitted is not None
    assert alone.cross_fitted is not None
    np.testing.assert_array_equal(together.cross_fitted.blind_N, alone.cross_fitted.blind_N)
    np.testing.assert_allclose(
        together.cross_fitted.probabilities_NK, alone.cross_fitted.probabilities_NK, atol=TOLERANCE
    )
    for ours, theirs in zip(together_watched.records, alone_watched.records, strict=True):
        assert ours.memorisation is not None
        assert theirs.memorisation is not None
        assert vars(ours.memorisation) == pytest.approx(vars(theirs.memorisation), rel=1e-4)
    assert_close(problem.train(2, resume=together_watched.states[0]), alone)


def test_a_callback_that_raises_ends_all_processes(problem: Problem) -> None:
    def on_progress(_: Progress) -> None:
        raise Stopped

    with pytest.raises(Stopped):
        problem.train(2, on_progress=on_progress)
    assert find_rank_processes() == []


def test_a_rank_that_is_killed_ends_the_run_with_a_sentence(problem: Problem) -> None:
    def on_progress(_: Progress) -> None:
        for child in find_rank_processes():
            os.kill(child.pid, signal.SIGKILL)
            while child.status() != psutil.STATUS_ZOMBIE:  # it is our caller's to collect
                time.sleep(0.01)

    with pytest.raises(RankLost, match="ended with code -9"):
        problem.train(2, on_progress=on_progress)


def test_every_row_of_uneven_batches_goes_to_one_process() -> None:
    order, bounds = torch.randperm(23), [0, 8, 15, 23]
    shares = [_ranks(rank, 3).share(order, bounds) for rank in range(3)]
    assert sorted(torch.cat([index for index, _ in shares]).tolist()) == list(range(23))
    sizes = np.array([np.diff(borders) for _, borders in shares])
    assert sizes.sum(0).tolist() == [8, 7, 8]
    assert sizes.max() - sizes.min() <= 1
    whole, same = Group().share(order, bounds)
    assert (whole is order, same) == (True, bounds)
    with pytest.raises(ValueError, match="2 samples cannot be shared by 3"):
        _ranks(0, 3).share(order, [0, 2])


def _ranks(rank: int, size: int) -> Ranks:
    ranks = object.__new__(Ranks)  # without joining anybody
    ranks.rank, ranks.size = rank, size
    return ranks


TORCHRUN = """
import os, sys, numpy as np, torch
from models.configuration.training_config import resolve
from models.acceleration.data_parallel import join_processes
from models.training.loop import train
points = np.random.default_rng(0).normal(size=(40, 4)).astype(np.float32)
chosen = {"epochs": 1, "seed": 1, "precision": "fp32"}
config = resolve(chosen, shape=(4,), sample_count=40, class_count=2, device="cpu")
place = os.environ["LOCAL_RANK"]
device = f"cuda:{place}" if sys.argv[1] == "cuda" else "cpu"
with join_processes(torch.device(device)) as group:
    result = train(points, np.arange(40) % 2, class_count=2, config=config, device=device, group=group)
    mean = result.signals.distance.mean()
    sys.stdout.write(f"rank {group.rank} of {group.size}: {mean:.3f}\\n")  # at once: all write to one pipe
"""


def _by_torchrun(folder: Path, device: str, *, processes: int) -> list[str]:
    """Return what the processes of one training said, in the order of their ranks."""
    script = folder / "script.py"
    script.write_text(TORCHRUN)
    starter = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node"]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [*starter, str(processes), script, device],
        capture_output=True,
        text=True,
        env=environment,
        timeout=200,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return sorted(done.stdout.splitlines())


def test_torchrun_starts_it_too(tmp_path: Path) -> None:
    one, two = _by_torchrun(tmp_path, "cpu", processes=2)
    assert one.startswith("rank 0 of 2: ")
    assert two == one.replace("rank 0", "rank 1")


@pytest.mark.skipif(not torch.cuda.is_available(), reason="NCCL joins GPUs")
def test_all_gpus_of_a_host_join_by_nccl(tmp_path: Path) -> None:
    said = _by_torchrun(tmp_path, "cuda", processes=torch.cuda.device_count())
    (alone,) = _by_torchrun(tmp_path, "cpu", processes=1)
    expected = float(alone.rpartition(" ")[2])
    assert [float(line.rpartition(" ")[2]) for line in said] == pytest.approx(
        [expected] * len(said), abs=0.01
    )
