"""What a map is made from: an encoder's features, a trained network's, or the samples' own values."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from uuid import UUID

import numpy as np
import numpy.typing as npt
from sqlalchemy.orm import Session

from app.audits import audit_service
from app.features import feature_files, feature_service
from app.infra.errors import WrongState
from app.infra.settings import Settings
from app.infra.storage import PACK, Storage
from app.tables import Audit, Dataset, FeatureSet, Json, Run
from models.kinds.compared_kinds import find_compared_kind
from worker.jobs import neighbour_files

VERSION = 1
"""Raise it when the same samples would get other points: stored points are not used again then."""
WIDTH_MAX = 256
"""Most values of a sample that are compared, where its own values are."""

SourceKind = Literal["encoder", "network", "inputs"]


@dataclass(frozen=True, kw_only=True)
class PointSource:
    """The rows that a map compares."""

    kind: SourceKind
    name: str | None
    """The encoder's."""
    files: Sequence[Path]
    """.npy files with the rows of all samples, in order."""
    width: int
    """Most values of a sample; only for `inputs`."""
    identity: str
    """The same only for the same rows."""
    folder: Path
    """Where points are stored that are made from these rows."""

    def make_key(self, positions_N: npt.NDArray[np.int64]) -> str:
        """Return a key of the points: by content, so that another audit finds them."""
        chosen = hashlib.sha256(positions_N.tobytes()).hexdigest()
        return hashlib.sha256(json.dumps([VERSION, self.identity, self.width, chosen]).encode()).hexdigest()

    def describe(self) -> Json:
        """Return what the child needs to read the rows."""
        return {"kind": self.kind, "files": [str(file) for file in self.files], "width": self.width}


def choose_source(
    session: Session, storage: Storage, settings: Settings, audit: Audit, dataset: Dataset
) -> PointSource:
    """Return the best rows there are.

    Raises:
        WrongState: a million bytes of memory for each value are not enough for the samples' own values.

    """
    runs = audit_service.list_runs(session, [audit.id])[audit.id]
    run = next((run for run in runs if run.is_chosen), runs[0])
    maps = storage.locate_dataset(dataset.id) / "maps"
    if run.feature_set_id is not None:
        return _choose_encoder(session, storage, run.feature_set_id, maps)
    folder = storage.locate_run(audit.id, run.number)
    if storage.exists(folder / neighbour_files.FEATURES):
        return _choose_network(storage, audit, run, folder)
    width = min(
        WIDTH_MAX,
        neighbour_files.choose_width(dataset.sample_count or 1, bytes_max=settings.features_max_bytes),
    )
    if width == 0:
        raise WrongState("no features of these samples are stored, and their own values need too much memory")
    return PointSource(
        kind="inputs",
        name=None,
        files=[storage.fetch_pack_file(dataset, PACK)],
        width=width,
        identity=f"inputs {dataset.pack_sha256}",
        folder=maps,
    )


def _choose_encoder(session: Session, storage: Storage, set_id: UUID, maps: Path) -> PointSource:
    found = session.get_one(FeatureSet, set_id)
    shards = feature_service.list_shards(session, set_id)
    names = [shard.sha256 or "" for shard in shards]
    files = [
        storage.fetch_cached(feature_files.locate_shard(storage, found.dataset_id, name), name=name)
        for name in names
    ]
    return PointSource(
        kind="encoder",
        name=found.encoder,
        files=files,
        width=0,
        identity=f"encoder {' '.join(names)}",
        folder=maps,
    )


def _choose_network(storage: Storage, audit: Audit, run: Run, folder: Path) -> PointSource:
    name = f"{audit.id}-{run.number}-{run.attempt}-features.npy"
    return PointSource(
        kind="network",
        name=None,
        files=[storage.fetch_cached(folder / neighbour_files.FEATURES, name=name)],
        width=0,
        identity=f"network {name}",
        folder=storage.locate_audit(audit.id),
    )


def read_rows(described: Json, positions_N: npt.NDArray[np.int64]) -> npt.NDArray[np.float32]:
    """Return the rows [N, D] of some samples of a described source, of length 1 where networks made them."""
    files = [Path(file) for file in described["files"]]
    if described["kind"] == "inputs":
        inputs = np.load(files[0], mmap_mode="r")
        points = find_compared_kind(inputs).make_points(inputs, width=described["width"])
        return points[positions_N].astype(np.float32)
    parts = [np.load(file, mmap_mode="r") for file in files]
    rows = feature_files.FeatureRows(parts)[positions_N.tolist()].astype(np.float32)
    rows -= rows.mean(0)
    rows /= np.linalg.norm(rows, axis=1, keepdims=True).clip(1e-12)
    return rows
