import sys
import threading
import time
from pathlib import Path

import pytest

from tests import patience
from tests.builders.fake_gpus import write_nvidia_smi
from worker.processes import fleet
from worker.processes.fleet import Fleet, Gpu, Member, list_gpus, plan_members

TWO_GPUS = "#!/bin/sh\necho '0, GPU-aa, 23034'\necho '1, GPU-bb, 81559'\n"


@pytest.fixture
def driver(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    return write_nvidia_smi(tmp_path, monkeypatch, TWO_GPUS)


@pytest.mark.usefixtures("driver")
def test_there_is_a_worker_for_every_gpu_and_it_sees_that_one_alone() -> None:
    assert list_gpus() == [
        Gpu(index=0, uuid="GPU-aa", memory_mib=23034),
        Gpu(index=1, uuid="GPU-bb", memory_mib=81559),
    ]
    workers = plan_members(list_gpus())
    assert [worker.name for worker in workers] == ["gpu0", "gpu1"]
    assert workers[1].environment == {"CUDA_VISIBLE_DEVICES": "GPU-bb"}


def test_gpus_may_train_each_run_together() -> None:
    found = [Gpu(index=index, uuid=f"GPU-{index}", memory_mib=23034) for index in range(3)]
    pair, rest = plan_members(found, gpus_per_run=2)
    assert pair.environment == {
        "CUDA_VISIBLE_DEVICES": "GPU-0,GPU-1",
        "LIMIT_AUDIT_DEVICES": "cuda:0,cuda:1",
    }
    assert (pair.name, rest.name, rest.environment) == ("gpu0-1", "gpu2", {"CUDA_VISIBLE_DEVICES": "GPU-2"})


@pytest.mark.usefixtures("driver")
@pytest.mark.parametrize("visible", ["1", "GPU-bb"])
def test_gpus_that_are_hidden_from_the_process_get_no_worker(
    monkeypatch: pytest.MonkeyPatch, visible: str
) -> None:
    monkeypatch.setenv(fleet.VISIBLE, visible)
    assert [gpu.index for gpu in list_gpus()] == [1]


def test_a_driver_that_fails_means_no_gpu_and_one_worker_trains_on_the_processors(driver: Path) -> None:
    driver.write_text("#!/bin/sh\necho 'NVIDIA-SMI has failed'\nexit 9\n")
    assert list_gpus() == []
    (worker,) = plan_members([])
    assert worker.environment["CUDA_VISIBLE_DEVICES"] == ""


@pytest.mark.parametrize(
    ("quota", "expected"),
    [("150000 100000", 1), ("400000 100000", 4), ("9900000 100000", 16), ("max 100000", 8), (None, 8)],
)
def test_processors_train_with_as_many_threads_as_the_container_has_cores(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, quota: str | None, expected: int
) -> None:
    monkeypatch.delenv(fleet.THREADS, raising=False)
    monkeypatch.setattr(fleet, "QUOTA", tmp_path / "cpu.max")
    monkeypatch.setattr("worker.processes.fleet.os.cpu_count", lambda: 16)
    if quota is not None:
        (tmp_path / "cpu.max").write_text(quota)
    assert plan_members([])[0].environment[fleet.THREADS] == str(expected)


def test_the_number_of_threads_may_be_set_by_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(fleet.THREADS, "3")
    assert plan_members([])[0].environment[fleet.THREADS] == "3"


def test_a_gpu_that_is_required_and_missing_is_explained(
    driver: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    driver.unlink()
    monkeypatch.setattr(sys, "argv", ["fleet", "--require-gpu"])
    with pytest.raises(SystemExit, match="deploy/preflight"):
        fleet.main()


class Brief(Member):
    """A worker that ends by itself."""

    def build_command(self) -> list[str]:
        return ["/bin/sh", "-c", "exit 3"]


class Patient(Member):
    """A worker that waits until it is stopped."""

    def build_command(self) -> list[str]:
        return ["/bin/sleep", "600"]


def test_a_worker_that_dies_is_started_again_and_all_end_together(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fleet, "POLL_SECONDS", 0.01)
    monkeypatch.setattr(fleet, "RESTART_SECONDS", 0.01)
    brief, patient = Brief(name="brief", environment={}), Patient(name="patient", environment={})
    started = []
    check_on = brief.check_on

    def counted() -> None:
        before = brief.process
        check_on()
        if brief.process not in {None, before}:
            started.append(brief.process)

    monkeypatch.setattr(brief, "check_on", counted)
    both = Fleet([brief, patient])
    running = threading.Thread(target=both.run)
    running.start()
    deadline = time.monotonic() + patience.scale(30)
    while len(started) < 2 and time.monotonic() < deadline:
        time.sleep(0.01)
    both.stop()
    running.join(patience.scale(30))
    assert len(started) >= 2
    assert patient.process is not None
    assert patient.process.returncode == -15
