"""Features of samples that were encoded before, found by the bytes of pictures and texts.

Shape suffixes: N samples of a range, D features.
"""

from collections.abc import Sequence
from hashlib import blake2b
from pathlib import Path
from uuid import UUID

import numpy as np
import numpy.typing as npt
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.features import feature_files, feature_service
from app.features.feature_files import FeatureRows, Rows
from app.infra.storage import Storage
from app.tables import Dataset, FeatureSet, FeatureShard, FeatureStatus
from worker.jobs.atomic_files import write_atomically

DIGEST_BYTES = 16
NO_DIGEST = bytes(DIGEST_BYTES)
"""Of a picture that could not be decoded: its features are the stored pixels', and are never taken again."""
Digests = npt.NDArray[np.uint64]
"""[N, 2]: the 16 bytes of each digest as two integers."""


def digest_input(content: bytes, *facts: object) -> bytes:
    """Return the digest of what an encoder is given: a text, or a picture and what decides its pixels."""
    digest = blake2b(content, digest_size=DIGEST_BYTES)
    digest.update(repr(facts).encode())
    return digest.digest()


def view_digests(digests: Sequence[bytes]) -> Digests:
    """Return digests as an array."""
    return np.frombuffer(b"".join(digests), np.uint64).reshape(-1, 2)


class EarlierFeatures:
    """The features of earlier sets by the digests of their inputs."""

    def __init__(self, sets: Sequence[tuple[Digests, FeatureRows]]) -> None:
        """Keep sets of one encoder; of a sample that several have, the first one's features are taken."""
        self._sets = [(digests, np.argsort(digests[:, 0], kind="stable"), rows) for digests, rows in sets]

    def __contains__(self, digest: object) -> bool:
        """Return whether a sample's features are known."""
        return isinstance(digest, bytes) and self._find(digest) is not None

    def read(self, digests: Sequence[bytes]) -> Rows:
        """Return the features of known samples [N, D]."""
        found = [self._find(digest) for digest in digests]
        assert all(found), "only known samples"
        places = np.array(found)
        parts = np.empty((len(digests), self._sets[0][2].shape[1]), feature_files.STORED)
        for number, (_, _, rows) in enumerate(self._sets):
            is_here = places[:, 0] == number
            parts[is_here] = rows[places[is_here, 1].tolist()]
        return parts

    def _find(self, digest: bytes) -> tuple[int, int] | None:
        """Return the set and the position of a sample."""
        if digest == NO_DIGEST:
            return None
        wanted = np.frombuffer(digest, np.uint64)
        for number, (digests, order, _) in enumerate(self._sets):
            place = int(np.searchsorted(digests[:, 0], wanted[0], sorter=order))
            if place < len(order) and (digests[order[place]] == wanted).all():
                return number, int(order[place])
        return None


NO_EARLIER = EarlierFeatures([])


def save_digests(storage: Storage, dataset_id: UUID, shard: FeatureShard, digests: Digests) -> None:
    """Store the digests of a shard's inputs beside its features."""
    path = _locate_digests(storage, dataset_id, shard)
    write_atomically(path, lambda file: np.save(file, digests))
    storage.publish(path)


def find_earlier(session: Session, storage: Storage, dataset: Dataset, found: FeatureSet) -> EarlierFeatures:
    """Return the features, by the same encoder, of datasets that share samples with this one.

    Views of other classes of the same dataset have the same samples. Others were found when the dataset was
    read (`app/versions/relatives.py`): in its workspace, with at least half of its samples. Sets of earlier
    versions of this service have no digests and are left out.
    """
    related = [UUID(other["id"]) for other in dataset.relatives or ()]
    if dataset.view_of is not None:
        related += session.scalars(select(Dataset.id).where(Dataset.view_of == dataset.view_of))
    ready = select(FeatureSet).where(
        FeatureSet.dataset_id.in_(related),
        FeatureSet.encoder_sha256 == found.encoder_sha256,
        FeatureSet.status == FeatureStatus.READY,
    )
    opened = [_open(session, storage, each) for each in session.scalars(ready.order_by(FeatureSet.id.desc()))]
    return EarlierFeatures([each for each in opened if each is not None])


def _open(session: Session, storage: Storage, found: FeatureSet) -> tuple[Digests, FeatureRows] | None:
    shards = feature_service.list_shards(session, found.id)
    try:
        paths = [
            storage.fetch_cached(_locate_digests(storage, found.dataset_id, shard), name=f"{shard.id}.inputs")
            for shard in shards
        ]
        digests = np.concatenate([np.load(path) for path in paths])
        return digests, feature_files.open_rows(storage, found, shards)
    except FileNotFoundError:
        return None


def _locate_digests(storage: Storage, dataset_id: UUID, shard: FeatureShard) -> Path:
    return storage.locate_feature_set(dataset_id, shard.set_id) / f"inputs-{shard.number}.npy"
