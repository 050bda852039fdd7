"""A run's features and every sample's neighbours on disk, N rows each; runs on large data may have none.

A run on an encoder's features has neither: all audits of the dataset share those of the feature set.
"""

from pathlib import Path
from uuid import UUID

import numpy as np
import numpy.typing as npt

from app.infra.storage import Storage
from app.tables import Run
from models.data_issues.neighbours import NEIGHBOURS, Neighbours
from worker.jobs.atomic_files import write_atomically

FEATURES, NEAREST = "features.npy", "neighbours.npz"
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
    storage.publish(folder / FEATURES)
    save_neighbours(storage, folder, neighbours)


def save_neighbours(storage: Storage, folder: Path, neighbours: Neighbours) -> None:
    """Store neighbours alone."""
    index_Nk, similarity_Nk = neighbours.index_Nk, neighbours.similarity_Nk
    write_atomically(
        folder / NEAREST, lambda file: np.savez(file, index_Nk=index_Nk, similarity_Nk=similarity_Nk)
    )
    storage.publish(folder / NEAREST)


def locate(storage: Storage, run: Run, dataset_id: UUID) -> Path:
    """Return the folder with a run's neighbours: its feature set's, or its own."""
    if run.feature_set_id is None:
        return storage.locate_run(run.audit_id, run.number)
    return storage.locate_feature_set(dataset_id, run.feature_set_id)


def load(storage: Storage, folder: Path, *, count: int = NEIGHBOURS) -> Neighbours | None:
    """Return the nearest `count` of the neighbours in a folder, or fewer; None: there are none."""
    if not storage.exists(folder / NEAREST):
        return None
    with storage.open(folder / NEAREST) as file, np.load(file) as stored:
        found = Neighbours(index_Nk=stored["index_Nk"], similarity_Nk=stored["similarity_Nk"])
        return found.take(count)
