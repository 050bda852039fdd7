"""The model of label errors: its interface, from evidence to an estimate of the errors.

The worker and the benches use only this module and `evidence`, so the modules behind them can be replaced.
Shape suffix: N samples.
"""

from models.label_errors.error_estimates import (
    LabelErrorEstimate,
    estimate_from_distances,
    estimate_from_posterior,
)
from models.label_errors.evidence import Evidence, gather_evidence
from models.label_errors.label_error_constants import CONSTANTS, LabelErrorConstants

__all__ = ["CONSTANTS", "Evidence", "LabelErrorConstants", "LabelErrorEstimate", "fit", "gather_evidence"]


def fit(evidence: Evidence, constants: LabelErrorConstants = CONSTANTS) -> LabelErrorEstimate:
    """Return the posterior probability that each label is wrong, the cut and the number of errors.

    The posterior comes from LIMIT's classifier or, without one, from a mixture of distances. The classifier
    learns from predicted gradients, and the predictor is fitted to the same labels. If both have memorised
    wrong labels, the estimate is too low (docs/detection.md).
    """
    signals = evidence.signals
    best_N3 = signals["top_probabilities_N3"]
    disagrees_N = signals["top_labels_N3"][:, 0] != evidence.labels_N
    confidence_N = best_N3[:, 0] - best_N3[:, 1]
    if evidence.agreement_ratio is not None and evidence.error_posterior_N is not None:
        return estimate_from_posterior(
            evidence.error_posterior_N,
            score_N=signals["score"],
            disagrees_N=disagrees_N,
            confidence_N=confidence_N,
            agreement_ratio=evidence.agreement_ratio,
            constants=constants,
        )
    return estimate_from_distances(
        signals["distance_average"],
        disagrees_N=disagrees_N,
        confidence_N=confidence_N,
        agreement_ratio=evidence.agreement_ratio,
        constants=constants,
    )
