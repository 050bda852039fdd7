"""Files of a run for other trainings: its checkpoint, to resume it, and its network, to start from."""

from pathlib import Path
from typing import Any

import torch

from app.infra.storage import Storage
from worker.jobs.atomic_files import write_atomically

CHECKPOINT, NETWORK = "checkpoint.pt", "network.pt"


def save(storage: Storage, folder: Path, state: dict[str, Any]) -> None:
    """Store everything that a resumed training needs."""
    _save(storage, folder / CHECKPOINT, state)


def load(storage: Storage, folder: Path) -> dict[str, Any] | None:
    """Return the last checkpoint, None if there is none."""
    path = folder / CHECKPOINT
    return _load(storage, path) if storage.exists(path) else None


def discard(storage: Storage, folder: Path) -> None:
    """Delete the checkpoint of a finished training."""
    storage.remove(folder / CHECKPOINT)


def save_network(storage: Storage, folder: Path, state: dict[str, torch.Tensor]) -> None:
    """Store the classifier's state dict."""
    _save(storage, folder / NETWORK, state)


def load_network(storage: Storage, folder: Path) -> dict[str, torch.Tensor]:
    """Return the classifier's state dict of a finished run."""
    return _load(storage, folder / NETWORK)


def _save(storage: Storage, path: Path, state: dict[str, Any]) -> None:
    write_atomically(path, lambda file: torch.save(state, file))
    storage.publish(path)


def _load(storage: Storage, path: Path) -> dict[str, Any]:
    with storage.open(path) as file:
        state: dict[str, Any] = torch.load(file, map_location="cpu", weights_only=True)
    return state
