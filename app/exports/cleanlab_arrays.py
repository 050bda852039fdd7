"""Arrays for cleanlab and similar tools: given labels and predicted probabilities of all classes."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from pyarrow import parquet
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.audits.suspects import DISTANCE_MAX
from app.exports.audit_source import AuditSource
from app.exports.files.npy_writer import write_npy, write_npz_members
from app.exports.files.zip_writer import ZipStream
from app.exports.registry import BINARY, ExportFile
from app.reviews.checked_figures import find_settled
from app.tables import Audit, Score

BLOCK_ROWS = 8192
COLUMNS = (
    "position", "given_label", "given_label_probability", "suggested_label", "suggested_confidence",
    "second_label", "second_probability", "third_label", "third_probability", "error_probability",
    "is_label_issue", "score", "distance",
)  # fmt: skip
Floats = npt.NDArray[np.float32]


@dataclass(frozen=True, kw_only=True)
class Scores:
    """The results of an audit for every sample, by position."""

    given_N: npt.NDArray[np.int64]
    labels_N4: npt.NDArray[np.int64]
    """The given label and the three most likely labels; -1 if there are fewer."""
    probabilities_N4: Floats
    error_N: Floats
    is_issue_N: npt.NDArray[np.bool_]


def write_arrays(source: AuditSource) -> ExportFile:
    """Write the arrays of an audit, by position."""
    with source.database.transaction() as session:
        scores = _read_scores(session, source.audit)
    samples = source.storage.fetch_pack_file(source.dataset, "samples.parquet")
    keys = parquet.read_table(samples, columns=["key"])["key"].to_pylist()
    blocks = _write_npz(scores, source.dataset.class_names or [], keys)
    return ExportFile(name="cleanlab.npz", media_type=BINARY, blocks=blocks)


def _read_scores(session: Session, audit: Audit) -> Scores:
    """Read an audit's scores; probabilities and cut follow its random checks."""
    statement = select(*(getattr(Score, name) for name in COLUMNS)).where(Score.audit_id == audit.id)
    rows = session.execute(statement.order_by(Score.position).execution_options(yield_per=BLOCK_ROWS))
    blocks = [np.array(block, dtype=np.float64) for block in rows.partitions()]
    table = np.concatenate(blocks) if blocks else np.empty((0, len(COLUMNS)))
    column = {name: table[:, at] for at, name in enumerate(COLUMNS)}
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
    error_N, is_issue_N = _choose_badness(column), column["is_label_issue"].astype(np.bool_)
    figures = find_settled(session.connection(), audit.id, audit.dataset_id)
    if figures is not None:
        has_other_N = column["suggested_label"] != column["given_label"]
        is_issue_N = (error_N > figures.settled.cut) & has_other_N
        error_N = figures.settled.recalibration.apply(error_N)
    return Scores(
        given_N=column["given_label"].astype(np.int64),
        labels_N4=np.nan_to_num(labels, nan=-1).astype(np.int64),
        probabilities_N4=np.nan_to_num(np.stack(likely, axis=1)).astype(np.float32),
        error_N=error_N.astype(np.float32),
        is_issue_N=is_issue_N,
    )


def _choose_badness(column: dict[str, npt.NDArray[np.float64]]) -> npt.NDArray[np.float64]:
    """Return the error probability of every sample or, where there is none, what ranks; high = bad."""
    error_N = column["error_probability"]
    if not np.isnan(error_N).any():
        return error_N
    score_N = column["score"]
    return np.where(np.isnan(score_N), column["distance"] / DISTANCE_MAX, score_N)


def _write_npz(scores: Scores, class_names: list[str], keys: list[str]) -> Iterator[bytes]:
    """Yield an npz of labels [N], pred_probs [N, K], label_quality [N] (low = bad), ids and class_names.

    Where nothing could be estimated, label_quality is 1 minus the score that ranks.

    An audit stores the probabilities of the given label and of three other labels; the remainder is spread
    evenly over the other classes. Where another label is suggested, the others' are those of being right if
    the given label is wrong: they share what the given label leaves.
    """
    count, classes = len(scores.given_N), len(class_names)
    blocks = (
        _fill_rows(scores, slice(start, start + BLOCK_ROWS), classes) for start in range(0, count, BLOCK_ROWS)
    )
    archive = ZipStream()
    yield from archive.stream("pred_probs.npy", write_npy(np.dtype(np.float32), (count, classes), blocks))
    arrays: dict[str, npt.NDArray[Any]] = {
        "labels": scores.given_N,
        "label_quality": 1 - scores.error_N,
        "is_label_issue": scores.is_issue_N,
        "ids": np.array(keys, dtype=str),
        "class_names": np.array(class_names, dtype=str),
    }
    yield from write_npz_members(archive, arrays)
    yield archive.finish()


def _fill_rows(scores: Scores, block: slice, classes: int) -> Floats:
    labels, likely = scores.labels_N4[block], scores.probabilities_N4[block].copy()
    others_N, left_N = likely[:, 1:].sum(1), 1 - likely[:, 0]
    is_conditional_N = (labels[:, 1:] != labels[:, :1]).all(1) & (others_N > left_N)
    likely[is_conditional_N, 1:] *= (left_N / others_N.clip(1))[is_conditional_N, None]
    rows = np.zeros((len(labels), classes), np.float32)
    known = np.zeros(rows.shape, np.bool_)
    at = np.arange(len(labels))
    for column in range(labels.shape[1]):
        is_stored = labels[:, column] >= 0
        rows[at[is_stored], labels[is_stored, column]] = likely[is_stored, column]
        known[at[is_stored], labels[is_stored, column]] = True
    remainder = np.clip(1 - rows.sum(axis=1), 0, None)
    others = (~known).sum(axis=1)
    rows += np.where(known, 0, (remainder / np.maximum(others, 1))[:, None])
    normalised: Floats = rows / rows.sum(axis=1, keepdims=True)
    return normalised
