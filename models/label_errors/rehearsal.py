"""The evaluation of an audit by planted label errors, for data without known correct labels.

A few labels were made wrong on purpose and are known to be wrong; all others are unknown. The estimate needs
two corrections. First, the others include the data's own errors, which rightly rank high: each sample counts
as a right label with the probability 1 - e from the audit. Second, a label planted on a wrong one can be the
right class by chance: with uniform noise this happens to a share p / (K - 1) of the planted labels, where p
is the data's own noise rate. The estimate holds for errors like the planted ones. Shape suffix: N samples.
"""

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

SHARE_MIN, SHARE_MAX = 0.02, 0.05
PLANTED_WANTED = 500
"""Number of planted errors that makes the estimates stable, if `SHARE_MAX` allows it."""
REVIEWED = (0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.5)
"""Shares of the ranking, the worst first, for which recall is reported."""

Mask = npt.NDArray[np.bool_]
Floats = npt.NDArray[np.floating]


@dataclass(frozen=True, kw_only=True)
class RehearsalEstimate:
    """Estimates for errors like the planted ones; None if nothing was planted or no other label is right."""

    planted_count: int
    roc_auc: float | None
    """Probability that an error ranks above a right label, in [0, 1]."""
    roc_auc_error: float | None
    """Its standard error from the number of planted errors, without the uncertainty of the corrections."""
    roc_auc_uncorrected: float | None
    """Probability that a planted error ranks above any unchanged label, right or wrong."""
    recall: dict[float, float] | None
    """Share of the errors within each share of the ranking in `REVIEWED`."""
    cut_recall: float | None
    """Share of the errors that the automatic cut flags."""
    cut_precision: float | None
    """Share of wrong labels among the flagged ones, from that recall and the expected number of errors."""


def choose_share(sample_count: int) -> float:
    """Return the share of labels to replace by errors: few, so that the data hardly change."""
    return min(SHARE_MAX, max(SHARE_MIN, PLANTED_WANTED / sample_count))


def evaluate_rehearsal(
    *,
    is_planted_N: Mask,
    error_probability_N: Floats | None,
    is_label_issue_N: Mask,
    class_count: int | None,
) -> RehearsalEstimate:
    """Return the estimates from the planted errors; all lists are in order of rank, the worst first.

    Args:
        is_planted_N: whether the label was made wrong on purpose.
        error_probability_N: the audit's estimates; None: nothing may be claimed about the other labels. Then
            nothing is corrected, and what needs the corrections is None.
        is_label_issue_N: the automatic cut.
        class_count: K if uniform noise was planted, else None: then there is no second correction.

    """
    planted = np.flatnonzero(is_planted_N)
    if error_probability_N is None:
        return _measure_planted(is_planted_N, is_label_issue_N)
    error_N = np.asarray(error_probability_N, dtype=np.float64)
    right_N = 1.0 - error_N
    if len(planted) == 0 or right_N.sum() <= 0:
        names = ("roc_auc", "roc_auc_error", "roc_auc_uncorrected", "recall", "cut_recall", "cut_precision")
        return RehearsalEstimate(planted_count=len(planted), **dict.fromkeys(names))
    hits = 0.0 if class_count is None else 1 / max(class_count - 1, 1)
    own_rate = _estimate_own_rate(float(error_N.sum()), len(error_N), len(planted), hits)
    wrong = 1.0 - own_rate * hits

    def measure_recall(is_in_N: Mask) -> float:
        """Return the share of all errors inside this part of the ranking, from the planted errors inside."""
        inside = float(is_in_N[planted].mean())
        return _clip_share((inside - (1 - wrong) * float(right_N[is_in_N].sum() / right_N.sum())) / wrong)

    roc_auc = _clip_share((_measure_beaten_share(planted, right_N) - (1 - wrong) / 2) / wrong)
    rank_N = np.arange(len(error_N))
    cut_recall = measure_recall(is_label_issue_N)
    flagged = int((is_label_issue_N & ~is_planted_N).sum())
    own_errors = own_rate * (len(error_N) - len(planted))
    return RehearsalEstimate(
        planted_count=len(planted),
        roc_auc=roc_auc,
        roc_auc_error=_compute_standard_error(roc_auc, len(planted)) / wrong,
        roc_auc_uncorrected=_measure_beaten_share(planted, (~is_planted_N).astype(np.float64)),
        recall={share: measure_recall(rank_N < share * len(error_N)) for share in REVIEWED},
        cut_recall=cut_recall,
        cut_precision=_clip_share(cut_recall * own_errors / flagged) if flagged else None,
    )


def _measure_planted(is_planted_N: Mask, is_label_issue_N: Mask) -> RehearsalEstimate:
    """Return how many of the planted errors are found, whatever the other labels are."""
    planted = np.flatnonzero(is_planted_N)
    place = planted / len(is_planted_N)
    has_both = 0 < len(planted) < len(is_planted_N)
    return RehearsalEstimate(
        planted_count=len(planted),
        roc_auc=None,
        roc_auc_error=None,
        roc_auc_uncorrected=_measure_beaten_share(planted, (~is_planted_N).astype(np.float64))
        if has_both
        else None,
        recall={share: float((place < share).mean()) for share in REVIEWED} if len(planted) else None,
        cut_recall=float(is_label_issue_N[planted].mean()) if len(planted) else None,
        cut_precision=None,
    )


def _estimate_own_rate(expected_errors: float, count: int, planted: int, hits: float) -> float:
    """Return the share of wrong labels among the unchanged ones: all expected errors minus the planted ones.

    Of the planted labels, the share rate * hits is right by chance.
    """
    return _clip_share((expected_errors - planted) / max(count - planted * (1 + hits), 1.0))


def _measure_beaten_share(planted: npt.NDArray[np.intp], weight_N: npt.NDArray[np.float64]) -> float:
    """Return the mean share of the weight that ranks below a planted error."""
    below_N = weight_N.sum() - np.cumsum(weight_N)
    return float(below_N[planted].mean() / weight_N.sum())


def _compute_standard_error(roc_auc: float, planted_count: int) -> float:
    """Return Hanley and McNeil's standard error for this many positives and many more negatives."""
    variance = roc_auc / (2 - roc_auc) - roc_auc**2
    return math.sqrt(max(variance, 0.0) / planted_count)


def _clip_share(share: float) -> float:
    return min(max(share, 0.0), 1.0)
