"""The rows of a ranking, made from signals."""

from uuid import UUID

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from models.catalogue.score_columns import SIGNALS
from models.label_errors.label_error_model import LabelErrorEstimate
from models.ranking.ranking_scores import read_score
from worker.jobs.signal_files import Signals

Index = npt.NDArray[np.int64]


def build_rows(
    audit_id: UUID,
    signals: Signals,
    labels_N: npt.NDArray[np.integer],
    order: Index,
    estimate: LabelErrorEstimate | None = None,
) -> pa.Table:
    """Return the score rows of the samples in `order`, ranked 1, 2, ... in that order.

    Without an estimate (during training) its columns are missing.
    """
    top, probability = signals["top_labels_N3"][order], signals["top_probabilities_N3"][order]
    columns = {
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
    if estimate is not None:
        columns["error_probability"] = estimate.error_probability_N[order]
        columns["is_label_issue"] = estimate.is_label_issue_N[order]
    return pa.table(columns)


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
