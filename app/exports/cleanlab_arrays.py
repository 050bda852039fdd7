"""Arrays for cleanlab and similar tools: given labels and the predicted probabilities of every class."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import numpy as np
import numpy.typing as npt
from pyarrow import parquet
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.exports.audit_source import AuditSource
from app.exports.files.npy_writer import write_npy, write_npz_members
from app.exports.files.zip_writer import ZipStream
from app.exports.registry import BINARY, ExportFile
from app.tables import Score

BLOCK_ROWS = 8192
COLUMNS = (
    "position", "given_label", "given_label_probability", "suggested_label", "suggested_confidence",
    "second_label", "second_probability", "third_label", "third_probability", "error_probability",
    "is_label_issue",
)  # fmt: skip
Floats = npt.NDArray[np.float32]


@dataclass(frozen=True, kw_only=True)
class Scores:
    """What an audit says of every sample, in order of position."""

    given_N: npt.NDArray[np.int64]
    labels_N4: npt.NDArray[np.int64]
    """The given label and the three likeliest; -1 where there are fewer."""
    probabilities_N4: Floats
    error_N: Floats
    is_issue_N: npt.NDArray[np.bool_]


def write_arrays(source: AuditSource) -> ExportFile:
    """Write the arrays of an audit, in order of position."""
    with source.database.transaction() as session:
        found = _read_scores(session, source.audit.id)
    samples = source.storage.fetch_pack_file(source.dataset, "samples.parquet")
    keys = parquet.read_table(samples, columns=["key"])["key"].to_pylist()
    blocks = _write_npz(found, source.dataset.class_names or [], keys)
    return ExportFile(name="cleanlab.npz", media_type=BINARY, blocks=blocks)


def _read_scores(session: Session, audit_id: UUID) -> Scores:
    """Read an audit's scores."""
    statement = select(*(getattr(Score, name) for name in COLUMNS)).where(Score.audit_id == audit_id)
    rows = session.execute(statement.order_by(Score.position).execution_options(yield_per=BLOCK_ROWS))
    blocks = [np.array(block, dtype=np.float64) for block in rows.partitions()]
    found = np.concatenate(blocks) if blocks else np.empty((0, len(COLUMNS)))
    column = {name: found[:, at] for at, name in enumerate(COLUMNS)}
    labels = np.stack(
        [column[name] for name in ("given_label", "suggested_label", "second_label", "third_label")], axis=1
    )
    likely = [
        column[name]
        for name in (
            "given_label_probability",
            "suggested_confidence",
            "second_probability",
            "third_probability",
        )
    ]
    return Scores(
        given_N=column["given_label"].astype(np.int64),
        labels_N4=np.nan_to_num(labels, nan=-1).astype(np.int64),
        probabilities_N4=np.nan_to_num(np.stack(likely, axis=1)).astype(np.float32),
        error_N=column["error_probability"].astype(np.float32),
        is_issue_N=column["is_label_issue"].astype(np.bool_),
    )


def _write_npz(found: Scores, class_names: list[str], keys: list[str]) -> Iterator[bytes]:
    """Yield an npz of labels [N], pred_probs [N, K], label_quality [N] (low = bad), ids and class_names.

    An audit keeps the probabilities of the given label and of the three likeliest; the rest is spread
    evenly over the other classes. Rows are exact for up to four classes.
    """
    count, classes = len(found.given_N), len(class_names)
    blocks = (
        _fill_rows(found, slice(start, start + BLOCK_ROWS), classes) for start in range(0, count, BLOCK_ROWS)
    )
    archive = ZipStream()
    yield from archive.stream("pred_probs.npy", write_npy(np.dtype(np.float32), (count, classes), blocks))
    beside: dict[str, npt.NDArray[Any]] = {
        "labels": found.given_N,
        "label_quality": 1 - found.error_N,
        "is_label_issue": found.is_issue_N,
        "ids": np.array(keys, dtype=str),
        "class_names": np.array(class_names, dtype=str),
    }
    yield from write_npz_members(archive, beside)
    yield archive.finish()


def _fill_rows(found: Scores, block: slice, classes: int) -> Floats:
    labels, likely = found.labels_N4[block], found.probabilities_N4[block]
    rows = np.zeros((len(labels), classes), np.float32)
    known = np.zeros(rows.shape, np.bool_)
    at = np.arange(len(labels))
    for column in range(labels.shape[1]):
        there = labels[:, column] >= 0
        rows[at[there], labels[there, column]] = likely[there, column]
        known[at[there], labels[there, column]] = True
    left = np.clip(1 - rows.sum(axis=1), 0, None)
    others = (~known).sum(axis=1)
    rows += np.where(known, 0, (left / np.maximum(others, 1))[:, None])
    normalised: Floats = rows / rows.sum(axis=1, keepdims=True)
    return normalised
