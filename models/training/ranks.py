"""One run on several devices of this host: this process leads, and starts one process per further device.

Each further process, a rank, reads the leader's arguments from a file. It ends with the leader's training or
process.
"""

import ctypes
import signal
import subprocess
import sys
import time
import traceback
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch.distributed import Store, TCPStore  # type: ignore[attr-defined]

from models.acceleration.data_parallel import LEADER, TIMEOUT, TrainingEnded, join_processes
from models.configuration.training_config import TrainingConfig
from models.training.loop import train
from models.training.progress import OnProgress
from models.training.training_result import TrainingResult

HOST = "127.0.0.1"
PR_SET_PDEATHSIG = 1
END_SECONDS = 60
LOST_SECONDS = 5
OUT_OF_MEMORY = 3
"""Exit code of a process that ran out of device memory."""
POLL_SECONDS = 0.05
READY = "ready-{}"


class RankLost(RuntimeError):
    """Another rank has ended; its log says why."""


def train_on(
    devices: list[str],
    pack: Path,
    labels_N: npt.NDArray[np.integer[Any]],
    *,
    config: TrainingConfig,
    on_progress: OnProgress | None = None,
    **arguments: Any,  # noqa: ANN401 - the arguments of `train`
) -> TrainingResult:
    """Train with `models.training.loop.train` on one device, or on several together.

    Args:
        devices: one process each; this process takes the first.
        pack: the .npy file of the samples, which every process maps into its memory.
        labels_N: as for `train`.
        config: as for `train`.
        on_progress: as for `train`.
        **arguments: `class_count`, `initial_state`, `pretrained_state`, `resume` and `feature_width`, as for
            `train`.

    Raises:
        RankLost: another rank ended before the training did.
        torch.OutOfMemoryError: one of the devices has too little memory.

    """
    inputs = np.load(pack, mmap_mode="r")
    arguments |= {"config": config, "on_progress": on_progress}
    if len(devices) == 1:
        return train(inputs, labels_N, device=devices[0], **arguments)
    job = {
        **arguments,
        "devices": devices,
        "pack": str(pack),
        "labels": torch.from_numpy(np.array(labels_N, dtype=np.int64)),
        "config": asdict(config),
        "on_progress": None,
        "threads": max(1, torch.get_num_threads() // len(devices)),
    }
    with _limit_threads(job["threads"]), _run_ranks(job) as store:
        device = torch.device(devices[LEADER])
        with join_processes(device, store=store, rank=LEADER, size=len(devices)) as group:
            return train(inputs, labels_N, device=devices[LEADER], group=group, **arguments)


@contextmanager
def _run_ranks(job: Mapping[str, Any]) -> Iterator[Store]:
    """Start the other processes, and end them all at exit."""
    size = len(job["devices"])
    store = TCPStore(HOST, 0, size, is_master=True, wait_for_workers=False, timeout=TIMEOUT)
    with TemporaryDirectory(prefix="limit-audit-") as folder:
        path = Path(folder) / "job.pt"
        torch.save(dict(job), path)
        processes = [_start(path, rank, store.port) for rank in range(1, size)]
        try:
            _await_all(store, processes)
            yield store
            for process in processes:
                process.wait(END_SECONDS)
        except RuntimeError as error:  # a broken connection raises it, among other causes
            _raise_for(_collect_failures(processes), error)
            raise
        finally:
            for process in processes:
                process.kill()
                process.wait()


def _collect_failures(processes: list[subprocess.Popen[bytes]]) -> set[int]:
    """Wait a little, as a connection breaks before its process ends; return failed processes' exit codes."""
    deadline = time.monotonic() + LOST_SECONDS
    while time.monotonic() < deadline and any(process.poll() is None for process in processes):
        time.sleep(POLL_SECONDS)
    return {code for process in processes if (code := process.poll())}


def _raise_for(failures: set[int], error: RuntimeError) -> None:
    if isinstance(error, torch.OutOfMemoryError) or not failures:
        return
    if OUT_OF_MEMORY in failures:
        raise torch.OutOfMemoryError("the device of another process of this run ran out of memory") from error
    raise RankLost(f"another process of this run ended with code {min(failures)}") from error


def _await_all(store: Store, processes: list[subprocess.Popen[bytes]]) -> None:
    """Wait until every rank has its device; raise RuntimeError if a rank ends before."""
    names = [READY.format(rank) for rank in range(1, len(processes) + 1)]
    while not store.check(names):
        if any(process.poll() is not None for process in processes):
            raise RuntimeError("another process of this run did not start")
        time.sleep(POLL_SECONDS)


def _start(job: Path, rank: int, port: int) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "models.training.ranks", str(job), str(rank), str(port)]
    return subprocess.Popen(  # noqa: S603 - our own program
        command,
        stdin=subprocess.DEVNULL,
        preexec_fn=_follow_parent,  # noqa: PLW1509 - it only makes system calls and takes no lock
    )


def _follow_parent() -> None:
    """Ignore the signals that the leader handles; on Linux the kernel ends this process with the leader."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


@contextmanager
def _limit_threads(share: int) -> Iterator[None]:
    """Limit torch to `share` threads, so that the processes do not compete for this host's processors."""
    before = torch.get_num_threads()
    torch.set_num_threads(share)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def main(path: str, rank: str, port: str) -> None:
    """Train as a rank: read the leader's job from `path`, and connect to its port."""
    job = torch.load(path, map_location="cpu", weights_only=True)
    torch.set_num_threads(job.pop("threads"))
    devices = job.pop("devices")
    device = devices[int(rank)]
    inputs = np.load(job.pop("pack"), mmap_mode="r")
    job["config"] = TrainingConfig(**job["config"])
    store = TCPStore(HOST, int(port), len(devices), is_master=False, timeout=TIMEOUT)
    torch.empty(1, device=device)  # fails here if it cannot be used
    store.set(READY.format(rank), "yes")
    with join_processes(torch.device(device), store=store, rank=int(rank), size=len(devices)) as group:
        try:
            train(inputs, job.pop("labels").numpy(), device=device, group=group, **job)
        except TrainingEnded:
            return
        except torch.OutOfMemoryError:
            traceback.print_exc()
            sys.exit(OUT_OF_MEMORY)


if __name__ == "__main__":
    main(*sys.argv[1:])
