"""A run's features and every sample's neighbours on disk, N rows each; runs on large data may have none."""

from pathlib import Path

import numpy as np
import numpy.typing as npt

from app.infra.storage import Storage
from models.data_issues.neighbours import Neighbours
from worker.jobs.atomic_files import write_atomically

FEATURES, NEIGHBOURS = "features.npy", "neighbours.npz"
WIDTH_MIN = 16
"""With fewer features for each sample, none are stored."""


def choose_width(sample_count: int, *, bytes_max: int) -> int:
    """Return how many float16 features of each sample fit; 0 if fewer than WIDTH_MIN do."""
    fitting = bytes_max // (sample_count * np.dtype(np.float16).itemsize)
    return fitting if fitting >= WIDTH_MIN else 0


def save(
    storage: Storage, folder: Path, features_NW: npt.NDArray[np.float16], neighbours: Neighbours
) -> None:
    """Store features and neighbours."""
    write_atomically(folder / FEATURES, lambda file: np.save(file, features_NW))
    index_Nk, similarity_Nk = neighbours.index_Nk, neighbours.similarity_Nk
    write_atomically(
        folder / NEIGHBOURS, lambda file: np.savez(file, index_Nk=index_Nk, similarity_Nk=similarity_Nk)
    )
    for name in (FEATURES, NEIGHBOURS):
        storage.publish(folder / name)


def load(storage: Storage, folder: Path) -> Neighbours | None:
    """Return the neighbours of a finished run, None if it stored none."""
    if not storage.exists(folder / NEIGHBOURS):
        return None
    with storage.open(folder / NEIGHBOURS) as file, np.load(file) as stored:
        return Neighbours(index_Nk=stored["index_Nk"], similarity_Nk=stored["similarity_Nk"])
