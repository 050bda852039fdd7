"""What a run leaves for another training: its checkpoint, to be resumed, and its network, to start from."""

from pathlib import Path
from typing import Any

import torch

from worker.whole_files import write_whole

CHECKPOINT, NETWORK = "checkpoint.pt", "network.pt"


def save(folder: Path, state: dict[str, Any]) -> None:
    """Store all that a resumed training needs."""
    write_whole(folder / CHECKPOINT, lambda file: torch.save(state, file))


def load(folder: Path) -> dict[str, Any] | None:
    """Return the last checkpoint, None where there is none."""
    path = folder / CHECKPOINT
    return torch.load(path, map_location="cpu", weights_only=True) if path.exists() else None


def discard(folder: Path) -> None:
    """Delete the checkpoint of a finished training."""
    (folder / CHECKPOINT).unlink(missing_ok=True)


def save_network(folder: Path, state: dict[str, torch.Tensor]) -> None:
    """Store the classifier's state dict."""
    write_whole(folder / NETWORK, lambda file: torch.save(state, file))


def load_network(folder: Path) -> dict[str, torch.Tensor]:
    """Return the classifier's state dict of a finished run."""
    network: dict[str, torch.Tensor] = torch.load(folder / NETWORK, map_location="cpu", weights_only=True)
    return network
