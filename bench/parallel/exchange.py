"""Measures an exchange between two idle processes: gloo's all_reduce of few and of many numbers."""

import time
from statistics import median

import torch
from torch import distributed, multiprocessing
from torch.distributed import TCPStore  # type: ignore[attr-defined]

HOST, PROCESSES = "127.0.0.1", 2
ROUNDS = 200
SIZES = {"1 kB": 256, "10 MB": 2_500_000}


def milliseconds() -> dict[str, float]:
    """Return the median milliseconds of an exchange, by size."""
    store = TCPStore(HOST, 0, PROCESSES, is_master=True, wait_for_workers=False)
    context = multiprocessing.get_context("spawn")
    other = context.Process(target=_exchange, args=(1, store.port), daemon=True)
    other.start()
    found = _timed(store, 0)
    other.join()
    return found


def _exchange(rank: int, port: int) -> None:
    _timed(TCPStore(HOST, port, PROCESSES, is_master=False), rank)


def _timed(store: TCPStore, rank: int) -> dict[str, float]:
    torch.set_num_threads(1)
    distributed.init_process_group("gloo", store=store, rank=rank, world_size=PROCESSES)
    found = {name: _median_milliseconds(torch.ones(size)) for name, size in SIZES.items()}
    distributed.destroy_process_group()
    return found


def _median_milliseconds(values: torch.Tensor) -> float:
    taken = []
    for _ in range(ROUNDS):
        started = time.perf_counter()
        distributed.all_reduce(values)
        taken.append(time.perf_counter() - started)
    return round(1e3 * median(taken), 2)
