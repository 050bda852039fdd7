"""What a finished audit found out about its labels, read from its stored scores.

So a report that is made again says what the audit said, also that of an older version. Shape suffix: N
samples.
"""

from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from sqlalchemy.orm import Session

from app.tables import Audit
from worker.jobs.bulk_copy import copy_from
from worker.jobs.score_rows import Findings, read_probabilities
from worker.jobs.signal_files import Signals

PLACES = ("suggested", "second", "third")
QUERY = """
SELECT position, error_probability, is_label_issue::int AS is_label_issue,
    suggested_label, second_label, third_label,
    suggested_confidence, second_probability, third_probability
FROM scores WHERE audit_id = %s
"""


def read_findings(session: Session, audit: Audit, signals: Signals, *, sample_count: int) -> Findings:
    """Return the findings of every position; planted errors have no score: theirs are the signals'."""
    rows = copy_from(session, QUERY, audit.id)
    position = rows["position"].to_numpy()
    is_issue_N = np.zeros(sample_count, dtype=np.bool_)
    is_issue_N[position] = _read(rows["is_label_issue"], 0) > 0
    labels_N3, probabilities_N3 = signals["top_labels_N3"].copy(), signals["top_probabilities_N3"].copy()
    for place, name in enumerate(PLACES):
        confidence = "suggested_confidence" if place == 0 else f"{name}_probability"
        labels_N3[position, place] = _read(rows[f"{name}_label"], -1)
        probabilities_N3[position, place] = _read(rows[confidence], 0)
    return Findings(
        error_probability_N=_spread(read_probabilities(rows), position, sample_count),
        is_label_issue_N=is_issue_N,
        top_labels_N3=labels_N3,
        top_probabilities_N3=probabilities_N3,
    )


def _spread(
    probabilities: npt.NDArray[np.float64] | None, position: npt.NDArray[np.int64], sample_count: int
) -> npt.NDArray[np.float32] | None:
    """Return the probabilities of all positions, 0 where there is no score; None if there are none."""
    if probabilities is None:
        return None
    error_N = np.zeros(sample_count, dtype=np.float32)
    error_N[position] = probabilities
    return error_N


def _read(column: pa.ChunkedArray, missing: int) -> npt.NDArray[Any]:
    """Return a column as numbers; one without any value is read from CSV as nulls."""
    values: npt.NDArray[Any] = column.cast(pa.float64()).fill_null(missing).to_numpy()
    return values
