"""A feature set as the input of a training, and its neighbours, which all audits of the dataset share."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from uuid import UUID

import numpy as np

from app.exports.files.npy_writer import write_npy
from app.features import feature_files, feature_service
from app.features.feature_files import FeatureRows
from app.infra.database import Database
from app.infra.storage import PACK, Storage
from app.tables import FeatureSet
from models.data_issues.neighbour_search import find_nearest
from models.data_issues.neighbours import Neighbours
from models.feature_views.neighbour_votes import NEIGHBOURS
from worker.jobs import neighbour_files

SEED = 0
"""Of the search for neighbours, which is done once for all audits, whatever their seeds are."""


def open_set(database: Database, storage: Storage, set_id: UUID) -> FeatureRows:
    """Open a feature set that is ready."""
    with database.transaction() as session:
        found = session.get_one(FeatureSet, set_id)
        shards = feature_service.list_shards(session, set_id)
    return feature_files.open_rows(storage, found, shards)


@contextmanager
def provide_pack(rows: FeatureRows) -> Iterator[Path]:
    """Yield a temporary .npy file, float32 [N, D], as a training reads it."""
    with TemporaryDirectory(prefix="limit-audit-") as folder:
        path = Path(folder) / PACK
        with path.open("wb") as file:
            for block in write_npy(np.dtype(np.float32), rows.shape, rows.blocks()):
                file.write(block)
        yield path


def load_neighbours(
    storage: Storage, folder: Path, rows: FeatureRows, *, device: str, on_block: Callable[[], None]
) -> Neighbours:
    """Return the nearest samples by a set's features, from the set's folder or searched and stored there.

    Versions up to 0.2.0 stored too few for the votes on the labels; these are searched again.
    """
    count = min(NEIGHBOURS, len(rows) - 1)
    stored = neighbour_files.load(storage, folder, count=count)
    if stored is not None and stored.index_Nk.shape[1] == count:
        return stored
    features_ND = np.concatenate(list(rows.blocks()))
    found = find_nearest(features_ND, count=count, device=device, seed=SEED, on_block=on_block)
    neighbour_files.save_neighbours(storage, folder, found)
    return found
