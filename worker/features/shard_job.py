"""The job of one shard: claim it, compute its features under a heartbeat, store them."""

import hashlib
import os
import socket
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from io import BytesIO
from time import perf_counter
from typing import Any
from uuid import UUID

import numpy as np
import structlog
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from app.datasets import dataset_service
from app.features import feature_files, feature_service
from app.infra import leases
from app.infra.database import Database, send_after_commit
from app.infra.queue import Task
from app.infra.settings import Settings
from app.infra.storage import Storage
from app.tables import Dataset, FeatureSet, FeatureShard, Json, Sample, ShardStatus
from models.catalogue.encoders import UnusableEncoder
from models.encoders.encoder_loading import AnyEncoder, load_encoder
from worker.features import encoded_before
from worker.features.known_features import compute_unknown, find_known_features
from worker.features.lost_runs import end_lost_runs
from worker.features.sample_opening import SampleFiles, open_samples
from worker.features.shard_computation import Computed
from worker.features.shard_samples import Unreadable, count_originals
from worker.jobs.atomic_files import write_atomically
from worker.jobs.devices import choose, name
from worker.jobs.heartbeat import Cancelled, Heartbeat, LeaseLost, WorkerStopping
from worker.jobs.waiting import DATABASE_DOWN, retry_during_outage

log = structlog.get_logger()
LIBRARIES = ("limit-audit", "torch", "torchvision", "pillow", "numpy")
OPTIONAL = ("timm", "onnxruntime", "sentence-transformers", "transformers", "tokenizers")
"""Named with their versions where they are installed: an encoder may need them."""


@dataclass(frozen=True, kw_only=True)
class _Job(SampleFiles):
    found: FeatureSet


def execute(database: Database, storage: Storage, settings: Settings, shard_id: UUID) -> None:
    """Claim a shard, and store its features or how it ended."""
    job = _claim(database, settings, shard_id)
    if job is None:
        return
    shard = job.shard
    structlog.contextvars.bind_contextvars(dataset=str(job.dataset.id), attempt=shard.attempt)
    try:
        with Heartbeat(
            database,
            FeatureShard,
            shard.id,
            shard.attempt,
            settings=settings,
            is_cancelled=_is_unwanted(shard),
        ) as heartbeat:
            _compute_and_store(database, storage, settings, job, heartbeat)
    except Cancelled:
        _release(database, shard, is_sent=False)
    except WorkerStopping:
        _release(database, shard, is_sent=True)
    except LeaseLost:
        log.warning("shard lost its lease", shard=str(shard.id), attempt=shard.attempt)
    except UnusableEncoder as error:
        _decline(database, settings, shard, error)
    except DATABASE_DOWN:
        raise  # a database outage: the lease lapses and the shard is computed again
    except Exception as error:  # any other error would come again: end the shard at once
        log.exception("shard failed", shard=str(shard.id))
        _fail(database, shard, {"code": type(error).__name__, "detail": str(error)})


def _claim(database: Database, settings: Settings, shard_id: UUID) -> _Job | None:
    with database.transaction() as session:
        wanted = select(FeatureShard.id).where(FeatureShard.id == shard_id, feature_service.is_wanted())
        if session.scalar(wanted) is None:
            return None
        shard = leases.claim(
            session,
            FeatureShard,
            shard_id,
            lease_seconds=settings.lease_seconds,
            status=ShardStatus.RUNNING,
            worker=f"{socket.gethostname()}:{os.getpid()}",
            progress=None,
            started_at=func.now(),
        )
        if shard is None:
            return None
        found = session.get_one(FeatureSet, shard.set_id)
        dataset = session.get_one(Dataset, found.dataset_id)
        files = dataset_service.list_files(session, [dataset.id])[dataset.id]
    return _Job(shard=shard, found=found, dataset=dataset, upload_name=files[0].name if files else "")


def _is_unwanted(shard: FeatureShard) -> Callable[[Session], bool]:
    """Return a predicate: no unfinished run needs the features any more."""
    statement = select(FeatureShard.id).where(FeatureShard.id == shard.id, feature_service.is_wanted())
    return lambda session: session.scalar(statement) is None


def _compute_and_store(
    database: Database, storage: Storage, settings: Settings, job: _Job, heartbeat: Heartbeat[FeatureShard]
) -> None:
    began = perf_counter()
    device = choose(settings.devices)[0]
    encoder = _load_encoder(job.found, settings, device)
    loaded = perf_counter()
    originals = open_samples(database, storage, settings, job, encoder)
    known = find_known_features(database, storage, job.found, originals)
    with database.transaction() as session:
        earlier = encoded_before.find_earlier(session, storage, job.dataset, job.found)
    reporter = _Reporter(heartbeat, len(originals))
    computed = compute_unknown(originals, encoder, known, earlier, on_batch=reporter)
    report = {
        "originals": count_originals(originals),
        "known": known.count(),
        "reused": computed.reused,
        "load_seconds": round(loaded - began, 3),
        "decode_seconds": round(computed.decode_seconds, 3),
        "encode_seconds": round(computed.encode_seconds, 3),
        "seconds": round(perf_counter() - began, 3),
        "versions": dict(_list_versions()),
    }
    heartbeat.renew()
    sha256, size = retry_during_outage(lambda: _write(storage, job.dataset.id, computed), heartbeat)
    digests = encoded_before.view_digests(computed.digests_N)
    retry_during_outage(
        lambda: encoded_before.save_digests(storage, job.dataset.id, job.shard, digests), heartbeat
    )
    values = {"sha256": sha256, "bytes": size, "device": name([device]), "report": report}
    retry_during_outage(lambda: _store(database, job, computed, values), heartbeat)
    log.info("shard computed", shard=str(job.shard.id), **report)


def _load_encoder(found: FeatureSet, settings: Settings, device: str) -> AnyEncoder:
    encoder = load_encoder(found.encoder, settings.encoder_folder, device)
    if encoder.sha256 != found.encoder_sha256:
        raise UnusableEncoder(
            f"the worker on {socket.gethostname()} has another {found.encoder}: expected the digest"
            f" {found.encoder_sha256}, found {encoder.sha256}; give all workers the same files"
        )
    return encoder


def _list_versions() -> Iterator[tuple[str, str]]:
    for library in (*LIBRARIES, *OPTIONAL):
        with suppress(PackageNotFoundError):
            yield library, version(library)


class _Reporter:
    """Puts progress where the heartbeat writes it, and stops the shard when it must end."""

    def __init__(self, heartbeat: Heartbeat[FeatureShard], total: int) -> None:
        self._heartbeat, self._total, self._began = heartbeat, total, perf_counter()

    def __call__(self, done: int) -> None:
        speed = done / max(perf_counter() - self._began, 1e-9)
        self._heartbeat.progress = {"done": done, "total": self._total, "samples_per_second": speed}
        self._heartbeat.check()


def _write(storage: Storage, dataset_id: UUID, computed: Computed) -> tuple[str, int]:
    """Write a shard's file and return its SHA-256 and length; the same features make the same file."""
    rows = computed.features_ND.clip(-feature_files.LARGEST, feature_files.LARGEST)
    buffer = BytesIO()
    np.save(buffer, rows.astype(feature_files.STORED))
    content = buffer.getbuffer()
    sha256 = hashlib.sha256(content).hexdigest()
    path = feature_files.locate_shard(storage, dataset_id, sha256)
    if not storage.exists(path):
        write_atomically(path, lambda file: file.write(content))
        storage.publish(path)
    return sha256, len(content)


def _store(database: Database, job: _Job, computed: Computed, values: Json) -> None:
    shard = job.shard
    with database.transaction() as session:
        is_held = leases.update_held(
            session,
            FeatureShard,
            shard.id,
            shard.attempt,
            status=ShardStatus.SUCCEEDED,
            unreadable=_name_unreadable(session, job.dataset.id, computed.unreadable),
            lease_until=None,
            progress=None,
            finished_at=func.now(),
            **values,
        )
        if not is_held:
            raise LeaseLost
        feature_service.end_shard(session, shard)


def _name_unreadable(session: Session, dataset_id: UUID, unreadable: list[Unreadable]) -> list[Json]:
    positions = [each.position for each in unreadable]
    statement = select(Sample.position, Sample.key).where(
        Sample.dataset_id == dataset_id, Sample.position.in_(positions)
    )
    keys: dict[int, Any] = dict(session.execute(statement).all()) if positions else {}
    return [
        {"position": each.position, "key": keys.get(each.position), "detail": each.detail}
        for each in unreadable
    ]


def _release(database: Database, shard: FeatureShard, *, is_sent: bool) -> None:
    """Return a shard to its queue; this does not count as a lapse."""
    waits = {"status": ShardStatus.QUEUED, "lease_until": None, "progress": None, "sent_at": func.now()}
    with database.transaction() as session:
        if leases.update_held(session, FeatureShard, shard.id, shard.attempt, **waits) and is_sent:
            send_after_commit(session, Task.FEATURES, shard.id, shard.queue)
    log.info("shard handed back", shard=str(shard.id))


def _decline(database: Database, settings: Settings, shard: FeatureShard, error: UnusableEncoder) -> None:
    """Leave a shard to workers that have the encoder: the sweep sends it again, as often as a lost one."""
    log.warning("shard declined", shard=str(shard.id), reason=str(error))
    document = {"code": "unusable_encoder", "detail": str(error)}
    if shard.lapses + 1 >= settings.max_attempts:
        _fail(database, shard, document)
        return
    waits = {"status": ShardStatus.QUEUED, "lease_until": None, "sent_at": func.now()}
    with database.transaction() as session:
        leases.update_held(
            session, FeatureShard, shard.id, shard.attempt, lapses=shard.lapses + 1, error=document, **waits
        )


def _fail(database: Database, shard: FeatureShard, error: Json) -> None:
    with database.transaction() as session:
        if not leases.update_held(session, FeatureShard, shard.id, shard.attempt, progress=None):
            return
        feature_service.fail_shard(session, shard, error)
    with database.transaction() as session:
        end_lost_runs(session)
