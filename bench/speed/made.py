"""Datasets and audits of any size, as the service would leave them, without uploading or training.

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
from sqlalchemy import create_engine, make_url

from app import audits
from app.database import Database
from app.embedded_database import get_server
from app.migration import configuration
from app.storage import Storage
from app.tables import Audit, AuditStatus, Dataset, DatasetStatus, Run, RunStatus, Sample
from models.scale import MAXIMUM_DISTANCE
from worker import signal_files
from worker.copying import analyse, copy_into
from worker.finish import finish


@contextmanager
def service_state(folder: Path) -> Iterator[tuple[str, Database, Storage]]:
    """Run a migrated PostgreSQL in `folder`; yield its URL, the unit of work and the files."""
    server = get_server(folder / "postgres")
    url = (
        make_url(server.get_uri()).set(drivername="postgresql+psycopg").render_as_string(hide_password=False)
    )
    engine = create_engine(url)
    config = configuration()
    with engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
    engine.dispose()
    opened = Database(url, lambda _task, _identifier: None, pool_size=2)
    yield url, opened, Storage(folder / "files")
    opened.dispose()
    server.cleanup()


@contextmanager
def scratch() -> Iterator[Path]:
    """Yield a folder that PostgreSQL, which as root drops to another user, can enter."""
    with tempfile.TemporaryDirectory(prefix="limit-audit-speed-", ignore_cleanup_errors=True) as folder:
        yield Path(folder)


def dataset(database: Database, storage: Storage, *, samples: int, classes: int) -> Dataset:
    """Store a ready dataset of features with random labels."""
    labels_N = np.random.default_rng(0).integers(0, classes, samples).astype(np.int32)
    keys = pa.array(np.char.add("item-", np.arange(samples).astype(str)))
    with database.transaction() as session:
        made = Dataset(
            name="made",
            options={},
            status=DatasetStatus.READY,
            kind="features",
            format="npz",
            sample_count=samples,
            class_names=[f"class {label}" for label in range(classes)],
            shape=[1],
            pack_sha256="0" * 64,
            truth_version=0,
        )
        session.add(made)
        session.flush()
        session.refresh(made)
        columns = {"position": np.arange(samples), "key": keys, "given_label": labels_N}
        copy_into(session, Sample, pa.table({"dataset_id": pa.repeat(str(made.id), samples), **columns}))
        analyse(session, Sample)
    folder = storage.pack(made.id)
    folder.mkdir(parents=True)
    np.save(folder / "pack.npy", np.random.default_rng(2).normal(size=(samples, 1)).astype(np.float32))
    np.save(folder / "labels.npy", labels_N)
    table = pa.table({"key": keys, "split": pa.nulls(samples, pa.string())})
    parquet.write_table(table, folder / "samples.parquet")
    return made


def trained_audit(database: Database, storage: Storage, source: Dataset) -> Audit:
    """Store an audit whose one run has just succeeded, a tenth of whose labels look wrong."""
    with database.transaction() as session:
        audit = audits.create(session, source, name=None, configuration={"seed": 0, "initialise": "none"})
        run = audits.runs(session, [audit.id])[audit.id][0]
        run.status = RunStatus.SUCCEEDED
        audits.change_status(session, audit.id, AuditStatus.RUNNING)
        session.flush()
        session.refresh(audit)
    _signals(storage, run, np.load(storage.pack(source.id) / "labels.npy"), len(source.class_names or []))
    return audit


def finished(database: Database, storage: Storage, audit: Audit) -> None:
    """Finish an audit as the worker does; raise where that failed, so that no failure is measured."""
    finish(database, storage, audit.id)
    with database.transaction() as session:
        ended = audits.get(session, audit.id)
    if ended.status != AuditStatus.SUCCEEDED:
        raise RuntimeError(f"finishing failed: {ended.error}")


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
        storage.run(run.audit_id, run.number),
        {
            "distance": distance_N,
            "distance_average": distance_N,
            "distance_last": distance_N,
            **dict.fromkeys(names, noise_N),
            "top_labels_N3": labels_N3.astype(np.int64),
            "top_probabilities_N3": probabilities_N3,
        },
    )
