"""From evidence to an estimate of the wrong labels: the one function that everything else here serves.

Shape suffixes: N samples, K classes, M sources, F samples of the fit, B of a block, P pairs of classes.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from models.error_model import other_views
from models.error_model.assumptions import CONSTANTS, Constants
from models.error_model.claims import Claim, Views, explain, make_claim
from models.error_model.forward_model import (
    Believed,
    ForwardModel,
    believe,
    bootstrap_rates,
    error_probability,
    fit_forward,
    take_logs,
)
from models.error_model.sample_evidence import Evidence, count_votes

Floats = npt.NDArray[np.float64]
Index = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]
BLOCK_ELEMENTS = 4_000_000
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
    """Probability in [0, 1] that each label is wrong, never capped: for the ranking and `check_plan`."""
    suggested_N: Index
    """The likeliest class other than the given one."""
    is_flagged_N: Mask
    """The cut: the labels whose expected F1 is best, by the probabilities themselves."""
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

    def count_by_given_class(self) -> Floats:
        """Return the expected number of wrong labels among those given as each class [K]."""
        errors_K: Floats = self.joint_KK.sum(0) - np.diag(self.joint_KK)
        return errors_K

    def find_transitions(self) -> Floats:
        """Return P(label y | class k) in row k [K, K]; not a number where no sample is of the class."""
        total_K1 = self.joint_KK.sum(1, keepdims=True)
        blank_KK = np.full_like(self.joint_KK, np.nan)
        shares_KK: Floats = np.divide(self.joint_KK, total_K1, out=blank_KK, where=total_K1 > TINY)
        return shares_KK

    def find_confused_pairs(self, limit: int) -> list[tuple[int, int, float]]:
        """Return (true class, given class, expected count), the most frequent first."""
        off_KK = self.joint_KK * (1 - np.eye(len(self.joint_KK)))
        order = np.argsort(-off_KK, axis=None, kind="stable")[:limit]
        true_P, given_P = np.divmod(order, len(off_KK))
        rows = zip(true_P.tolist(), given_P.tolist(), off_KK[true_P, given_P].tolist(), strict=True)
        return [row for row in rows if row[2] > TINY]


@dataclass(frozen=True, kw_only=True)
class _Fitted:
    """A model and what it was fitted to."""

    evidence: Evidence
    sources: tuple[npt.NDArray[np.floating], ...]
    model: ForwardModel
    constants: Constants

    def believe_blocks(self) -> Iterator[tuple[slice, Believed]]:
        """Yield what the model says of all samples, block by block."""
        labels_N = self.evidence.labels_N
        rows = max(1, BLOCK_ELEMENTS // self.evidence.class_count)
        for start in range(0, len(labels_N), rows):
            block = slice(start, start + rows)
            logs_MBK = take_logs([source_NK[block] for source_NK in self.sources], self.constants)
            yield block, believe(self.model, logs_MBK, labels_N[block])


def fit(evidence: Evidence, *, seed: int = 0, constants: Constants = CONSTANTS) -> Estimate:
    """Return what the evidence says about the given labels.

    Args:
        evidence: labels and what was found out without them.
        seed: draws the samples of the fit and of the bootstrap.
        constants: of the model; only benchmarks change them.

    """
    votes_NK = count_votes(evidence, constants)
    sources = (evidence.probabilities_NK,) + (() if votes_NK is None else (votes_NK,))
    fitted_F = _draw_fitted(evidence, seed, constants)
    logs_MFK = take_logs([source_NK[fitted_F] for source_NK in sources], constants)
    model = fit_forward(logs_MFK, evidence.labels_N[fitted_F], constants)
    views = _compare(evidence, model, logs_MFK, fitted_F, seed=seed, constants=constants)
    fitted = _Fitted(evidence=evidence, sources=sources, model=model, constants=constants)
    return _apply(fitted, views, make_claim(views, constants))


def choose_cut(error_probability_N: Floats) -> Mask:
    """Return the samples to flag so that the expected F1 is best; none where less than one error is expected.

    Flagging the m likeliest finds the sum of their probabilities; F1 = 2 found / (m + all errors).
    """
    total = float(error_probability_N.sum())
    order_N = np.argsort(-error_probability_N, kind="stable")
    found_N = np.cumsum(error_probability_N[order_N])
    flagged = int(np.argmax(found_N / (np.arange(1, len(order_N) + 1) + total))) + 1
    is_flagged_N = np.zeros(len(order_N), dtype=np.bool_)
    if total >= 1:
        is_flagged_N[order_N[:flagged]] = True
    return is_flagged_N


def _draw_fitted(evidence: Evidence, seed: int, constants: Constants) -> Index:
    """Return the samples that the model is fitted to: all of them, or as many as time allows."""
    count = len(evidence.labels_N)
    most = min(constants.fitted_max, constants.fitted_elements // evidence.class_count)
    if count <= most:
        return np.arange(count)
    return np.sort(np.random.default_rng(seed).choice(count, most, replace=False))


def _compare(
    evidence: Evidence,
    model: ForwardModel,
    logs_MFK: Floats,
    fitted_F: Index,
    *,
    seed: int,
    constants: Constants,
) -> Views:
    """Return the error rate by every assumption."""
    labels_F = evidence.labels_N[fitted_F]
    believed = believe(model, logs_MFK, labels_F)
    alone = [fit_forward(logs_FK[None], labels_F, constants) for logs_FK in logs_MFK if len(logs_MFK) > 1]
    alone_rates = [
        float(error_probability(believe(one, logs_FK[None], labels_F), labels_F).mean())
        for one, logs_FK in zip(alone, logs_MFK, strict=False)
    ]
    share_K = np.bincount(labels_F, minlength=evidence.class_count) / len(labels_F)
    entropy = float(-(share_K * np.log(share_K.clip(TINY))).sum())
    return Views(
        forward=float(error_probability(believed, labels_F).mean()),
        forward_of_sources=tuple(alone_rates),
        standard_error=float(
            bootstrap_rates(model, logs_MFK, labels_F, seed=seed, constants=constants).std(ddof=1)
        ),
        disagreement=other_views.disagreement(believed.prior_NK, labels_F),
        consensus=_find_consensus(evidence, fitted_F),
        information=1 + model.log_likelihood / max(entropy, TINY),
        sample_count=len(evidence.labels_N),
        class_count=evidence.class_count,
    )


def _find_consensus(evidence: Evidence, fitted_F: Index) -> float | None:
    if evidence.neighbours_Nk is None:
        return None
    labels_F3 = evidence.labels_N[
        np.column_stack([fitted_F, evidence.neighbours_Nk[fitted_F, 0], evidence.neighbours_Nk[fitted_F, 1]])
    ]
    return other_views.consensus(labels_F3, evidence.class_count)


def _apply(fitted: _Fitted, views: Views, claim: Claim) -> Estimate:
    """Return the estimate of all samples, those of the fit and the others."""
    labels_N = fitted.evidence.labels_N
    probability_N = _find_probabilities(fitted, claim)
    suggested_N = np.empty(len(labels_N), dtype=np.int64)
    joint_KK = np.zeros((fitted.evidence.class_count,) * 2)
    for block, believed in fitted.believe_blocks():
        other_BK = _share_others(believed, labels_N[block])
        suggested_N[block] = other_BK.argmax(1)
        joint_KK += _count_joint(other_BK, probability_N[block], labels_N[block])
    return Estimate(
        claim=claim,
        views=views,
        ranking_probability_N=probability_N,
        suggested_N=suggested_N,
        is_flagged_N=choose_cut(probability_N),
        joint_KK=joint_KK,
    )


def _find_probabilities(fitted: _Fitted, claim: Claim) -> Floats:
    """Return the error probabilities: those of the forward model, and the rest where labels disagree."""
    labels_N = fitted.evidence.labels_N
    noise_N, hidden_N = np.empty(len(labels_N)), np.empty(len(labels_N))
    for block, believed in fitted.believe_blocks():
        labels_B = labels_N[block]
        noise_N[block] = error_probability(believed, labels_B)
        own_B = believed.prior_NK[np.arange(len(labels_B)), labels_B]
        hidden_N[block] = (1 - noise_N[block]) * (1 - own_B)
    beyond = claim.centre - claim.belief * float(noise_N.mean())
    probability_N = claim.belief * noise_N + max(beyond, 0) * hidden_N / max(float(hidden_N.mean()), TINY)
    return probability_N.clip(0, 1)


def _share_others(believed: Believed, labels_B: npt.NDArray[np.integer]) -> Floats:
    """Return the probabilities of the classes given that the label is wrong [B, K]; rows sum to 1."""
    other_BK = believed.posterior_NK + TINY * believed.prior_NK
    other_BK[np.arange(len(labels_B)), labels_B] = 0
    shares_BK: Floats = other_BK / other_BK.sum(1, keepdims=True)
    return shares_BK


def _count_joint(other_BK: Floats, wrong_B: Floats, labels_B: npt.NDArray[np.integer]) -> Floats:
    """Return the expected counts of (true class, label) [K, K] of a block."""
    class_count = other_BK.shape[1]
    joint_KK = other_views.count_labels(other_BK * wrong_B[:, None], labels_B)
    joint_KK[np.arange(class_count), np.arange(class_count)] += np.bincount(
        labels_B, 1 - wrong_B, class_count
    )
    return joint_KK
