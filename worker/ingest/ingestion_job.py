"""Ingestion as a job: claim the dataset, build its pack, store samples and problems in one transaction."""

import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import NamedTuple
from uuid import UUID

import pyarrow as pa
import pyarrow.compute as pc
import structlog
from pyarrow import parquet
from sqlalchemy import delete, func
from sqlalchemy.orm import Session

from app.datasets import dataset_service
from app.infra import leases
from app.infra.database import Database, send_after_commit
from app.infra.queue import Task
from app.infra.settings import Settings
from app.infra.storage import Storage
from app.tables import Dataset, DatasetStatus, OwnValues, Problem, Sample, Truth
from app.versions import lineage, place_syncing, relatives
from app.versions.content_matching import Contents, Digests, make_sketch, write_digests
from worker.ingest import ingestion_turns
from worker.ingest.listed_place import list_place
from worker.ingest.pack_building import IngestError, IngestLimits, IngestOptions, IngestResult
from worker.ingest.reading_process import Bounds, read_in_child
from worker.jobs.bulk_copy import WRITE_ROWS, copy_into, update_statistics
from worker.jobs.heartbeat import Heartbeat, LeaseLost, WorkerStopping
from worker.jobs.waiting import DATABASE_DOWN, DISK_FULL, is_disk_full, retry_during_outage
from worker.versions import version_building, view_building

log = structlog.get_logger()
OWN_FILE = "own.parquet"


class _Store(NamedTuple):
    """Where results go."""

    database: Database
    files: Storage


def ingest(database: Database, storage: Storage, settings: Settings, dataset_id: UUID) -> None:
    """Claim and read a dataset, whoever's turn it is."""
    with database.transaction() as session:
        dataset = leases.claim(session, Dataset, dataset_id, lease_seconds=settings.lease_seconds)
    if dataset is not None:
        _read(database, storage, settings, dataset)


def ingest_next(database: Database, storage: Storage, settings: Settings) -> bool:
    """Claim and read the dataset whose turn it is; False: there was none.

    While it was read, others of its workspace may have been passed over: a message is sent for them.
    """
    with database.transaction() as session:
        dataset = ingestion_turns.claim_next(session, settings)
    if dataset is None:
        return False
    _read(database, storage, settings, dataset)
    with database.transaction() as session:
        waiting = {ingestion_turns.find_waiting(session, dataset.workspace_id)}
        if dataset.place is not None:
            waiting.add(ingestion_turns.find_waiting_place(session))
        for each in waiting:
            if each is not None:
                send_after_commit(session, Task.INGEST, each)
    return True


def _read(database: Database, storage: Storage, settings: Settings, dataset: Dataset) -> None:
    """Read a claimed dataset, then mark it as ready, or as rejected with the reason."""
    dataset_id = dataset.id
    try:
        with Heartbeat(database, Dataset, dataset_id, dataset.attempt, settings=settings) as heartbeat:
            if dataset.view_class is not None:
                with _open_building(storage, dataset) as building:
                    view_building.build_view(database, storage, dataset, heartbeat, building)
            elif lineage.is_made_here(dataset):
                with _open_building(storage, dataset) as building:
                    version_building.build_version(database, storage, dataset, heartbeat, building)
            else:
                _read_upload(database, storage, settings, dataset, heartbeat)
    except LeaseLost:
        log.warning("ingestion lost its lease", dataset=str(dataset_id))
        _remove_if_deleted(database, storage, dataset_id)
    except WorkerStopping:
        with database.transaction() as session:
            leases.update_held(session, Dataset, dataset_id, dataset.attempt, lease_until=None)
    except IngestError as error:
        with database.transaction() as session:
            _reject(session, dataset, code=error.code, detail=str(error))
    except DATABASE_DOWN:
        raise  # a database outage: the lease lapses and the ingestion is retried
    except Exception as error:  # any other error would come again: reject the dataset at once
        if is_disk_full(error):
            _wait_for_space(database, dataset)
            return
        log.exception("ingestion failed", dataset=str(dataset_id))
        with database.transaction() as session:
            _reject(session, dataset, code="internal", detail=f"{type(error).__name__}: {error}")


def _read_upload(
    database: Database, storage: Storage, settings: Settings, dataset: Dataset, heartbeat: Heartbeat[Dataset]
) -> None:
    read = _build(database, storage, settings, dataset, heartbeat)
    ingested, _ = read
    with ExitStack() as closing:
        folder = storage.locate_pack(dataset.id)
        names = [ingested.samples_path.name, *([OWN_FILE] if _has_own(ingested) else [])]
        files = [closing.enter_context(storage.open(folder / name)) for name in names]
        tables = [parquet.ParquetFile(file) for file in files]
        retry_during_outage(lambda: _store(_Store(database, storage), dataset, read, *tables), heartbeat)
    log.info("dataset ready", dataset=str(dataset.id), samples=ingested.sample_count)


def _reject(session: Session, dataset: Dataset, *, code: str, detail: str) -> None:
    log.info("dataset rejected", dataset=str(dataset.id), code=code, detail=detail)
    document = {"code": code, "detail": detail}
    if leases.update_held(session, Dataset, dataset.id, dataset.attempt, progress=None):
        dataset_service.change_status(session, dataset.id, DatasetStatus.REJECTED, error=document)


def _wait_for_space(database: Database, dataset: Dataset) -> None:
    """Release a dataset while the disk is full; the sweeper retries it."""
    log.warning("ingestion waits, the disk is full", dataset=str(dataset.id))
    values = {"lease_until": None, "sent_at": func.now(), "error": {"code": "disk_full", "detail": DISK_FULL}}
    with database.transaction() as session:
        leases.update_held(session, Dataset, dataset.id, dataset.attempt, **values)


def _remove_if_deleted(database: Database, storage: Storage, dataset_id: UUID) -> None:
    """Remove the files of a dataset that was deleted during its ingestion."""
    with database.transaction() as session:
        is_deleted = session.get(Dataset, dataset_id) is None
    if is_deleted:
        storage.remove(storage.locate_dataset(dataset_id))


def _build(
    database: Database,
    storage: Storage,
    settings: Settings,
    dataset: Dataset,
    heartbeat: Heartbeat[Dataset],
) -> tuple[IngestResult, Digests]:
    """Read the upload to a pack, and return what was read with the digests of its samples."""
    with database.transaction() as session:
        names = [file.name for file in dataset_service.list_files(session, [dataset.id])[dataset.id]]

    def on_progress(read: int, total: int | None) -> None:
        heartbeat.progress = {"samples": read, "total": total}
        heartbeat.check()

    destination = storage.locate_pack(dataset.id)
    with _open_building(storage, dataset) as building:
        fetched = building.with_name("files")
        place = list_place(database, settings, dataset, building.with_name("listing.parquet"), heartbeat)
        ingested = read_in_child(
            [storage.fetch(storage.locate_upload(dataset.id, name), fetched) for name in names],
            options=IngestOptions(**dataset.options),
            limits=IngestLimits(**settings.ingest_limits),
            destination=building,
            bounds=Bounds(
                memory_bytes=settings.ingest_memory_bytes,
                seconds=settings.ingest_seconds,
                silent_seconds=settings.ingest_silent_seconds,
            ),
            on_progress=on_progress,
            place=place,
        )
        digests_N = write_digests(building)
        heartbeat.renew()
        for file in building.iterdir():
            storage.move(file, destination / file.name)
    return ingested, digests_N


@contextmanager
def _open_building(storage: Storage, dataset: Dataset) -> Iterator[Path]:
    """Make the folder in which an attempt builds a pack, after clearing up what others left behind."""
    destination = storage.locate_pack(dataset.id)
    # An earlier, interrupted attempt may have left these.
    for leftover in destination.parent.glob("pack.*"):
        storage.remove(leftover)
    storage.remove(destination.with_name("incoming"))  # bodies that a killed API left behind
    with _make_attempt_folder(destination.with_name(f"pack.{dataset.attempt}")) as folder:
        building = folder / "built"
        building.mkdir()
        yield building


@contextmanager
def _make_attempt_folder(path: Path) -> Iterator[Path]:
    """Make a folder for one attempt, and remove it when the attempt ends, with or without an error."""
    path.mkdir(parents=True)
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


def _has_own(ingested: IngestResult) -> bool:
    return bool(ingested.statistics["own_columns"])


def _store(
    store: _Store,
    dataset: Dataset,
    read: tuple[IngestResult, Digests],
    samples: parquet.ParquetFile,
    own: parquet.ParquetFile | None = None,
) -> None:
    ingested, digests_N = read
    with store.database.transaction() as session:
        if not _store_rows(session, dataset, ingested, samples):
            return
        if own is not None:
            _store_own(session, dataset, own)
        stored = session.get_one(Dataset, dataset.id, populate_existing=True)
        _recognise(session, store.files, stored, digests_N, samples)
        place_syncing.join_parent(session, store.files, stored)


def _recognise(
    session: Session,
    storage: Storage,
    dataset: Dataset,
    digests_N: Digests,
    samples: parquet.ParquetFile,
) -> None:
    """Find datasets with the same samples; where their files cannot be read there are none."""
    table = samples.read(columns=["key", "given_label"])
    names = dataset.class_names or []
    ours = Contents(
        digests_N=digests_N,
        keys=table["key"].to_pylist(),
        labels=[names[label] for label in table["given_label"].to_pylist()],
    )
    relatives.recognise(session, storage, dataset, ours, make_sketch(digests_N))


def _store_own(session: Session, dataset: Dataset, own: parquet.ParquetFile) -> None:
    """Store the columns that are no features."""
    for batch in own.iter_batches(batch_size=WRITE_ROWS):
        rows = pa.Table.from_batches([batch])
        copy_into(
            session,
            OwnValues,
            rows.append_column("dataset_id", pa.repeat(str(dataset.id), len(rows))),
        )
    update_statistics(session, OwnValues)


def _store_rows(
    session: Session, dataset: Dataset, ingested: IngestResult, samples: parquet.ParquetFile
) -> bool:
    """Store the rows; False: the lease was lost, so nothing was written."""
    values = {
        "format": ingested.format,
        "kind": ingested.kind,
        "sample_count": ingested.sample_count,
        "class_names": list(ingested.class_names),
        "shape": list(ingested.shape),
        "pack_sha256": ingested.pack_sha256,
        "statistics": ingested.statistics,
        "problem_count": ingested.problem_count,
        "truth_version": int(ingested.has_truth),
        "error": None,
        "own_columns": ingested.statistics["own_columns"],
    }
    if not leases.update_held(session, Dataset, dataset.id, dataset.attempt, **values):
        return False
    for table in (Truth, OwnValues, Sample, Problem):
        session.execute(delete(table).where(table.dataset_id == dataset.id))
    for batch in samples.iter_batches(batch_size=WRITE_ROWS):
        rows = pa.Table.from_batches([batch])
        rows = rows.append_column("dataset_id", pa.repeat(str(dataset.id), len(rows)))
        copy_into(session, Sample, rows.drop_columns(["true_label", "source_row", "source_name"]))
        truth = rows.select(["dataset_id", "position", "true_label"])
        copy_into(session, Truth, truth.filter(pc.is_valid(truth["true_label"])))
    session.add_all(
        Problem(
            dataset_id=dataset.id, number=number, key=problem.key, code=problem.code, detail=problem.detail
        )
        for number, problem in enumerate(ingested.problems)
    )
    dataset_service.change_status(session, dataset.id, DatasetStatus.READY)
    update_statistics(session, Sample, Truth)
    return True
