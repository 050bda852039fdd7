"""A million small images through the whole service: upload, ingestion, one epoch, scores, ranking.

    python -m bench.scale [--samples 1000000] [--side 32] --folder /var/tmp/million

One stripe pattern for each of ten classes, 5 % of the labels wrong. It needs about 12 GB in
FOLDER, and prints seconds and the most memory that each part of the service held.
"""

import argparse
import json
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import psutil

from app.client import Client
from app.embedded.local_stack import LocalStack

CLASSES = 10
WRONG_EVERY = 20
BLOCK = 50_000
WATCH_SECONDS = 0.5
CHEAP: dict[str, Any] = {
    "network": "photo_cnn",
    "input_size": 16,
    "epochs": 1,
    "method": "limit_g",
    "batch_size": 512,
}


def patterns(side: int) -> np.ndarray:
    """Return one picture [K, H, W, 3] for every class: stripes of its own direction and width."""
    row, column = np.mgrid[:side, :side]
    angle = np.pi * np.arange(CLASSES)[:, None, None] / CLASSES
    width = (0.6 + 0.15 * (np.arange(CLASSES) % 3))[:, None, None]
    wave = np.sin((row * np.cos(angle) + column * np.sin(angle)) * width)
    return np.repeat((wave[..., None] + 1) * 60, 3, axis=3)


def write(path: Path, *, samples: int, side: int) -> None:
    """Write images and labels as an uncompressed npz, block by block."""
    images = np.lib.format.open_memmap(
        path.with_suffix(".npy"), mode="w+", dtype=np.uint8, shape=(samples, side, side, 3)
    )
    generator = np.random.default_rng(0)
    labels = np.arange(samples) % CLASSES
    pictures = patterns(side).astype(np.uint8)
    for start in range(0, samples, BLOCK):
        of_block = labels[start : start + BLOCK]
        noise = generator.integers(0, 100, (len(of_block), side, side, 3), dtype=np.uint8)
        images[start : start + BLOCK] = pictures[of_block] + noise
    given = labels.copy()
    given[::WRONG_EVERY] = (labels[::WRONG_EVERY] + 1) % CLASSES
    np.savez(path, x=images, y=given, y_true=labels)
    path.with_suffix(".npy").unlink()


class Memory:
    """Watches the private memory of this process's children, by what each was started for."""

    def __init__(self) -> None:
        self._highest: dict[str, int] = {}
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def _watch(self) -> None:
        while not self._ended.wait(WATCH_SECONDS):
            for child in psutil.Process().children():
                with suppress(psutil.NoSuchProcess):
                    name = _part(child.cmdline())
                    self._highest[name] = max(self._highest.get(name, 0), _private_bytes(child))

    def end(self) -> dict[str, int]:
        """Stop and return the most megabytes of each."""
        self._ended.set()
        self._thread.join()
        return {name: held // 2**20 for name, held in self._highest.items()}


def _part(command: list[str]) -> str:
    names = ("uvicorn", "worker.processes.cpu", "worker.processes.gpu", "worker.processes.control", "redis")
    return next((name for name in names if any(name in word for word in command)), "others")


def _private_bytes(process: psutil.Process) -> int:
    """Return what a process and its children hold; pages of mapped packs are the kernel's, not theirs."""
    held = [each.memory_info() for each in (process, *process.children(recursive=True))]
    return sum(memory.rss - memory.shared for memory in held)


class Figures(dict[str, Any]):
    """What was measured, printed as it comes."""

    @contextmanager
    def timed(self, name: str) -> Iterator[None]:
        """Note how long something took."""
        started = time.monotonic()
        yield
        self[f"{name}_seconds"] = round(time.monotonic() - started, 1)
        print(json.dumps(self), flush=True)  # noqa: T201 - the command's output


def seconds_between(start: str, stop: str) -> float:
    """Return the seconds between two times of an answer."""
    return round((datetime.fromisoformat(stop) - datetime.fromisoformat(start)).total_seconds(), 1)


def measured(file: Path, figures: Figures) -> None:
    """Take a file through a service of its own."""
    folder = file.parent
    with LocalStack(folder / "service") as stack, Client(stack.url) as client:
        memory = Memory()
        with figures.timed("upload"):
            dataset = client.upload(file, name="million", progress=False)
        with figures.timed("ingestion"):
            dataset.wait(progress=False)
        audit = dataset.audit(**CHEAP)
        with figures.timed("audit"):
            audit.wait(progress=False)
        with figures.timed("download"):
            audit.download(folder / "ranking.csv")
        figures["epoch_seconds"] = sum(epoch["seconds"] for epoch in audit.epochs()[0]["epochs"])
        run = audit["runs"][0]
        figures["run_seconds"] = seconds_between(run["started_at"], run["finished_at"])
        until_trained = seconds_between(audit["created_at"], run["finished_at"])
        figures["finishing_seconds"] = round(figures["audit_seconds"] - until_trained, 1)
        figures["load"] = os.getloadavg()
        figures["roc_auc"] = audit.metrics()["roc_auc"]
        figures["highest_megabytes"] = memory.end()
    print(json.dumps(figures, indent=2))  # noqa: T201 - the command's output


def main() -> None:
    """Write the dataset and measure it."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--samples", type=int, default=1_000_000)
    parser.add_argument("--side", type=int, default=32)
    parser.add_argument("--folder", type=Path, required=True)
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    file = options.folder / "million.npz"
    figures = Figures(samples=options.samples, side=options.side)
    with figures.timed("write"):
        write(file, samples=options.samples, side=options.side)
    figures["upload_bytes"] = file.stat().st_size
    measured(file, figures)


if __name__ == "__main__":
    main()
