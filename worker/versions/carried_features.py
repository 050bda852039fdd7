"""Features of a version: those of its parent's samples, copied, so that no picture is encoded twice."""

import hashlib
from io import BytesIO

import numpy as np
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.features import feature_files, feature_service
from app.infra.storage import Storage
from app.tables import Dataset, FeatureSet, FeatureShard, FeatureStatus, Sample, ShardStatus
from app.versions.content_matching import Places
from worker.jobs.atomic_files import write_atomically


def carry_features(
    session: Session, storage: Storage, parent: Dataset, child: Dataset, kept_M: Places
) -> list[str]:
    """Give a version the features of its samples by every encoder that has finished; return the encoders.

    A set that is not ready, or whose files are gone, is computed by the next audit that needs it.
    """
    ready = select(FeatureSet).where(
        FeatureSet.dataset_id == parent.id, FeatureSet.status == FeatureStatus.READY
    )
    return [
        found.encoder
        for found in session.scalars(ready.order_by(FeatureSet.id)).all()
        if _carry_set(session, storage, found, child, kept_M)
    ]


def _carry_set(session: Session, storage: Storage, found: FeatureSet, child: Dataset, kept_M: Places) -> bool:
    shards = feature_service.list_shards(session, found.id)
    try:
        rows = feature_files.open_rows(storage, found, shards)
    except FileNotFoundError:
        return False
    copied = FeatureSet(
        dataset_id=child.id,
        encoder=found.encoder,
        encoder_sha256=found.encoder_sha256,
        width=found.width,
        status=FeatureStatus.READY,
        finished_at=func.now(),
    )
    session.add(copied)
    session.flush()
    number = 0
    for shard in shards:
        first, last = np.searchsorted(kept_M, (shard.start, shard.stop)).tolist()
        if last > first:
            sha256, size = _write(storage, child, np.ascontiguousarray(rows[kept_M[first:last].tolist()]))
            copy = _copy_shard(copied, shard, number, (first, last), kept_M)
            copy.sha256, copy.bytes = sha256, size
            originals = _count_originals(session, child, (first, last))
            copy.report = {**(shard.report or {}), "originals": originals, "carried": True}
            session.add(copy)
            number += 1
    session.flush()
    return True


def _copy_shard(
    copied: FeatureSet, shard: FeatureShard, number: int, span: tuple[int, int], kept_M: Places
) -> FeatureShard:
    places = {int(place): position for position, place in enumerate(kept_M[span[0] : span[1]], span[0])}
    return FeatureShard(
        set_id=copied.id,
        number=number,
        start=span[0],
        stop=span[1],
        status=ShardStatus.SUCCEEDED,
        queue=shard.queue,
        device=shard.device,
        unreadable=[
            {**each, "position": places[each["position"]]}
            for each in shard.unreadable
            if each["position"] in places
        ],
        finished_at=func.now(),
    )


def _count_originals(session: Session, child: Dataset, span: tuple[int, int]) -> int:
    """Return how many samples of a range have an original; the rows are stored already."""
    found = select(func.count(Sample.source_offset)).where(
        Sample.dataset_id == child.id, Sample.position >= span[0], Sample.position < span[1]
    )
    return session.scalar(found) or 0


def _write(storage: Storage, child: Dataset, rows: feature_files.Rows) -> tuple[str, int]:
    buffer = BytesIO()
    np.save(buffer, rows)
    content = buffer.getbuffer()
    sha256 = hashlib.sha256(content).hexdigest()
    path = feature_files.locate_shard(storage, child.id, sha256)
    if not storage.exists(path):
        write_atomically(path, lambda file: file.write(content))
        storage.publish(path)
    return sha256, len(content)
