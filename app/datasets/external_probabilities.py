"""Probabilities of an external model, attached from npz, Parquet or CSV."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy.orm import Session

from app.datasets.attachments.probability_tables import check_and_write
from app.http.work_apart import call_apart
from app.infra.storage import Storage
from app.tables import Dataset

MEMORY_BYTES, VALUE_BYTES, KEY_BYTES = 2**29, 40, 400
"""For reading a file, with what each value and key takes: as text, as numbers, checked and in order."""


@dataclass(frozen=True, kw_only=True)
class Checked:
    """Probabilities that were read and fit the dataset."""

    file: Path
    sha256: str
    rows: int


def read(files: Storage, dataset: Dataset, file: Path, destination: Path) -> Checked:
    """Read probabilities to an array that can be stored. It may take minutes: no transaction should be open.

    Raises:
        Invalid: the file, its columns or its rows cannot be used.
        TooMuchWork: reading takes too much memory or time.

    """
    names, count = dataset.class_names or [], dataset.sample_count or 0
    samples = files.fetch_pack_file(dataset, "samples.parquet")
    arguments = {"file": file, "samples": samples, "class_names": names, "destination": destination}
    memory = MEMORY_BYTES + count * (len(names) * VALUE_BYTES + KEY_BYTES)
    rows = call_apart(check_and_write, arguments, what="a file of probabilities", memory_bytes=memory)
    with destination.open("rb") as opened:
        digest = hashlib.file_digest(opened, "sha256").hexdigest()
    return Checked(file=destination, sha256=digest, rows=rows)


def store(session: Session, files: Storage, dataset: Dataset, checked: Checked) -> None:
    """Replace the probabilities of a locked dataset by those that were read."""
    files.move(checked.file, files.locate_probabilities(dataset.id))
    dataset.probabilities = {"probabilities_sha256": checked.sha256}
    session.flush()
