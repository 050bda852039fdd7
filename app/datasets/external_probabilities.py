"""Probabilities of an external model, attached from npz, Parquet or CSV."""

import hashlib
from pathlib import Path

from sqlalchemy.orm import Session

from app.datasets.attachments.probability_tables import check_and_write
from app.http.work_apart import call_apart
from app.infra.storage import Storage
from app.tables import Dataset

MEMORY_BYTES, VALUE_BYTES, KEY_BYTES = 2**29, 40, 400
"""For reading a file, with what each value and key takes: as text, as numbers, checked and in order."""


def attach(session: Session, files: Storage, dataset: Dataset, file: Path) -> int:
    """Replace a dataset's probabilities by those of a file; return the number of samples with probabilities.

    Raises:
        Invalid: as for `read`; TooMuchWork if it takes too much memory or time.

    """
    samples = files.fetch_pack_file(dataset, "samples.parquet")
    checked = file.with_name(f"{file.name}.npy")
    names = dataset.class_names or []
    arguments = {"file": file, "samples": samples, "class_names": names, "destination": checked}
    count = dataset.sample_count or 0
    memory = MEMORY_BYTES + count * (len(names) * VALUE_BYTES + KEY_BYTES)
    try:
        rows = call_apart(check_and_write, arguments, what="a file of probabilities", memory_bytes=memory)
        with checked.open("rb") as opened:
            digest = hashlib.file_digest(opened, "sha256").hexdigest()
        files.move(checked, files.locate_probabilities(dataset.id))
    finally:
        checked.unlink(missing_ok=True)
    dataset.probabilities = {"probabilities_sha256": digest}
    session.flush()
    return int(rows)
