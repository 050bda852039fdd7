"""Start one training worker for each GPU of this host, or one for its CPUs.

Started as `python -m worker.processes.fleet`. With `gpus_per_run` above 1, each worker gets that number of
GPUs. A worker sees only its own GPUs. A worker that dies is restarted; SIGTERM stops all of them cleanly.
"""

import argparse
import os
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType

import structlog

from app.infra.logs import configure_logging
from app.infra.settings import PREFIX, get_settings

log = structlog.get_logger()
VISIBLE = "CUDA_VISIBLE_DEVICES"
DEVICES = f"{PREFIX}DEVICES"
THREADS = "OMP_NUM_THREADS"
QUOTA = Path("/sys/fs/cgroup/cpu.max")
QUERY = ("nvidia-smi", "--query-gpu=index,uuid,memory.total", "--format=csv,noheader,nounits")
POLL_SECONDS = 0.5
RESTART_SECONDS = 5.0
NO_GPU = (
    "expected an NVIDIA GPU in this container; found none. On the host, run deploy/preflight: it says whether"
    " the driver, the NVIDIA container toolkit or its entry in Docker is missing. To train on CPUs instead,"
    " set COMPOSE_PROFILES=cpu"
)


@dataclass(frozen=True, kw_only=True)
class Gpu:
    """A GPU, as the driver lists it."""

    index: int
    uuid: str
    memory_mib: int


@dataclass
class Member:
    """A worker: how to start it, and its process while it runs."""

    name: str
    environment: dict[str, str]
    process: subprocess.Popen[bytes] | None = None
    starts_at: float = field(default_factory=time.monotonic)

    def build_command(self) -> list[str]:
        """Return the worker's command line."""
        return [
            sys.executable, "-m", "celery", "-A", "worker.processes.gpu", "worker",
            "--hostname", f"{self.name}@%h", "--concurrency", "1", "--max-tasks-per-child", "1",
            "--loglevel", "INFO", "--without-gossip", "--without-mingle",
        ]  # fmt: skip

    def check_on(self) -> None:
        """Start the worker if it is due; schedule a restart if it has ended."""
        if self.process is None and time.monotonic() >= self.starts_at:
            self.process = subprocess.Popen(self.build_command(), env={**os.environ, **self.environment})  # noqa: S603
            log.info("worker started", worker=self.name, pid=self.process.pid)
        elif self.process is not None and self.process.poll() is not None:
            log.warning("worker ended, restarting it", worker=self.name, code=self.process.returncode)
            self.process, self.starts_at = None, time.monotonic() + RESTART_SECONDS


def list_gpus() -> list[Gpu]:
    """Return the GPUs that this process may use, from the driver; CUDA is not initialised."""
    if shutil.which(QUERY[0]) is None:
        return []
    answer = subprocess.run(QUERY, capture_output=True, text=True, check=False)  # noqa: S603
    rows = [line.split(", ") for line in answer.stdout.splitlines() if answer.returncode == 0]
    gpus = [Gpu(index=int(index), uuid=uuid, memory_mib=int(memory)) for index, uuid, memory in rows]
    visible = os.environ.get(VISIBLE)
    if visible is None:
        return gpus
    return [gpu for gpu in gpus if {str(gpu.index), gpu.uuid} & set(visible.split(","))]


def count_threads() -> int:
    """Return how many threads train on CPUs: the container's cores, else half of the host's.

    torch would use all cores of the host. Threads wait for each other, so with one core fewer than threads
    training stalls. Without a CPU limit, half of the cores stay for the other services.
    """
    cores = os.cpu_count() or 1
    try:
        quota, period = map(int, QUOTA.read_text().split())
    except (OSError, ValueError):  # no control group, or the quota is "max"
        return max(1, cores // 2)
    return max(1, min(cores, quota // period))


def plan_members(gpus: list[Gpu], *, gpus_per_run: int = 1) -> list[Member]:
    """Return one worker for each `gpus_per_run` GPUs; without GPUs, one that trains on the CPUs."""
    if not gpus:
        return [
            Member(
                name="train",
                environment={VISIBLE: "", THREADS: os.environ.get(THREADS, str(count_threads()))},
            )
        ]
    starts = range(0, len(gpus), gpus_per_run)
    return [_make_member(gpus[start : start + gpus_per_run]) for start in starts]


def _make_member(group: list[Gpu]) -> Member:
    environment = {VISIBLE: ",".join(gpu.uuid for gpu in group)}
    if len(group) > 1:
        environment[DEVICES] = ",".join(f"cuda:{place}" for place in range(len(group)))
    return Member(name="gpu" + "-".join(str(gpu.index) for gpu in group), environment=environment)


class Fleet:
    """The workers of this host."""

    def __init__(self, workers: list[Member]) -> None:
        self._workers = workers
        self._stopping = False

    def stop(self, *_: int | FrameType | None) -> None:
        """Stop every worker; each returns its run to the queue."""
        self._stopping = True

    def run(self) -> None:
        """Start and restart the workers until `stop`."""
        while not self._stopping:
            for worker in self._workers:
                worker.check_on()
            time.sleep(POLL_SECONDS)
        alive = [worker.process for worker in self._workers if worker.process is not None]
        for process in alive:
            process.terminate()
        for process in alive:
            process.wait()


def main() -> None:
    """Start the fleet."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--require-gpu", action="store_true", help="end with an error if there is no GPU")
    arguments = parser.parse_args()
    configure_logging(get_settings().log_format)
    gpus = list_gpus()
    if arguments.require_gpu and not gpus:
        raise SystemExit(NO_GPU)
    fleet = Fleet(plan_members(gpus, gpus_per_run=get_settings().gpus_per_run))
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, fleet.stop)
    fleet.run()


if __name__ == "__main__":
    main()
