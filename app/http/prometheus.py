"""Prometheus metrics: requests of this process (all with PROMETHEUS_MULTIPROC_DIR) and table counts."""

import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import prometheus_client as prometheus
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.multiprocess import MultiProcessCollector
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.tables import (
    Audit,
    AuditStatus,
    Dataset,
    DatasetStatus,
    FeatureShard,
    Run,
    RunStatus,
    ShardStatus,
    Total,
    TotalName,
)

MEDIA_TYPE = prometheus.CONTENT_TYPE_LATEST
REQUESTS = prometheus.Counter("limit_audit_requests", "Requests answered", ["method", "route", "status"])
SECONDS = prometheus.Histogram(
    "limit_audit_request_seconds",
    "From the first byte of a request to the last byte of its answer",
    ["method", "route"],
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10, 60, 600),
)
UNDER_WAY = prometheus.Gauge(
    "limit_audit_requests_under_way", "Requests being answered", multiprocess_mode="livesum"
)


@contextmanager
def track_request() -> Iterator[None]:
    """Count a request as in progress."""
    UNDER_WAY.inc()
    try:
        yield
    finally:
        UNDER_WAY.dec()


def record_answer(method: str, route: str, status: int, seconds: float) -> None:
    """Count an answer."""
    REQUESTS.labels(method, route, status).inc()
    SECONDS.labels(method, route).observe(seconds)


def render(session: Session, waiting: dict[str, int], free_bytes: int) -> bytes:
    """Return all metrics in Prometheus' text format; queues without a known length are omitted."""
    own: prometheus.CollectorRegistry = prometheus.REGISTRY
    if "PROMETHEUS_MULTIPROC_DIR" in os.environ:
        own = prometheus.CollectorRegistry()
        MultiProcessCollector(own)  # type: ignore[no-untyped-call]
    stored = prometheus.CollectorRegistry()
    stored.register(
        _Stored([*_count_tables(session), *_count_messages(waiting), _measure_free_bytes(free_bytes)])
    )
    return prometheus.generate_latest(own) + prometheus.generate_latest(stored)


class _Stored:
    """Returns the metrics gathered for one answer."""

    def __init__(self, gathered: list[Metric]) -> None:
        self._gathered = gathered

    def collect(self) -> Iterable[Metric]:
        return self._gathered


def _count_tables(session: Session) -> Iterator[Metric]:
    for table, statuses in (
        (Dataset, DatasetStatus),
        (Audit, AuditStatus),
        (Run, RunStatus),
        (FeatureShard, ShardStatus),
    ):
        name = table.__tablename__
        words = name.replace("_", " ").capitalize()
        family = GaugeMetricFamily(f"limit_audit_{name}", f"{words} by status", labels=["status"])
        counts = dict(session.execute(select(table.status, func.count()).group_by(table.status)).all())
        for status in statuses:
            family.add_metric([status], counts.get(status, 0))
        yield family
    yield from _measure_training(session)
    yield _measure_shards(session)
    yield from _read_totals(session)


def _measure_training(session: Session) -> Iterator[Metric]:
    speed = GaugeMetricFamily(
        "limit_audit_training_samples_per_second", "Of runs that train now", labels=["worker", "device"]
    )
    memory = GaugeMetricFamily(
        "limit_audit_gpu_memory_bytes", "Most held by the run that trains now", labels=["worker", "device"]
    )
    statement = select(Run.worker, Run.device, Run.progress).where(
        Run.status == RunStatus.RUNNING, Run.progress.is_not(None), Run.lease_until > func.now()
    )
    for worker, device, progress in session.execute(statement):
        for family, name in ((speed, "samples_per_second"), (memory, "gpu_memory_bytes")):
            if progress and progress.get(name) is not None:
                family.add_metric([worker or "", device or ""], progress[name])
    yield from (speed, memory)


def _measure_shards(session: Session) -> Metric:
    speed = GaugeMetricFamily(
        "limit_audit_feature_pictures_per_second",
        "Of shards whose features are computed now",
        labels=["worker"],
    )
    statement = select(FeatureShard.worker, FeatureShard.progress).where(
        FeatureShard.status == ShardStatus.RUNNING,
        FeatureShard.progress.is_not(None),
        FeatureShard.lease_until > func.now(),
    )
    for worker, progress in session.execute(statement):
        if progress and progress.get("samples_per_second") is not None:
            speed.add_metric([worker or ""], progress["samples_per_second"])
    return speed


def _read_totals(session: Session) -> Iterator[Metric]:
    documents = {
        TotalName.LEASE_LOSSES: ("Leases that ran out because a worker fell silent", "work"),
        TotalName.INGEST_FAILURES: ("Datasets rejected", "code"),
    }
    rows = session.execute(select(Total.name, Total.label, Total.value).order_by(Total.label)).all()
    for total, (documentation, label) in documents.items():
        family = CounterMetricFamily(f"limit_audit_{total}", documentation, labels=[label])
        for name, value_of, value in rows:
            if name == total:
                family.add_metric([value_of], value)
        yield family


def _count_messages(waiting: dict[str, int]) -> Iterator[Metric]:
    family = GaugeMetricFamily("limit_audit_queue_messages", "Waiting for a worker", labels=["queue"])
    for queue, messages in waiting.items():
        family.add_metric([queue], messages)
    yield family


def _measure_free_bytes(free_bytes: int) -> Metric:
    return GaugeMetricFamily("limit_audit_storage_free_bytes", "Left on the volume of files", free_bytes)
