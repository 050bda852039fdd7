"""Operations on feature sets: create, send, end and follow their shards."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import Session

from app.infra.database import send_after_commit
from app.infra.queue import Task
from app.tables import (
    Dataset,
    FeatureSet,
    FeatureShard,
    FeatureStatus,
    Json,
    Run,
    RunStatus,
    ShardStatus,
)


@dataclass(frozen=True, kw_only=True)
class EncoderKey:
    """What decides a dataset's features."""

    name: str
    sha256: str
    """Of weights and preprocessing."""
    width: int


@dataclass(frozen=True, kw_only=True)
class FeatureProgress:
    """How far a feature set is."""

    set_id: UUID
    encoder: str
    status: str
    done: int
    """Samples whose features are stored or computed."""
    total: int
    shards: int
    shards_done: int
    samples_per_second: float | None
    """Of all workers together; None: nobody computes."""

    @property
    def fraction(self) -> float:
        """Return the share that is done, in [0, 1]."""
        return self.done / self.total

    @property
    def eta_seconds(self) -> float | None:
        """Return the seconds that are left at this speed; None: unknown."""
        return (self.total - self.done) / self.samples_per_second if self.samples_per_second else None


def require_set(
    session: Session, dataset: Dataset, encoder: EncoderKey, *, queue: str, shard_size: int
) -> FeatureSet:
    """Return the dataset's features by an encoder, created or, if they failed, started again, and locked.

    Until the caller's commit the set does not end. The shards of a new set, and those that nobody computes
    because their audits were cancelled, are sent to the queue.
    """
    values = {
        "dataset_id": dataset.id,
        "encoder": encoder.name,
        "encoder_sha256": encoder.sha256,
        "width": encoder.width,
    }
    created = session.scalars(
        insert(FeatureSet).values(**values).on_conflict_do_nothing().returning(FeatureSet.id)
    ).one_or_none()
    if created is not None:
        _add_shards(session, created, dataset.sample_count or 0, shard_size, queue)
    statement = select(FeatureSet).where(
        FeatureSet.dataset_id == dataset.id, FeatureSet.encoder_sha256 == encoder.sha256
    )
    locked = statement.with_for_update(key_share=True)
    found = session.scalars(locked, execution_options={"populate_existing": True}).one()
    if found.status != FeatureStatus.READY:
        _start(session, found, queue)
    return found


def _add_shards(session: Session, set_id: UUID, sample_count: int, size: int, queue: str) -> None:
    session.add_all(
        FeatureShard(
            set_id=set_id, number=number, start=start, stop=min(start + size, sample_count), queue=queue
        )
        for number, start in enumerate(range(0, sample_count, size))
    )
    session.flush()


def _start(session: Session, found: FeatureSet, queue: str) -> None:
    """Queue what failed again, and send what nobody holds."""
    if found.status == FeatureStatus.FAILED:
        found.status, found.error, found.finished_at = FeatureStatus.COMPUTING, None, None
        session.execute(
            update(FeatureShard)
            .where(FeatureShard.set_id == found.id, FeatureShard.status == ShardStatus.FAILED)
            .values(status=ShardStatus.QUEUED, lapses=0, error=None)
        )
        session.flush()
    idle = (
        update(FeatureShard)
        .where(
            FeatureShard.set_id == found.id,
            FeatureShard.status == ShardStatus.QUEUED,
            FeatureShard.lease_until.is_(None),
        )
        .values(sent_at=func.now(), queue=queue)
        .returning(FeatureShard.id, FeatureShard.number)
    )
    for shard_id, _ in sorted(session.execute(idle).all(), key=lambda row: row[1]):
        send_after_commit(session, Task.FEATURES, shard_id, queue)


def is_wanted() -> ColumnElement[bool]:
    """Return the condition that an unfinished run needs a shard's set; others wait for the next audit."""
    unfinished = (RunStatus.QUEUED, RunStatus.RUNNING)
    needing = select(Run.id).where(Run.feature_set_id == FeatureShard.set_id, Run.status.in_(unfinished))
    return needing.exists()


def end_shard(session: Session, shard: FeatureShard) -> None:
    """End the set when its last shard has succeeded, and send the runs that wait for it.

    The caller has marked the shard as succeeded in the same transaction.
    """
    session.flush()
    found = session.get_one(FeatureSet, shard.set_id, with_for_update={"key_share": True})
    unfinished = select(FeatureShard.id).where(
        FeatureShard.set_id == found.id, FeatureShard.status != ShardStatus.SUCCEEDED
    )
    if session.scalars(unfinished.limit(1)).first() is not None:
        return
    found.status, found.finished_at = FeatureStatus.READY, func.now()
    session.flush()
    for run in session.scalars(_select_waiting(found.id)):
        send_after_commit(session, Task.TRAIN, run.id, run.queue)


def fail_shard(session: Session, shard: FeatureShard, error: Json) -> None:
    """End a shard and its set as failed; the sweep, or whoever called, ends the runs that wait for it."""
    values = {"status": ShardStatus.FAILED, "error": error, "lease_until": None, "finished_at": func.now()}
    session.execute(update(FeatureShard).where(FeatureShard.id == shard.id).values(**values))
    session.execute(
        update(FeatureSet)
        .where(FeatureSet.id == shard.set_id)
        .values(status=FeatureStatus.FAILED, error=error, finished_at=func.now())
    )


def list_lost_runs(session: Session) -> list[tuple[Run, Json]]:
    """Return the queued runs whose features have failed, each with the reason."""
    statement = (
        select(Run, FeatureSet.error)
        .join(FeatureSet, FeatureSet.id == Run.feature_set_id)
        .where(Run.status == RunStatus.QUEUED, FeatureSet.status == FeatureStatus.FAILED)
    )
    return [(run, error or {}) for run, error in session.execute(statement)]


def _select_waiting(set_id: UUID) -> Any:  # noqa: ANN401 - SQLAlchemy's select of runs
    return select(Run).where(Run.feature_set_id == set_id, Run.status == RunStatus.QUEUED)


def list_shards(session: Session, set_id: UUID) -> list[FeatureShard]:
    """Return the shards of a set in order of position."""
    statement = select(FeatureShard).where(FeatureShard.set_id == set_id)
    return list(session.scalars(statement.order_by(FeatureShard.number)))


def follow(session: Session, set_ids: Iterable[UUID]) -> Mapping[UUID, FeatureProgress]:
    """Return how far sets are."""
    wanted = list(set_ids)
    if not wanted:
        return {}
    sets = session.scalars(select(FeatureSet).where(FeatureSet.id.in_(wanted)))
    return {found.id: _measure(found, list_shards(session, found.id)) for found in sets}


def _measure(found: FeatureSet, shards: Sequence[FeatureShard]) -> FeatureProgress:
    ended = [shard for shard in shards if shard.status == ShardStatus.SUCCEEDED]
    running = [shard.progress for shard in shards if shard.status == ShardStatus.RUNNING and shard.progress]
    speeds = [each["samples_per_second"] for each in running if each.get("samples_per_second")]
    return FeatureProgress(
        set_id=found.id,
        encoder=found.encoder,
        status=found.status,
        done=sum(shard.stop - shard.start for shard in ended) + sum(each.get("done", 0) for each in running),
        total=sum(shard.stop - shard.start for shard in shards),
        shards=len(shards),
        shards_done=len(ended),
        samples_per_second=sum(speeds) if speeds else None,
    )
