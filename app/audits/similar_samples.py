"""Samples similar to a suspect, among the samples of a class that fit their labels best."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.audits import audit_service
from app.features import feature_files, feature_service
from app.features.feature_files import FeatureRows
from app.infra.storage import PACK, Storage
from app.kinds.shown_kinds import find_shown_kind
from app.tables import Audit, Dataset, FeatureSet, Sample, Score

FEATURES = "features.npy"
"""Features of a run's network, float16 [N, W]; runs on huge datasets keep none."""
MOST_CANDIDATES = 1000
MOST_BYTES = 16 * 1024 * 1024

Rows = npt.NDArray[Any]


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """Rows on disk, one per sample, by which an audit's samples are compared."""

    rows: Rows | FeatureRows
    by_network: bool
    """True: compare directions of features, an encoder's or the network's; False: the stored samples."""
    make_vectors: Callable[[Rows], npt.NDArray[np.float32]]
    """Turns rows [n, ...] into vectors [n, D]."""

    @property
    def candidates(self) -> int:
        """Return the number of rows to read for one answer."""
        fitting = MOST_BYTES // max(1, int(self.rows[[0]].nbytes))
        return min(MOST_CANDIDATES, max(fitting, 20))

    def read(self, positions: list[int]) -> npt.NDArray[np.float32]:
        """Return rows as vectors, with missing values filled."""
        vectors = self.make_vectors(self.rows[positions])
        if self.by_network:
            vectors /= np.linalg.norm(vectors, axis=1, keepdims=True).clip(1e-6)
        return _fill_missing(vectors)


def _fill_missing(vectors: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """Replace every missing value by the mean of its column."""
    is_finite = np.isfinite(vectors)
    mean = np.where(is_finite, vectors, 0).sum(0) / is_finite.sum(0).clip(1)
    return np.where(is_finite, vectors, mean)


def open_comparison(session: Session, files: Storage, audit: Audit, dataset: Dataset) -> Comparison:
    """Open an audit's features, of its encoder or of its network, if kept, else its pack."""
    for run in audit_service.list_runs(session, [audit.id])[audit.id]:
        if run.is_chosen and run.feature_set_id is not None:
            found = session.get_one(FeatureSet, run.feature_set_id)
            shards = feature_service.list_shards(session, found.id)
            rows_of_set = feature_files.open_rows(files, found, shards)
            return Comparison(rows=rows_of_set, by_network=True, make_vectors=_widen)
        if run.is_chosen:
            path = files.locate_run(audit.id, run.number) / FEATURES
            with suppress(FileNotFoundError):
                path_here = files.fetch_cached(path, name=f"{audit.id}.{run.number}.{FEATURES}")
                rows = np.load(path_here, mmap_mode="r")
                return Comparison(rows=rows, by_network=True, make_vectors=_widen)
    make_vectors = find_shown_kind(dataset).make_vectors
    return Comparison(rows=open_pack(files, dataset), by_network=False, make_vectors=make_vectors)


def _widen(rows: Rows) -> npt.NDArray[np.float32]:
    return rows.astype(np.float32)


def open_pack(files: Storage, dataset: Dataset) -> Rows:
    """Return the rows of a pack, memory-mapped."""
    rows: Rows = np.load(files.fetch_pack_file(dataset, PACK), mmap_mode="r")
    return rows


def find_similar(
    session: Session, audit: Audit, comparison: Comparison, *, position: int, label: int, limit: int
) -> list[Sample]:
    """Return the samples with a given label that are most similar, among those that fit the label best."""
    candidates = sorted(
        session.scalars(
            select(Score.position)
            .where(Score.audit_id == audit.id, Score.given_label == label, Score.position != position)
            .order_by(Score.rank.desc())
            .limit(comparison.candidates)
        )
    )
    if not candidates:
        return []
    vectors = comparison.read([position, *candidates])
    scale = 1.0 if comparison.by_network else vectors.std(0).clip(1e-6)
    distances = np.square((vectors[1:] - vectors[0]) / scale).sum(1)
    chosen = [candidates[place] for place in np.argsort(distances, kind="stable")[:limit]]
    rows = session.scalars(
        select(Sample).where(Sample.dataset_id == audit.dataset_id, Sample.position.in_(chosen))
    )
    by_position = {sample.position: sample for sample in rows}
    return [by_position[place] for place in chosen]
