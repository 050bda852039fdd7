"""Which queues a worker takes from, whatever the driver says."""

from pathlib import Path

import pytest

from app.infra.settings import Settings
from tests.builders.fake_gpus import write_nvidia_smi
from worker.processes import fleet, queue_choice

CARDS = "#!/bin/sh\necho '0, GPU-aa, 81559'\necho '1, GPU-bb, 23034'\n"


@pytest.fixture
def driver(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Stand in for nvidia-smi: an H100 of 80 GB and an L4 of 24 GB."""
    program = write_nvidia_smi(tmp_path, monkeypatch, CARDS)
    monkeypatch.setattr(queue_choice, "measure_main_memory", lambda: 16 * 10**9)
    return program


def queues(chosen: Settings, **told: str) -> list[str]:
    return queue_choice.choose_queues(chosen.model_copy(update=told))


@pytest.mark.usefixtures("driver")
def test_a_worker_serves_its_gpu_s_memory(chosen: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    small = ["train.gpu.24", "train.gpu.16", "train.gpu.8", "train.gpu", "train"]
    assert queues(chosen) == ["train.gpu.80", "train.gpu.40", *small]
    monkeypatch.setenv(fleet.VISIBLE, "GPU-bb")
    assert queues(chosen) == small


@pytest.mark.usefixtures("driver")
def test_gpus_that_train_together_count_as_the_least_of_them(chosen: Settings) -> None:
    assert queues(chosen, devices="cuda:0,cuda:1")[0] == "train.gpu.24"


@pytest.mark.usefixtures("driver")
def test_processors_serve_their_own_class(chosen: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    own = ["train.cpu.16", "train.cpu.8", "train.cpu", "train"]
    assert queues(chosen, devices="cpu") == own
    monkeypatch.setenv(fleet.VISIBLE, "")
    assert queues(chosen) == own


def test_a_worker_may_be_told_its_queues(chosen: Settings) -> None:
    assert queues(chosen, train_queues="train.gpu, train") == ["train.gpu", "train"]
