"""From evidence to an estimate of the wrong labels: the one function that everything else here serves.

Shape suffixes: N samples, K classes, B samples of a block, P pairs of classes.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from models.checks.label_cut import choose_cut
from models.error_model import other_views
from models.error_model.assumptions import CONSTANTS, Constants
from models.error_model.claims import Claim, Views, explain, make_claim
from models.error_model.fitted_models import FittedModels, compare_views, fit_models
from models.error_model.forward_model import TrueClassProbabilities, error_probability
from models.error_model.likeliest_classes import TOP, find_likeliest
from models.error_model.rank_transfer import transfer_by_rank
from models.error_model.sample_evidence import Evidence

Floats = npt.NDArray[np.float64]
Index = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]
TINY = 1e-12


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """What may be said about the wrong labels of a dataset.

    Where `may_claim` is False, "cannot tell yet" is all that may be said: show the ranking, the interval and
    `reasons`, and neither the count nor any probability as a finding. No probability is above 0.5 then.
    """

    claim: Claim
    views: Views
    ranking_probability_N: Floats
    """Probability in [0, 1] that each label is wrong, never capped: for the ranking and the checks."""
    others_N3: Index
    """The likeliest classes other than the given one, the likeliest first; -1 if there are fewer."""
    other_probability_N3: npt.NDArray[np.float32]
    """Probability in [0, 1] that each of them is right if the given label is wrong; 0 if there are fewer."""
    is_flagged_N: Mask
    """The cut: the labels that are likelier wrong than right, by the probabilities themselves."""
    joint_KK: Floats
    """Expected count of samples of class k (row) that were labelled y (column); sums to N."""

    @property
    def may_claim(self) -> bool:
        """Return whether count and probabilities may be shown as findings."""
        return not self.claim.reasons

    @property
    def error_probability_N(self) -> Floats:  # noqa: N802 - the shape suffix
        """Return the probabilities that may be shown; capped where nothing may be claimed."""
        cap = CONSTANTS.withheld_cap if self.claim.reasons else 1.0
        return np.minimum(self.ranking_probability_N, cap)

    @property
    def reasons(self) -> list[str]:
        """Return why not, as sentences."""
        return [explain(reason, self.views) for reason in self.claim.reasons]

    @property
    def error_count(self) -> float:
        """Return the expected number of wrong labels."""
        return self.claim.centre * self.views.sample_count

    @property
    def error_count_interval(self) -> tuple[float, float]:
        """Return the 95 % interval of that number."""
        return self.claim.low * self.views.sample_count, self.claim.high * self.views.sample_count


def find_transitions(joint_KK: Floats) -> Floats:
    """Return P(label y | class k) in row k [K, K]; not a number where no sample is of the class."""
    total_K1 = joint_KK.sum(1, keepdims=True)
    blank_KK = np.full_like(joint_KK, np.nan)
    shares_KK: Floats = np.divide(joint_KK, total_K1, out=blank_KK, where=total_K1 > TINY)
    return shares_KK


def find_confused_pairs(joint_KK: Floats, *, limit: int) -> list[tuple[int, int, float]]:
    """Return (true class, given class, expected count), the most frequent first."""
    off_KK = joint_KK * (1 - np.eye(len(joint_KK)))
    order = np.argsort(-off_KK, axis=None, kind="stable")[:limit]
    true_P, given_P = np.divmod(order, len(off_KK))
    rows = zip(true_P.tolist(), given_P.tolist(), off_KK[true_P, given_P].tolist(), strict=True)
    return [row for row in rows if row[2] > TINY]


def fit(
    evidence: Evidence,
    *,
    seed: int = 0,
    constants: Constants = CONSTANTS,
    counted_N: Mask | None = None,
) -> Estimate:
    """Return what the evidence says about the given labels.

    Args:
        evidence: labels and what was found out without them.
        seed: draws the samples of the fit and of the bootstrap.
        constants: of the model; only benchmarks change them.
        counted_N: the samples that enter `joint_KK`; None: all of them.

    """
    fitted = fit_models(evidence, seed=seed, constants=constants)
    views = compare_views(fitted, seed=seed)
    return _apply(fitted, views, make_claim(views, constants), counted_N)


def _apply(fitted: FittedModels, views: Views, claim: Claim, counted_N: Mask | None) -> Estimate:
    """Return the estimate of all samples, those of the fit and the others."""
    evidence, labels_N = fitted.evidence, fitted.evidence.labels_N
    everyone_N = np.arange(len(labels_N))
    probability_N = _find_probabilities(fitted, views, claim)
    others_N3 = np.empty((len(labels_N), TOP), dtype=np.int64)
    other_probability_N3 = np.empty((len(labels_N), TOP), dtype=np.float32)
    weight_N = np.zeros(len(labels_N))
    weight_N[evidence.out_of_sample] = len(labels_N) / len(evidence.out_of_sample)
    if counted_N is not None:
        weight_N *= counted_N
    joint_KK = np.zeros((evidence.class_count,) * 2)
    for block_B, true_class in fitted.infer_blocks(everyone_N):
        other_BK = _share_others(true_class, labels_N[block_B])
        named = find_likeliest(other_BK, without_B=labels_N[block_B])
        others_N3[block_B], other_probability_N3[block_B] = named
        joint_KK += _count_joint(other_BK, probability_N[block_B], labels_N[block_B], weight_N[block_B])
    return Estimate(
        claim=claim,
        views=views,
        ranking_probability_N=probability_N,
        others_N3=others_N3,
        other_probability_N3=other_probability_N3,
        is_flagged_N=choose_cut(probability_N),
        joint_KK=joint_KK,
    )


def _find_probabilities(fitted: FittedModels, views: Views, claim: Claim) -> Floats:
    """Return the error probabilities: those of forward models, and hidden errors where labels disagree.

    What the neighbours alone see beyond all evidence enters as a mean of both models' probabilities. Samples
    in sample get those at the same place of their ranking.
    """
    labels_N, known = fitted.evidence.labels_N, fitted.evidence.out_of_sample
    noise_N, hidden_N = np.zeros(len(labels_N)), np.zeros(len(labels_N))
    share = _weigh_neighbours(views, claim)
    for block_B, true_class in fitted.infer_blocks(known):
        labels_B = labels_N[block_B]
        noise_B = error_probability(true_class, labels_B)
        own_B = true_class.prior_NK[np.arange(len(labels_B)), labels_B]
        hidden_N[block_B] = (1 - noise_B) * (1 - own_B)
        if share > 0:
            noise_B += share * (error_probability(fitted.infer_by_neighbours(block_B), labels_B) - noise_B)
        noise_N[block_B] = noise_B
    hidden_N *= claim.hidden_share / max(float(hidden_N[known].mean()), TINY)
    probability_N: Floats = (claim.credibility * noise_N + hidden_N).clip(0, 1)
    if fitted.evidence.is_out_of_sample_N is not None:
        _complete(fitted.evidence, probability_N)
    return probability_N


def _weigh_neighbours(views: Views, claim: Claim) -> float:
    """Return the weight of the neighbours' model in a mean of both that has the claimed noise rate."""
    if views.seen_by_neighbours <= 0:
        return 0.0
    beyond = claim.noise_share / max(claim.credibility, TINY) - views.forward
    return float(np.clip(beyond / (views.forward_of_sources[1] - views.forward), 0, 1))


def _share_others(true_class: TrueClassProbabilities, labels_B: npt.NDArray[np.integer]) -> Floats:
    """Return the probabilities of the classes given that the label is wrong [B, K]; rows sum to 1."""
    other_BK = true_class.posterior_NK + TINY * true_class.prior_NK
    other_BK[np.arange(len(labels_B)), labels_B] = 0
    shares_BK: Floats = other_BK / other_BK.sum(1, keepdims=True)
    return shares_BK


def _count_joint(
    other_BK: Floats, wrong_B: Floats, labels_B: npt.NDArray[np.integer], weight_B: Floats
) -> Floats:
    """Return the expected counts of (true class, label) [K, K] of a block."""
    class_count = other_BK.shape[1]
    joint_KK = other_views.count_labels(other_BK * (weight_B * wrong_B)[:, None], labels_B)
    joint_KK[np.arange(class_count), np.arange(class_count)] += np.bincount(
        labels_B, weight_B * (1 - wrong_B), class_count
    )
    return joint_KK


def _complete(evidence: Evidence, probability_N: Floats) -> None:
    """Fill in the error probabilities of the samples in sample, by their place in the ranking."""
    assert evidence.is_out_of_sample_N is not None
    assert evidence.score_N is not None
    known, rest = evidence.out_of_sample, np.flatnonzero(~evidence.is_out_of_sample_N)
    probability_N[rest] = transfer_by_rank(
        probability_N[known], evidence.score_N[known], evidence.score_N[rest]
    )
