"""From several annotators' labels to a consensus, and to what may be said of it.

Shape suffixes: N samples, J annotators, K classes, D draws, R labels.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from scipy.special import expit, logit

from models.annotators.annotations import (
    PAIR,
    SMALLEST,
    Alpha,
    Annotations,
    Codes,
    Floats,
    find_majority,
    measure_agreement,
    measure_alpha,
)
from models.annotators.class_prior import ClassPrior
from models.annotators.dawid_skene import VoteCells, choose_annotators
from models.annotators.posterior_draws import Draws, draw_posterior
from models.annotators.repeat_gain import measure_gain

Finding = Literal["better", "worse", "too_few"]
LEVEL = 0.05
OVERLAP_MIN = 30
"""Samples with two labels, below which nothing but the majority is said: the standard error of their
agreement is above .09 there, and quality rests on agreement."""
WIDTH_MAX = 0.3
"""Width of an annotator's interval above which no finding is made: "too few to tell"."""
CERTAIN = 0.95
"""Posterior probability above which an annotator is called better or worse than the others. The prior that
annotators share draws each towards the others, which is what keeps the number of false findings down
(Gelman, Hill and Yajima 2012)."""
WIDENED = 1.3
"""Factor of the intervals of quality, in log-odds. bench/annotators before it: 140 of 156 held the truth with
LIMIT and 132 without, instead of 148."""
SKILL_MIN = 0.5
"""Share of the way from the most frequent class to certainty that the classifier's calibrated probabilities
must go on average for probabilities to be claimed. bench/annotators without any: of labels at .95 or more
.12 were wrong where annotators were misled together on a tenth of the samples, and .07 where a fifth was
hard."""
UNEVEN = 1.15
"""How many times more unevenly the samples' agreement may be spread than independent annotators would spread
it. bench/annotators: 1.05 at most where they are independent and LIMIT stands beside them."""


class Reason(StrEnum):
    """Why probabilities and quality may not be claimed."""

    NO_OVERLAP = "no_overlap"
    NO_WITNESS = "no_witness"
    UNEVEN_SAMPLES = "uneven_samples"
    TOO_LARGE = "too_large"


EXPLANATIONS = {
    Reason.NO_OVERLAP: f"fewer than {OVERLAP_MIN} samples have labels of two annotators or more, so nothing"
    " tells how good annotators are: the consensus is the most frequent label; an audit of the dataset judges"
    " single labels",
    Reason.NO_WITNESS: "no networks that know the classes well stand beside the annotators (start an audit),"
    " so nothing tells whether annotators err together: the consensus is given, and no probability with it",
    Reason.TOO_LARGE: "so many annotators and classes take more time or memory than there is to tell how good"
    " annotators are: the consensus is the most frequent label",
    Reason.UNEVEN_SAMPLES: "annotators err together on some samples more than independent ones would (hard or"
    " misleading samples): the consensus is given, but its probabilities would be too sure, so none is shown",
}


@dataclass(frozen=True, kw_only=True)
class Quality:
    """What is known of each annotator; not a number where nothing is."""

    accuracy_J: Floats
    """Probability that his label of a sample drawn from this dataset is right."""
    low_J: Floats
    high_J: Floats
    """95 % interval."""
    findings_J: list[Finding | None]
    confusion_JKL: Floats | None
    """P(label | true class) of each matrix; annotators with the fewest labels may share one."""
    matrix_of_annotator_J: npt.NDArray[np.int64]


@dataclass(frozen=True, kw_only=True)
class Consensus:
    """The consensus of all samples."""

    label_N: Codes
    """-1 where nobody labelled the sample."""
    probability_N: Floats
    """That the label is right, if annotators err independently; not a number where it may not be claimed."""
    majority_N: Codes
    is_tie_N: npt.NDArray[np.bool_]
    count_N: npt.NDArray[np.int64]
    agreement_N: Floats
    gain_N: Floats
    """Wrong consensus labels that one more label is expected to avoid; 0 where it may not be claimed."""
    quality: Quality
    alpha: Alpha | None
    wrong_count: float | None
    """Expected number of wrong consensus labels."""
    wrong_interval: tuple[float, float] | None
    misled: float
    """Share of samples on which all annotators are led astray together, as far as a classifier sees it."""
    unevenness: float | None
    """Variance of the samples' agreement over that of independent annotators; None: nothing tells it."""
    has_classifier: bool
    reasons: tuple[Reason, ...]


def find_consensus(
    annotations: Annotations,
    probabilities_NK: npt.NDArray[np.floating[Any]] | None = None,
    is_out_of_sample_N: npt.NDArray[np.bool_] | None = None,
    *,
    seed: int = 0,
) -> Consensus:
    """Return the consensus of the annotators and, where there is one, of a classifier.

    Args:
        annotations: the labels.
        probabilities_NK: class probabilities that never saw any label of their own sample; None: there are
        none.
        is_out_of_sample_N: which rows of them hold that; the others are not used. None: all.
        seed: of the draws.

    Raises:
        ValueError: too many classes.

    """
    paired = int((annotations.labels_per_sample_N >= PAIR).sum())
    if paired < OVERLAP_MIN:
        return take_majority(annotations, Reason.NO_OVERLAP, seed=seed)
    common = _describe(annotations, seed) | {"has_classifier": probabilities_NK is not None}
    cells = VoteCells.arrange(annotations)
    shape = (annotations.sample_count, annotations.class_count)
    model = choose_annotators(
        cells, lambda: ClassPrior.start(probabilities_NK, is_out_of_sample_N, shape=shape), seed=seed
    )
    fitted_NK, weight_NK = model.prior.compute(), cells.weigh(model.confusion_JKL)
    misled = model.misled
    common_KL = model.matrices.make_common()
    draws = draw_posterior(cells, model, seed=seed)
    is_labelled_N = annotations.labels_per_sample_N > 0
    label_N = np.where(is_labelled_N, draws.true_NK.argmax(1), -1).astype(np.int32)
    probability_N = np.where(is_labelled_N, draws.true_NK.max(1), np.nan)
    reasons = _find_reasons(fitted_NK[is_labelled_N], draws)
    gain_N = np.where(is_labelled_N, measure_gain(fitted_NK, weight_NK, common_KL, misled=misled), 0)
    wrong_N = 1 - probability_N[is_labelled_N]
    return Consensus(
        label_N=label_N,
        probability_N=np.full(len(label_N), np.nan) if reasons else probability_N,
        gain_N=gain_N,
        quality=_judge(cells, draws),
        wrong_count=None if reasons else float(wrong_N.sum()),
        wrong_interval=None if reasons else _find_interval(draws, wrong_N, seed=seed),
        misled=draws.misled,
        unevenness=draws.unevenness,
        reasons=reasons,
        **common,
    )


def _find_reasons(prior_NK: Floats, draws: Draws) -> tuple[Reason, ...]:
    """Return what stands against probabilities; without a classifier all rows of the prior are alike."""
    frequent = float(prior_NK.mean(0).max())
    skill = (float(prior_NK.max(1).mean()) - frequent) / max(1 - frequent, SMALLEST)
    uneven = draws.unevenness is not None and draws.unevenness > UNEVEN
    found = {Reason.NO_WITNESS: skill < SKILL_MIN, Reason.UNEVEN_SAMPLES: uneven}
    return tuple(reason for reason, holds in found.items() if holds)


def _describe(annotations: Annotations, seed: int) -> dict[str, Any]:
    """Return what the labels say by themselves."""
    majority_N, is_tie_N = find_majority(annotations)
    return {
        "majority_N": majority_N,
        "is_tie_N": is_tie_N,
        "count_N": annotations.labels_per_sample_N,
        "agreement_N": measure_agreement(annotations),
        "alpha": measure_alpha(annotations, seed=seed),
    }


def take_majority(annotations: Annotations, reason: Reason, *, seed: int = 0) -> Consensus:
    """Return the most frequent labels, and nothing of how good annotators are."""
    common = _describe(annotations, seed)
    blank_J = np.full(annotations.annotator_count, np.nan)
    return Consensus(
        label_N=common["majority_N"],
        probability_N=np.full(annotations.sample_count, np.nan),
        gain_N=np.zeros(annotations.sample_count),
        quality=Quality(
            accuracy_J=blank_J,
            low_J=blank_J,
            high_J=blank_J,
            findings_J=["too_few"] * annotations.annotator_count,
            confusion_JKL=None,
            matrix_of_annotator_J=np.zeros(annotations.annotator_count, dtype=np.int64),
        ),
        wrong_count=None,
        wrong_interval=None,
        misled=0.0,
        unevenness=None,
        has_classifier=False,
        reasons=(reason,),
        **common,
    )


def _find_interval(draws: Draws, wrong_N: Floats, *, seed: int) -> tuple[float, float]:
    """Return the 95 % interval of the number of wrong labels: of the draws' expectations, and of chance."""
    spread = np.sqrt((wrong_N * (1 - wrong_N)).sum())
    noise_D = np.random.default_rng(seed).normal(0, spread, len(draws.wrong_D))
    low, high = np.quantile((draws.wrong_D + noise_D).clip(0, len(wrong_N)), (LEVEL / 2, 1 - LEVEL / 2))
    return float(low), float(high)


def _widen(centre: Floats, end: Floats) -> Floats:
    """Return the end of an interval, farther from its centre in log-odds by the factor WIDENED."""
    middle = logit(centre)
    wider: Floats = expit(middle + WIDENED * (logit(end) - middle))
    return wider


def _judge(cells: VoteCells, draws: Draws) -> Quality:
    """Return each annotator's quality, and whether it differs from the others' mean weighted by labels."""
    matrix_J = cells.matrix_of_annotator_J
    low, high = np.quantile(draws.accuracy_DJ, (LEVEL / 2, 1 - LEVEL / 2), axis=0)
    low, high = _widen(draws.accuracy_DJ.mean(0), low), _widen(draws.accuracy_DJ.mean(0), high)
    labels = np.bincount(
        matrix_J, cells.annotations.labels_per_annotator_J.astype(np.float64), minlength=cells.matrix_count
    )
    total_D1 = draws.accuracy_DJ @ labels[:, None]
    others_DJ = (total_D1 - draws.accuracy_DJ * labels) / np.maximum(labels.sum() - labels, 1)
    worse = (draws.accuracy_DJ < others_DJ).mean(0)
    is_shared = np.bincount(matrix_J, minlength=cells.matrix_count) > 1
    findings: list[Finding | None] = []
    for each in range(cells.matrix_count):
        if is_shared[each] or high[each] - low[each] > WIDTH_MAX:
            findings.append("too_few")
        elif cells.matrix_count > 1 and max(worse[each], 1 - worse[each]) > CERTAIN:
            findings.append("worse" if worse[each] > CERTAIN else "better")
        else:
            findings.append(None)
    return Quality(
        accuracy_J=draws.accuracy_DJ.mean(0)[matrix_J],
        low_J=low[matrix_J],
        high_J=high[matrix_J],
        findings_J=[findings[each] for each in matrix_J],
        confusion_JKL=draws.confusion_JKL,
        matrix_of_annotator_J=matrix_J,
    )
