"""Labels of several annotators attached after the upload."""

from collections.abc import Sequence
from pathlib import Path
from uuid import uuid4

from sqlalchemy.orm import Session

from app.datasets.attached_tables import list_own_keys
from app.datasets.attachments.annotator_tables import LABELS_MAX, Attached, Target, read_and_write
from app.http.work_apart import call_apart
from app.infra import removals
from app.infra.database import send_after_commit
from app.infra.queue import Task
from app.infra.storage import Storage
from app.tables import Dataset

MEMORY_BYTES, KEY_BYTES, LABEL_BYTES, MEMORY_PER_BYTE = 2**29, 400, 50, 50
"""For reading a table; of it for each key, label and byte: a file has fewer labels than bytes."""


def attach(
    session: Session, files: Storage, dataset: Dataset, file: Path, *, columns: Sequence[str] = ()
) -> Attached:
    """Replace the annotators' labels of a dataset, and have their consensus formed.

    Args:
        session: with the dataset locked.
        files: where the labels are stored.
        dataset: a ready one.
        file: CSV or Parquet. A long table has the columns `annotator`, `label` and `key` or `position`; a
        wide one
            has `key` or `position` and a column for each annotator, whose cells are labels or blank.
        columns: of a wide table, those that are annotators; none: all that may be.

    Raises:
        Invalid: a column is missing, or a row names an unknown sample or class, or the same label twice.
        TooMuchWork: reading takes too much memory or time.

    """
    local = file.with_name(f"{file.name}.parquet")
    arguments = {"file": file, "destination": local, "columns": columns, "target": _describe(files, dataset)}
    name = f"labels-{uuid4().hex}.parquet"
    labels = min(LABELS_MAX * LABEL_BYTES, file.stat().st_size * MEMORY_PER_BYTE)
    memory = MEMORY_BYTES + (dataset.sample_count or 0) * KEY_BYTES + labels
    try:
        read = call_apart(
            read_and_write, arguments, what="a table of annotators' labels", memory_bytes=memory
        )
        files.move(local, files.locate_annotations(dataset.id, name))
    finally:
        local.unlink(missing_ok=True)
    before = dataset.annotators
    if before is not None:
        path = files.locate_annotations(dataset.id, before["file"])
        removals.schedule_removal(session, files, path, after_seconds=3600)
    dataset.annotators = {
        "version": 1 + (0 if before is None else int(before["version"])),
        "names": read["annotators"],
        "labels": read["labels"],
        "samples": read["samples"],
        "file": name,
    }
    send_after_commit(session, Task.CONSENSUS, dataset.id)
    return Attached(**read)


def _describe(files: Storage, dataset: Dataset) -> Target:
    return Target(
        sample_count=dataset.sample_count or 0,
        own_keys=list_own_keys(dataset),
        class_names=dataset.class_names or [],
        class_spellings=(dataset.statistics or {}).get("layout", {}).get("class_spellings") or [],
        samples=files.fetch_pack_file(dataset, "samples.parquet"),
    )
