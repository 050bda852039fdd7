"""The job that makes a version: its pack, rows, verdicts and features, from those of its parent."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import structlog
from pyarrow import parquet
from sqlalchemy import delete, func, select, text
from sqlalchemy.orm import Session

from app.datasets import dataset_service
from app.infra import leases
from app.infra.database import Database
from app.infra.errors import ApiError
from app.infra.storage import SHOWN, Storage
from app.tables import Dataset, DatasetStatus, Json, OwnValues, Review, Sample, Truth
from app.versions import carried_verdicts, content_matching, planned_version, version_making
from app.versions.content_matching import DIGESTS, Places
from app.versions.planned_version import PlannedVersion
from worker.formats.shared.problems import IngestError
from worker.jobs.bulk_copy import WRITE_ROWS, copy_into, update_statistics
from worker.jobs.heartbeat import Heartbeat
from worker.jobs.waiting import retry_during_outage
from worker.versions import version_packs
from worker.versions.carried_features import carry_features

log = structlog.get_logger()
NOT_IN_TABLE = ("true_label", "source_row", "source_name", version_packs.UPLOADED)
COPY_TRUTHS = """
INSERT INTO truths (dataset_id, position, true_label)
SELECT new.dataset_id, new.position, truths.true_label FROM truths
JOIN samples old ON old.dataset_id = truths.dataset_id AND old.position = truths.position
JOIN samples new ON new.dataset_id = :child AND new.key = old.key
WHERE truths.dataset_id = :parent
"""
"""Keys are unique within a dataset, and a version keeps its parent's."""
COPY_OWN_VALUES = """
INSERT INTO own_values (dataset_id, position, document)
SELECT new.dataset_id, new.position, own_values.document FROM own_values
JOIN samples old ON old.dataset_id = own_values.dataset_id AND old.position = own_values.position
JOIN samples new ON new.dataset_id = :child AND new.key = old.key
WHERE own_values.dataset_id = :parent
"""


def build_version(
    database: Database, storage: Storage, dataset: Dataset, heartbeat: Heartbeat[Dataset], building: Path
) -> None:
    """Make a claimed version, and mark it as ready.

    Raises:
        IngestError: its parent was deleted, or nothing is left to do.

    """
    planned, remaining = _plan(database, storage, dataset)

    def on_progress(done: int, total: int | None) -> None:
        heartbeat.progress = {"samples": done, "total": total}
        heartbeat.check()

    kept_M = np.flatnonzero(~planned.is_dropped_N)
    destination = storage.locate_pack(dataset.id)
    sha256 = version_packs.build_pack(
        storage, planned.parent, planned.final_N, kept_M, destination=building, on_progress=on_progress
    )
    statistics = version_packs.count_statistics(
        planned.parent, building, planned.final_N[kept_M], planned.added
    )
    sketch = content_matching.make_sketch(np.load(building / DIGESTS))
    heartbeat.renew()
    for file in building.iterdir():
        storage.move(file, destination / file.name)
    share_shown_pictures(storage, planned.parent, dataset)
    values = {"pack_sha256": sha256, "statistics": statistics, "content_sketch": sketch}
    made = _Made(planned=planned, kept_M=kept_M, values=values, remaining=remaining)
    retry_during_outage(lambda: _store(database, storage, dataset, made), heartbeat)
    log.info("version ready", dataset=str(dataset.id), parent=str(planned.parent.id), samples=len(kept_M))


def _plan(database: Database, storage: Storage, dataset: Dataset) -> tuple[PlannedVersion, Json | None]:
    """Read all decisions as they are at one moment."""
    with database.transaction() as session:
        session.connection(execution_options={"isolation_level": "REPEATABLE READ"})
        parent = session.get(Dataset, dataset.parent_id) if dataset.parent_id else None
        if parent is None or dataset.origin is None:
            raise IngestError("parent_deleted", "expected the version that this one corrects; it was deleted")
        choice = version_making.read_choice(dataset.origin)
        try:
            planned = planned_version.plan_version(session, storage, parent, choice)
        except ApiError as error:  # the audit that was chosen was deleted meanwhile
            raise IngestError(error.code, error.detail) from error
        if planned.is_dropped_N.all():
            raise IngestError("no_samples", "expected a sample that is kept; found that all are dropped")
        return planned, planned_version.derive_remaining(session, planned)


@dataclass(frozen=True, kw_only=True, eq=False)
class _Made:
    planned: PlannedVersion
    kept_M: Places
    values: Json
    """Columns of the version that follow from its pack."""
    remaining: Json | None


def _store(database: Database, storage: Storage, dataset: Dataset, made: _Made) -> None:
    planned, kept_M = made.planned, made.kept_M
    parent = planned.parent
    with database.transaction() as session:
        kept = {name: getattr(parent, name) for name in ("format", "kind", "shape")}
        held = leases.update_held(
            session,
            Dataset,
            dataset.id,
            dataset.attempt,
            **kept,
            **made.values,
            class_names=planned.names,
            sample_count=len(kept_M),
            problem_count=0,
            truth_version=int(parent.truth_version > 0),
            own_columns=parent.own_columns,
            own_version=int(parent.own_version > 0),
        )
        if not held:
            return
        child = session.get_one(Dataset, dataset.id, populate_existing=True)
        store_rows(session, storage, parent, child)
        count_again(session, child)
        carried = _carry_verdicts(session, planned, child, kept_M)
        carry_features(session, storage, parent, child, kept_M)
        child.origin = version_making.finish_origin(
            planned, dataset.origin or {}, made.remaining, carried=carried
        )
        session.flush()
        dataset_service.change_status(session, child.id, DatasetStatus.READY, error=None)


def store_rows(session: Session, storage: Storage, parent: Dataset, child: Dataset) -> None:
    """Store the samples of a pack that was made, with the parent's truth and own columns."""
    for table in (Truth, OwnValues, Review, Sample):
        session.execute(delete(table).where(table.dataset_id == child.id))
    path = storage.locate_pack(child.id) / version_packs.SAMPLES
    with storage.open(path) as file, parquet.ParquetFile(file) as samples:
        for batch in samples.iter_batches(batch_size=WRITE_ROWS):
            rows = pa.Table.from_batches([batch])
            rows = rows.append_column("dataset_id", pa.repeat(str(child.id), len(rows)))
            copy_into(session, Sample, rows.drop_columns(list(NOT_IN_TABLE)))
    update_statistics(session, Sample)
    for statement in (COPY_TRUTHS, COPY_OWN_VALUES):
        session.execute(text(statement), {"child": child.id, "parent": parent.id})
    update_statistics(session, Truth, OwnValues)


def count_again(session: Session, child: Dataset) -> None:
    """Count what depends on the kept samples and their labels, and was copied from the parent."""
    same = (Truth.dataset_id == Sample.dataset_id) & (Truth.position == Sample.position)
    differs = func.count().filter(Truth.true_label != Sample.given_label)
    known, differing = session.execute(
        select(func.count(), differs).join_from(Truth, Sample, same).where(Truth.dataset_id == child.id)
    ).one()
    if child.truth_version:
        counted = {"truth_known": known, "truth_differs": differing}
        child.statistics = {**(child.statistics or {}), **counted}
    columns = []
    for column in child.own_columns:
        has_value = OwnValues.document.has_key(column["name"])
        present = select(func.count()).where(OwnValues.dataset_id == child.id, has_value)
        missing = (child.sample_count or 0) - (session.scalar(present) or 0)
        columns.append({**column, "missing": missing})
    child.own_columns = columns
    session.flush()


def _carry_verdicts(session: Session, planned: PlannedVersion, child: Dataset, kept_M: Places) -> int:
    """Store the verdicts that hold; those on classes of sets wait for the views of the version."""
    if dataset_service.has_sets(planned.parent):
        return 0
    names = planned.names
    rows = carried_verdicts.carry_verdicts(
        planned.parent,
        child,
        planned.reviews,
        places_N=kept_M,
        given_before=[names[label] for label in planned.given_N.tolist()],
        given_now=[names[label] for label in planned.final_N[kept_M].tolist()],
    )
    return carried_verdicts.store_carried(session, rows)


def share_shown_pictures(storage: Storage, parent: Dataset, child: Dataset) -> None:
    """Share the parent's reduced pictures, which are named by their content, where they are on this host."""
    target = storage.locate_dataset(child.id) / SHOWN
    for source, _ in storage.find(f"datasets/{parent.id}/{SHOWN}/*"):
        target.mkdir(parents=True, exist_ok=True)
        try:
            (target / source.name).hardlink_to(source)
        except OSError:  # another file system, or deleted meanwhile: the picture is made again
            continue
