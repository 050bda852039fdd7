"""How long work took that has ended, as a bound on work of another size.

Work takes a + b w seconds with a, b >= 0 for w units of work. So r times the work takes between 1 and r times
the seconds if r is above 1, and between r and 1 times if it is below, on the same and equally busy machine.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import log
from uuid import UUID

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.tables import (
    Audit,
    AuditStatus,
    Dataset,
    FeatureSet,
    FeatureShard,
    FeatureStatus,
    Json,
    Run,
    RunStatus,
    ShardStatus,
)
from models.configuration.training_config import TrainingConfig

KEPT = 5
"""Ended pieces of work that a bound rests on at most, those of the most similar size."""
SIMILAR = 2.0
"""If some are at most this many times larger or smaller, only these count: others widen the range alone."""
SEARCHED = 300
"""Latest runs, audits and shards among which they are looked for."""


@dataclass(frozen=True, kw_only=True)
class Ended:
    """A piece of work that has ended."""

    work: float
    """Samples, or samples times passes over them."""
    low: float
    """Seconds that it took at least."""
    high: float
    """Seconds that it took at most."""


@dataclass(frozen=True, kw_only=True)
class Span:
    """A range of seconds and what it rests on; no seconds: unknown."""

    low: float | None
    high: float | None
    rests_on: str


def bound_seconds(work: float, ended: Iterable[Ended]) -> tuple[float, float, int] | None:
    """Return the least and most seconds by similar work and the number of its pieces; None: there is none."""
    nearest = sorted(ended, key=lambda each: abs(log(work / each.work)))[:KEPT]
    similar = [each for each in nearest if abs(log(work / each.work)) <= log(SIMILAR)] or nearest
    if not similar:
        return None
    lows = [each.low * min(1.0, work / each.work) for each in similar]
    highs = [each.high * max(1.0, work / each.work) for each in similar]
    return min(lows), max(highs), len(similar)


def count_passes(epochs: int, folds: int) -> int:
    """Return how often a training passes all samples through a network: each epoch through `folds` + 1."""
    return epochs * (folds + 1)


def list_trainings(
    session: Session, config: TrainingConfig, *, encoder: str | None, is_gpu: bool
) -> list[Ended]:
    """Return the trainings like this one that ended in this workspace: same network, method and encoder."""
    seconds = func.extract("epoch", Run.finished_at - Run.started_at)
    statement = (
        select(Run.configuration, Run.device, Dataset.sample_count, seconds)
        .join(Audit, Audit.id == Run.audit_id)
        .join(Dataset, Dataset.id == Audit.dataset_id)
        .where(Run.status == RunStatus.SUCCEEDED, Run.attempt == 1, Run.configuration.is_not(None))
        .order_by(Run.finished_at.desc())
        .limit(SEARCHED)
    )
    ended = []
    for stored, device, count, taken in session.execute(statement):
        on_gpu = not (device or "").startswith("CPU")
        if stored and count and taken and on_gpu == is_gpu and _is_alike(stored, config, encoder):
            work = count * count_passes(stored["epochs"], stored["folds"])
            ended.append(Ended(work=work, low=float(taken), high=float(taken)))
    return ended


def _is_alike(stored: Json, config: TrainingConfig, encoder: str | None) -> bool:
    names = ("network", "method", "input_size")
    return (
        all(stored.get(name) == getattr(config, name) for name in names)
        and stored.get("encoder") == encoder
        and (stored.get("folds", 1) > 1) == (config.folds > 1)
        and bool(stored.get("epochs"))
    )


def list_finishings(session: Session) -> list[Ended]:
    """Return the time between the last run and the end of audits of this workspace, by samples."""
    last = select(func.max(Run.finished_at)).where(Run.audit_id == Audit.id).scalar_subquery()
    statement = (
        select(Dataset.sample_count, func.extract("epoch", Audit.finished_at - last))
        .join(Dataset, Dataset.id == Audit.dataset_id)
        .where(Audit.status == AuditStatus.SUCCEEDED)
        .order_by(Audit.finished_at.desc())
        .limit(SEARCHED)
    )
    found = session.execute(statement).all()
    return [
        Ended(work=count, low=float(taken), high=float(taken))
        for count, taken in found
        if count and taken is not None and taken >= 0
    ]


def list_shards(session: Session, encoder: str) -> list[Ended]:
    """Return the shards of features by an encoder that ended in this workspace, by pictures."""
    statement = (
        select(FeatureShard.start, FeatureShard.stop, FeatureShard.report)
        .join(FeatureSet, FeatureSet.id == FeatureShard.set_id)
        .join(Dataset, Dataset.id == FeatureSet.dataset_id)
        .where(FeatureSet.encoder == encoder, FeatureShard.status == ShardStatus.SUCCEEDED)
        .order_by(FeatureShard.finished_at.desc())
        .limit(SEARCHED)
    )
    return [
        Ended(work=stop - start, low=report["seconds"], high=report["seconds"])
        for start, stop, report in session.execute(statement)
        if report and report.get("seconds")
    ]


def has_features(session: Session, dataset_id: UUID, encoder: str) -> bool:
    """Return whether a dataset's features by an encoder of this name are ready."""
    statement = select(FeatureSet.id).where(
        FeatureSet.dataset_id == dataset_id,
        FeatureSet.encoder == encoder,
        FeatureSet.status == FeatureStatus.READY,
    )
    return session.scalars(statement).first() is not None


def add_spans(spans: Sequence[Span]) -> tuple[float, float] | None:
    """Return the sum of ranges; None if one is unknown."""
    lows, highs = [span.low for span in spans], [span.high for span in spans]
    if any(low is None for low in lows) or any(high is None for high in highs):
        return None
    return sum(low or 0.0 for low in lows), sum(high or 0.0 for high in highs)
