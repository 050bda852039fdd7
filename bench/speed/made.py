"""Creates datasets and audits of any size as the service would store them, without uploads or training.

Shape suffixes: N samples, 3 best classes.
"""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pyarrow as pa
from alembic import command
from pyarrow import parquet
from sqlalchemy import create_engine

from app.audits import audit_service
from app.audits.audit_configuration import AuditConfiguration
from app.embedded import embedded_postgres
from app.infra.database import Database
from app.infra.schema_upgrade import make_configuration
from app.infra.storage import Storage
from app.tables import Audit, AuditStatus, Dataset, DatasetStatus, Run, RunStatus, Sample
from models.data_issues.neighbours import NEIGHBOURS, Neighbours
from models.paper.score_scale import MAXIMUM_DISTANCE
from worker.finish.finishing_job import finish
from worker.jobs import neighbour_files, signal_files
from worker.jobs.bulk_copy import copy_into, update_statistics

SIDE = 28
BLOCK = 65_536


@contextmanager
def service_state(folder: Path) -> Iterator[tuple[str, Database, Storage]]:
    """Run a migrated PostgreSQL in `folder`; yield its URL, the unit of work and the files."""
    with embedded_postgres.run_postgres(folder) as url:
        engine = create_engine(url)
        config = make_configuration()
        with engine.begin() as connection:
            config.attributes["connection"] = connection
            command.upgrade(config, "head")
        engine.dispose()
        opened = Database(url, lambda *_: None, pool_size=4)
        yield url, opened, Storage(folder / "files")
        opened.dispose()


@contextmanager
def scratch() -> Iterator[Path]:
    """Yield a folder that PostgreSQL, which as root drops to another user, can enter."""
    with tempfile.TemporaryDirectory(prefix="limit-audit-speed-", ignore_cleanup_errors=True) as folder:
        yield Path(folder)


def dataset(database: Database, storage: Storage, *, samples: int, classes: int) -> Dataset:
    """Store a ready dataset of small pictures with random labels, those of a class alike but for noise."""
    labels_N = np.random.default_rng(0).integers(0, classes, samples).astype(np.int32)
    keys = pa.array(np.char.add("item-", np.arange(samples).astype(str)))
    with database.transaction() as session:
        made = Dataset(
            name="made",
            options={},
            status=DatasetStatus.READY,
            kind="images",
            format="npz",
            sample_count=samples,
            class_names=[f"class {label}" for label in range(classes)],
            shape=[SIDE, SIDE, 1],
            pack_sha256="0" * 64,
            truth_version=0,
        )
        session.add(made)
        session.flush()
        session.refresh(made)
        columns = {"position": np.arange(samples), "key": keys, "given_label": labels_N}
        copy_into(session, Sample, pa.table({"dataset_id": pa.repeat(str(made.id), samples), **columns}))
        update_statistics(session, Sample)
    folder = storage.locate_pack(made.id)
    folder.mkdir(parents=True)
    _pictures(folder / "pack.npy", labels_N, classes)
    np.save(folder / "labels.npy", labels_N)
    table = pa.table({"key": keys, "split": pa.nulls(samples, pa.string())})
    parquet.write_table(table, folder / "samples.parquet")
    return made


def _pictures(path: Path, labels_N: np.ndarray, classes: int) -> None:
    """Write a pack [N, H, W, 1], block by block."""
    rng, shape = np.random.default_rng(2), (len(labels_N), SIDE, SIDE, 1)
    coarse = rng.integers(0, 156, (classes, SIDE // 4, SIDE // 4, 1), dtype=np.uint8)
    patterns = coarse.repeat(4, axis=1).repeat(4, axis=2)
    pack = np.lib.format.open_memmap(path, mode="w+", dtype=np.uint8, shape=shape)
    for start in range(0, len(labels_N), BLOCK):
        own = patterns[labels_N[start : start + BLOCK]]
        pack[start : start + BLOCK] = own + rng.integers(0, 100, own.shape, dtype=np.uint8)


def trained_audit(database: Database, storage: Storage, source: Dataset) -> Audit:
    """Store an audit whose one run has just succeeded, a tenth of whose labels look wrong."""
    with database.transaction() as session:
        audit = audit_service.create(
            session,
            source,
            name=None,
            configuration=AuditConfiguration.read({}),
        )
        run = audit_service.list_runs(session, [audit.id])[audit.id][0]
        run.status = RunStatus.SUCCEEDED
        audit_service.change_status(session, audit.id, AuditStatus.RUNNING)
        session.flush()
        session.refresh(audit)
    labels_N = np.load(storage.locate_pack(source.id) / "labels.npy")
    _signals(storage, run, labels_N, len(source.class_names or []))
    _neighbours(storage, run, labels_N)
    return audit


def finished(database: Database, storage: Storage, audit: Audit) -> None:
    """Finish an audit as the worker does; raise where that failed, so that no failure is measured."""
    finish(database, storage, audit.id)
    with database.transaction() as session:
        ended = audit_service.get(session, audit.id)
    if ended.status != AuditStatus.SUCCEEDED:
        raise RuntimeError(f"finishing failed: {ended.error}")


def _neighbours(storage: Storage, run: Run, labels_N: np.ndarray) -> None:
    """Store neighbours as a network would find them: nearly all of the same class."""
    rng, order_N = np.random.default_rng(3), np.argsort(labels_N, kind="stable")
    count_N, start_N = (
        values[labels_N]
        for values in (
            np.bincount(labels_N),
            np.searchsorted(labels_N[order_N], np.arange(labels_N.max() + 1)),
        )
    )
    place_Nk = start_N[:, None] + (rng.random((len(labels_N), NEIGHBOURS)) * count_N[:, None]).astype(
        np.int64
    )
    similarity_Nk = np.sort(rng.beta(20, 2, place_Nk.shape).astype(np.float32), axis=1)[:, ::-1]
    found = Neighbours(index_Nk=order_N[place_Nk].astype(np.int32), similarity_Nk=similarity_Nk)
    features_NW = np.zeros((len(labels_N), 1), dtype=np.float16)
    neighbour_files.save(storage, storage.locate_run(run.audit_id, run.number), features_NW, found)


def _signals(storage: Storage, run: Run, labels_N: np.ndarray, classes: int) -> None:
    count, rng = len(labels_N), np.random.default_rng(1)
    is_wrong_N = rng.random(count) < 0.1  # noqa: PLR2004
    share_N = np.where(is_wrong_N, rng.beta(16, 2, count), rng.beta(2, 16, count))
    distance_N = (share_N * MAXIMUM_DISTANCE).astype(np.float32)
    best_N = np.where(is_wrong_N, (labels_N + 1) % classes, labels_N)
    labels_N3 = (best_N[:, None] + np.arange(3)) % classes
    labels_N3[:, classes:] = -1
    probabilities_N3 = np.tile(np.array([0.9, 0.07, 0.03], dtype=np.float32), (count, 1))
    noise_N = rng.normal(size=count).astype(np.float32)
    names = ("predicted_gradient_norm", "margin", "loss", "given_label_probability")
    signal_files.save(
        storage,
        storage.locate_run(run.audit_id, run.number),
        {
            "distance": distance_N,
            "distance_average": distance_N,
            "distance_last": distance_N,
            **dict.fromkeys(names, noise_N),
            "score": share_N.astype(np.float32),
            "neighbour_disagreement": share_N.astype(np.float32),
            "top_labels_N3": labels_N3.astype(np.int64),
            "top_probabilities_N3": probabilities_N3,
        },
    )
