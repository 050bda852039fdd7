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


def describe(files: Storage, dataset: Dataset) -> Target:
    """Return what is needed of a ready dataset to read labels of its samples."""
    return Target(
        sample_count=dataset.sample_count or 0,
        own_keys=list_own_keys(dataset),
        class_names=dataset.class_names or [],
        class_spellings=(dataset.statistics or {}).get("layout", {}).get("class_spellings") or [],
        samples=files.fetch_pack_file(dataset, "samples.parquet"),
    )


def read(
    target: Target,
    file: Path,
    destination: Path,
    *,
    columns: Sequence[str] = (),
    key_column: str | None = None,
) -> Attached:
    """Read labels to a file that can be stored. It may take minutes: no transaction should be open.

    Args:
        target: what is needed of the dataset.
        file: CSV or Parquet. A long table has the columns `annotator`, `label` and `key` or `position`; a
            wide one has `key` or `position` and a column for each annotator, whose cells are labels or blank.
        destination: is written.
        columns: of a wide table, those that are annotators; none: all that may be.
        key_column: names the samples by their keys; None: one of a usual name.

    Raises:
        Invalid: a column is missing, or a row names an unknown sample or class, or the same label twice.
        TooMuchWork: reading takes too much memory or time.

    """
    arguments = {
        "file": file,
        "destination": destination,
        "columns": columns,
        "key_column": key_column,
        "target": target,
    }
    labels = min(LABELS_MAX * LABEL_BYTES, file.stat().st_size * MEMORY_PER_BYTE)
    memory = MEMORY_BYTES + target.sample_count * KEY_BYTES + labels
    found = call_apart(read_and_write, arguments, what="a table of annotators' labels", memory_bytes=memory)
    return Attached(**found)


def store(session: Session, files: Storage, dataset: Dataset, attached: Attached, file: Path) -> None:
    """Replace the annotators' labels of a locked dataset by what was read; have their consensus formed."""
    name = f"labels-{uuid4().hex}.parquet"
    files.move(file, files.locate_annotations(dataset.id, name))
    before = dataset.annotators
    if before is not None:
        path = files.locate_annotations(dataset.id, before["file"])
        removals.schedule_removal(session, files, path, after_seconds=3600)
    dataset.annotators = {
        "version": 1 + (0 if before is None else int(before["version"])),
        "names": attached.annotators,
        "labels": attached.labels,
        "samples": attached.samples,
        "file": name,
    }
    send_after_commit(session, Task.CONSENSUS, dataset.id)
