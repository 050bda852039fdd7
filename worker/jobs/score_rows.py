"""The rows of a ranking, made from signals and from what is found out about the labels.

Shape suffixes: N samples, 3 best classes.
"""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from models.catalogue.score_columns import SIGNALS
from models.ranking.ranking_scores import read_score
from worker.jobs.signal_files import Signals

Index = npt.NDArray[np.int64]


@dataclass(frozen=True, kw_only=True)
class Findings:
    """What is found out about every label when an audit is finished."""

    error_probability_N: npt.NDArray[np.float32] | None
    """None: nothing could be estimated."""
    is_label_issue_N: npt.NDArray[np.bool_]
    top_labels_N3: Index
    """The suggested label, then other classes; -1 if there are fewer."""
    top_probabilities_N3: npt.NDArray[np.float32]


def build_rows(
    audit_id: UUID,
    signals: Signals,
    labels_N: npt.NDArray[np.integer],
    order: Index,
    findings: Findings | None = None,
) -> pa.Table:
    """Return the score rows of the samples in `order`, ranked 1, 2, ... in that order.

    Without findings (during training) the suggested label is the scoring network's.
    """
    top_labels_N3, top_probabilities_N3 = (
        (signals["top_labels_N3"], signals["top_probabilities_N3"])
        if findings is None
        else (findings.top_labels_N3, findings.top_probabilities_N3)
    )
    top, probability = top_labels_N3[order], top_probabilities_N3[order]
    columns: dict[str, Any] = {
        "audit_id": pa.repeat(str(audit_id), len(order)),
        "position": order,
        "rank": np.arange(1, len(order) + 1),
        "given_label": labels_N[order],
        "score": read_score(signals)[order],
        **{name: signals[name][order] for name in SIGNALS if name in signals},
        "suggested_label": top[:, 0],
        "suggested_confidence": probability[:, 0],
        "second_label": _mask_missing(top[:, 1], top[:, 1]),
        "second_probability": _mask_missing(probability[:, 1], top[:, 1]),
        "third_label": _mask_missing(top[:, 2], top[:, 2]),
        "third_probability": _mask_missing(probability[:, 2], top[:, 2]),
    }
    if findings is not None:
        error_N = findings.error_probability_N
        columns["error_probability"] = (
            pa.nulls(len(order), pa.float32()) if error_N is None else error_N[order]
        )
        columns["is_label_issue"] = findings.is_label_issue_N[order]
    return pa.table(columns)


def read_probabilities(rows: pa.Table) -> npt.NDArray[np.float64] | None:
    """Return the error probabilities of rows; None if nothing could be estimated."""
    column = rows["error_probability"]
    return None if column.null_count else column.to_numpy().astype(np.float64)


def drop_samples(rows: pa.Table, left_out_N: npt.NDArray[np.bool_] | None) -> pa.Table:
    """Return the rows without some positions, ranked 1, 2, ... again; None: all rows."""
    if left_out_N is None:
        return rows
    kept = rows.filter(pa.array(~left_out_N[rows["position"].to_numpy()]))
    rank = kept.schema.get_field_index("rank")
    return kept.set_column(rank, "rank", pa.array(np.arange(1, len(kept) + 1)))


def _mask_missing(values: npt.NDArray[np.generic], labels: Index) -> pa.Array:
    """Return values with nulls where the label is negative, because there are fewer classes."""
    return pa.array(values, mask=labels < 0)
