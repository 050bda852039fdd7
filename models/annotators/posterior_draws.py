"""Draws from the posterior of the annotators' model: what is not known of annotators widens every interval.

Gibbs sampling of classes, confusion matrices, their common matrix and its strength. Without a classifier the
class shares are drawn, too; a classifier's scale and biases stay as fitted.

Shape suffixes: as in `dawid_skene`; D draws, R labels.
"""

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from models.annotators.annotations import SMALLEST, Annotations, Floats, measure_agreement
from models.annotators.class_prior import SCALE_BOUNDS, SCALE_PENALTY
from models.annotators.dawid_skene import (
    MISLED_PRIOR,
    AnnotatorModel,
    VoteCells,
)

SWEEPS, LEFT_OUT = 260, 60
"""Draws, and those before the chain has forgotten its start (the likeliest model). 200 draws hold the ends
of a 95 % interval to about a tenth of its width; bench/annotators measures how often intervals hold the
truth."""
SWEEP_CELLS = 3_000_000_000
"""Samples times classes times sweeps: large data, whose intervals are narrow anyway, gets fewer sweeps;
time."""
IMAGINED_EVERY, THREE, SPREAD_SAMPLES_MIN = 10, 3, 30
PRIOR_EVERY, SCALE_STEPS = 2, 2
SWEEPS_MIN, LEFT_OUT_MIN = 60, 15


@dataclass(frozen=True, kw_only=True)
class Draws:
    """The posterior."""

    true_NK: Floats
    """P(z), averaged over the draws."""
    accuracy_DJ: npt.NDArray[np.float64]
    """Probability that a matrix's label of a sample drawn from this data is right."""
    confusion_JKL: Floats
    """Mean of P(l | z)."""
    misled: float
    """Mean of h."""
    wrong_D: Floats
    """Expected number of wrong consensus labels, by each draw."""
    unevenness: float | None
    """Variance of the samples' agreement over that of independent annotators; None: no sample has three
    labels."""


def draw_posterior(cells: VoteCells, model: AnnotatorModel, *, seed: int = 0) -> Draws:
    """Return the posterior, by a chain that starts at the likeliest model."""
    return _Chain(cells, model, seed=seed).run()


class _Chain:
    def __init__(self, cells: VoteCells, model: AnnotatorModel, *, seed: int) -> None:
        self.cells, self.model = cells, model
        self.random = np.random.default_rng(seed)
        self.eta_NK = model.prior.compute()
        self.labelled_N = cells.annotations.labels_per_sample_N > 0
        self.matrix_R = cells.matrix_of_annotator_J[cells.annotations.annotator_R]
        self.seen_N = np.zeros(len(self.eta_NK), dtype=np.int64)
        self.every = np.arange(int(self.labelled_N.sum()))
        self.spread = measure_spread(cells.annotations)
        self.scale_step = self._choose_step()
        size = max(self.eta_NK.size, 1)
        self.sweeps = int(np.clip(SWEEP_CELLS // (10 * size), SWEEPS_MIN, SWEEPS))
        self.left_out = LEFT_OUT if self.sweeps == SWEEPS else LEFT_OUT_MIN

    def run(self) -> Draws:
        """Draw, and keep sums."""
        kept = self.sweeps - self.left_out
        true_NK = np.zeros_like(self.eta_NK)
        confusion_JKL = np.zeros_like(self.model.confusion_JKL)
        accuracies, misled, wrong, imagined = [], [], [], []
        start_NK, _, _ = self.model.infer(self.eta_NK, self.cells.weigh(self.model.confusion_JKL))
        label_N = start_NK[self.labelled_N].argmax(1)
        for sweep in range(self.sweeps):
            probability_NK = self._sweep(sweep)
            if sweep < self.left_out:
                continue
            true_NK += probability_NK / kept
            shown_JKL = self._mislead(self.model.confusion_JKL)
            confusion_JKL += shown_JKL / kept
            labelled_NK = probability_NK[self.labelled_N]
            share_K = labelled_NK.mean(0)
            wrong.append(float((1 - labelled_NK[self.every, label_N]).sum()))
            if self.spread is not None and sweep % IMAGINED_EVERY == 0:
                imagined.append(self._imagine_spread())
            accuracies.append(np.einsum("jkk,k->j", shown_JKL, share_K))
            misled.append(self.model.misled)
        return Draws(
            true_NK=true_NK,
            accuracy_DJ=np.array(accuracies),
            confusion_JKL=confusion_JKL,
            misled=float(np.mean(misled)),
            wrong_D=np.array(wrong),
            unevenness=self._compare_spread(imagined),
        )

    def _compare_spread(self, imagined: list[float]) -> float | None:
        """Return how many times as uneven the agreement is as the model says; None: it was not measured."""
        if self.spread is None or not imagined:
            return None
        return self.spread / max(float(np.mean(imagined)), SMALLEST)

    def _imagine_spread(self) -> float:
        """Return the spread of agreement of labels that this draw's annotators would give independently."""
        annotations = self.cells.annotations
        row_RK = self.model.confusion_JKL[self.matrix_R, self.seen_N[annotations.sample_R]]
        label_R = _draw_classes(row_RK, self.random).astype(np.int32)
        return measure_spread(replace(annotations, label_R=label_R)) or 0.0

    def _mislead(self, confusion_JKL: Floats) -> Floats:
        """Return P(l | z) from P(l | w)."""
        if not self.model.misled:
            return confusion_JKL
        class_count = confusion_JKL.shape[1]
        other = self.model.misled / max(class_count - 1, 1)
        mixed: Floats = (1 - self.model.misled - other) * confusion_JKL + other * confusion_JKL.sum(
            1, keepdims=True
        )
        return mixed

    def _sweep(self, sweep: int) -> Floats:
        """Draw everything once; return P(z) before the classes were drawn."""
        model, random = self.model, self.random
        weight_NK = self.cells.weigh(model.confusion_JKL)
        if model.prior.has_classifier:
            self._draw_scale(weight_NK)
        true_NK, seen_NK, _ = model.infer(self.eta_NK, weight_NK)
        seen_N = self.seen_N = _draw_classes(seen_NK, random)
        if model.misled:
            self._draw_misled(seen_N)
        if not model.prior.has_classifier:
            counts_K = np.bincount(seen_N[self.labelled_N], minlength=true_NK.shape[1])
            model.prior.share_K = random.dirichlet(counts_K + 1)
            self.eta_NK[:] = model.prior.share_K
        self._draw_confusions(seen_N, changes_prior=sweep % PRIOR_EVERY == 0)
        return true_NK

    def _draw_scale(self, weight_NK: Floats) -> None:
        """Draw the classifier's scale with all classes summed out, by Metropolis steps of its logarithm."""
        prior, random = self.model.prior, self.random
        value = self._measure_scale(self.eta_NK, weight_NK)
        for _ in range(SCALE_STEPS):
            before, eta_NK = prior.scale, self.eta_NK
            prior.scale = float(np.clip(before * np.exp(self.scale_step * random.normal()), *SCALE_BOUNDS))
            self.eta_NK = prior.compute()
            proposed = self._measure_scale(self.eta_NK, weight_NK)
            if np.log(random.random()) < proposed - value:
                value = proposed
            else:
                prior.scale, self.eta_NK = before, eta_NK

    def _measure_scale(self, eta_NK: Floats, weight_NK: Floats) -> float:
        """Return the log likelihood of all labels, and the penalty of the scale."""
        other = self.model.misled / max(eta_NK.shape[1] - 1, 1)
        same = 1 - self.model.misled - other
        likelihood_N = same * (eta_NK * weight_NK).sum(1) + other * weight_NK.sum(1)
        fitted = self.labelled_N & self.model.prior.is_known_N
        penalty = SCALE_PENALTY * np.log(self.model.prior.scale) ** 2
        return float(np.log(np.maximum(likelihood_N[fitted], SMALLEST)).sum() - penalty)

    def _choose_step(self) -> float:
        """Return 2.4 standard errors of the scale's logarithm (Gelman and others 1996), were classes known.

        They are not, which makes the true error larger: 1.5 times.
        """
        logs_NK = self.model.prior.logs_NK
        if logs_NK is None:
            return 0.0
        fitted = self.labelled_N & self.model.prior.is_known_N
        eta_NK, logs_NK = self.eta_NK[fitted], logs_NK[fitted]
        mean_N1 = (eta_NK * logs_NK).sum(1, keepdims=True)
        information = float((eta_NK * (logs_NK - mean_N1) ** 2).sum()) * self.model.prior.scale**2
        return float(min(2.4 * 1.5 / np.sqrt(information + 1), 1.0))

    def _draw_misled(self, seen_N: npt.NDArray[np.int64]) -> None:
        """Draw which samples mislead everybody, given the classes seen, and then h."""
        known = np.flatnonzero(self.labelled_N & self.model.prior.is_known_N)
        own_N = self.eta_NK[known, seen_N[known]]
        other = self.model.misled / max(self.eta_NK.shape[1] - 1, 1)
        equal_N = (1 - self.model.misled) * own_N
        share_N = other * (1 - own_N) / np.maximum(equal_N + other * (1 - own_N), SMALLEST)
        count = int((self.random.random(len(known)) < share_N).sum())
        first, second = MISLED_PRIOR
        self.model.misled = min(float(self.random.beta(first + count, second + len(known) - count)), 0.5)

    def _draw_confusions(self, seen_N: npt.NDArray[np.int64], *, changes_prior: bool) -> None:
        model, annotations = self.model, self.cells.annotations
        shape = model.confusion_JKL.shape
        row_R = self.matrix_R * shape[1] + seen_N[annotations.sample_R]
        cell_R = row_R * shape[2] + annotations.label_R
        counts_JKL = np.bincount(cell_R, minlength=int(np.prod(shape))).reshape(shape).astype(np.float64)
        if changes_prior:
            model.matrices.update(counts_JKL, choose=self.random)
        model.confusion_JKL = model.matrices.complete(counts_JKL, choose=self.random)


def measure_spread(annotations: Annotations) -> float | None:
    """Return the variance of the agreement of samples with three labels or more; None: there are too few."""
    agreement_N = measure_agreement(annotations)[annotations.labels_per_sample_N >= THREE]
    return float(agreement_N.var()) if len(agreement_N) >= SPREAD_SAMPLES_MIN else None


def _draw_classes(probability_NK: Floats, random: np.random.Generator) -> npt.NDArray[np.int64]:
    """Return a class for each row, by its probabilities."""
    sums_NK = probability_NK.cumsum(1)
    drawn_N1 = random.random((len(probability_NK), 1)) * sums_NK[:, -1:]
    below_N: npt.NDArray[np.int64] = (sums_NK < drawn_N1).sum(1)
    return below_N.clip(max=probability_NK.shape[1] - 1)
