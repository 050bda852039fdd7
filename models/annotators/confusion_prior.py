"""What an annotator is taken to be before any label of his: like the others, better or worse by one number.

Row k of annotator j's confusion matrix is right with probability a_jk, and its wrong labels have the shares
b_jkl:

    a_jk ~ Beta with mean sigmoid(centre_k + offset_j) and precision_j,   offset_j ~ Normal(0, spread),
    b_jk ~ Dirichlet(strength times other_k).

So an annotator who is good at one class is expected to be good at the others, and how far that may be
trusted is found for each of them. With rows independent of each other intervals of quality hold the truth in
.7 instead of .95.

All of it is chosen from grids by the counts of (matrix, class, label): the likeliest values (`choose=None`),
or values drawn by their likelihood (`choose`: a random generator), which is a step of a Gibbs sampler.

Shape suffixes: J matrices, K classes (K, L: class, label), G values of a grid, P precisions.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.special import expit, gammaln

from models.annotators.annotations import SMALLEST, Floats

RIGHT_COUNT, WRONG_COUNT = 2.0, 1.0
"""Labels that annotators together are taken to have got right of each class, and wrong, besides those seen:
a weak prior that tells a class from another where nothing else does."""
CENTRES: Floats = np.linspace(-4.0, 7.0, 56)
"""Log-odds of a right label, .02 to .999."""
OFFSETS: Floats = np.linspace(-6.0, 6.0, 49)
"""Of one annotator against the others: from .98 right to .11 and back."""
SPREADS: Floats = np.array([0.1, 0.2, 0.4, 0.8, 1.6, 3.2])
PRECISIONS: Floats = np.array([2.0, 8.0, 32.0, 128.0])
"""Labels that an annotator's rows are worth before his own: 2 lets each class differ as it likes."""
STRENGTHS: Floats = np.array([1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0])
"""Labels that the common shares of wrong labels are worth before an annotator's own."""
Random = np.random.Generator


@dataclass(kw_only=True)
class ConfusionPrior:
    """The parameters of all annotators' matrices."""

    centre_K: Floats
    offset_J: Floats
    precision_J: Floats
    spread: float
    other_KL: Floats
    """Shares of the wrong labels; 0 on the diagonal."""
    strength: float

    @classmethod
    def start(cls, matrix_count: int, class_count: int) -> "ConfusionPrior":
        """Return annotators who are right in two of three cases."""
        other_KL = (1 - np.eye(class_count)) / max(class_count - 1, 1)
        return cls(
            centre_K=np.full(class_count, 1.0),
            offset_J=np.zeros(matrix_count),
            precision_J=np.full(matrix_count, PRECISIONS[1]),
            spread=float(SPREADS[3]),
            other_KL=other_KL,
            strength=float(STRENGTHS[2]),
        )

    def update(self, counts_JKL: Floats, *, choose: Random | None = None) -> None:
        """Choose every parameter anew, given the others and the counts."""
        right_JK = np.einsum("jkk->jk", counts_JKL).copy()
        total_JK = counts_JKL.sum(2)
        self._update_annotators(right_JK, total_JK, choose)
        self._update_centres(right_JK, total_JK, choose)
        self._update_spread(choose)
        self._update_others(counts_JKL, choose)

    def make_counts(self) -> tuple[Floats, Floats]:
        """Return what rows begin with: right and wrong [J, K] each."""
        mean_JK = expit(self.centre_K + self.offset_J[:, None])
        right_JK = self.precision_J[:, None] * mean_JK
        return right_JK, self.precision_J[:, None] - right_JK

    def complete(self, counts_JKL: Floats, *, choose: Random | None = None) -> Floats:
        """Return the confusion matrices [J, K, L]: their means, or drawn ones."""
        right_JK, wrong_JK = self.make_counts()
        seen_JK = np.einsum("jkk->jk", counts_JKL)
        right_JK = right_JK + seen_JK
        wrong_JK = wrong_JK + counts_JKL.sum(2) - seen_JK
        other_JKL = counts_JKL + self.strength * self.other_KL
        diagonal = np.arange(counts_JKL.shape[1])
        other_JKL[:, diagonal, diagonal] = 0
        if choose is not None:
            right_JK, wrong_JK = choose.standard_gamma(right_JK), choose.standard_gamma(wrong_JK)
            other_JKL = choose.standard_gamma(other_JKL)
        share_JK = right_JK / np.maximum(right_JK + wrong_JK, SMALLEST)
        other_JKL *= ((1 - share_JK) / np.maximum(other_JKL.sum(2), SMALLEST))[:, :, None]
        other_JKL[:, diagonal, diagonal] = share_JK
        return other_JKL

    def make_common(self) -> Floats:
        """Return the matrix of an annotator like the others [K, L]."""
        share_K = expit(self.centre_K)
        common_KL: Floats = (1 - share_K)[:, None] * self.other_KL + np.diag(share_K)
        return common_KL

    def _update_annotators(self, right_JK: Floats, total_JK: Floats, choose: Random | None) -> None:
        """Choose each annotator's offset and precision."""
        log_prior_G = -0.5 * (OFFSETS / self.spread) ** 2
        value_JGP = np.empty((len(right_JK), len(OFFSETS), len(PRECISIONS)))
        mean_GK = expit(self.centre_K + OFFSETS[:, None])
        right_J1K, total_J1K = right_JK[:, None], total_JK[:, None]
        for at, precision in enumerate(PRECISIONS):
            value_JGP[:, :, at] = measure_rows(right_J1K, total_J1K, mean_GK, precision).sum(2)
        value_JGP += log_prior_G[:, None]
        chosen_J = _choose(value_JGP.reshape(len(right_JK), -1), choose)
        offset_J, precision_J = np.divmod(chosen_J, len(PRECISIONS))
        self.offset_J, self.precision_J = OFFSETS[offset_J], PRECISIONS[precision_J]

    def _update_centres(self, right_JK: Floats, total_JK: Floats, choose: Random | None) -> None:
        class_count = right_JK.shape[1]
        mean_GJ1 = expit(CENTRES[:, None] + self.offset_J)[:, :, None]
        value_KG = measure_rows(right_JK, total_JK, mean_GJ1, self.precision_J[:, None]).sum(1).T.copy()
        mean_G = expit(CENTRES)
        right, wrong = RIGHT_COUNT + WRONG_COUNT / class_count, WRONG_COUNT * (1 - 1 / class_count)
        value_KG += right * np.log(mean_G) + wrong * np.log(1 - mean_G)
        self.centre_K = CENTRES[_choose(value_KG, choose)]

    def _update_spread(self, choose: Random | None) -> None:
        log_density = -0.5 * (OFFSETS / SPREADS[:, None]) ** 2
        log_density -= np.log(np.exp(log_density).sum(1, keepdims=True))
        number_J = np.searchsorted(OFFSETS, self.offset_J - SMALLEST)
        self.spread = float(SPREADS[_choose(log_density[:, number_J].sum(1)[None], choose)[0]])

    def _update_others(self, counts_JKL: Floats, choose: Random | None) -> None:
        class_count = counts_JKL.shape[1]
        is_other_KL = ~np.eye(class_count, dtype=np.bool_)
        wrong_JKL = counts_JKL * is_other_KL
        values = [measure_others(wrong_JKL, strength * self.other_KL) for strength in STRENGTHS]
        self.strength = float(STRENGTHS[_choose(np.array(values)[None], choose)[0]])
        begun_KL = is_other_KL * WRONG_COUNT / max(class_count - 1, 1)
        if choose is None:
            self.other_KL = wrong_JKL.sum(0) + begun_KL
        else:
            tables_KL = draw_tables(wrong_JKL, self.strength * self.other_KL, choose)
            self.other_KL = choose.standard_gamma(tables_KL + begun_KL) + SMALLEST * is_other_KL
        self.other_KL /= np.maximum(self.other_KL.sum(1, keepdims=True), SMALLEST)


def measure_rows(right_JK: Floats, total_JK: Floats, mean_JK: Floats, precision_JK: Floats | float) -> Floats:
    """Return the log likelihood of rows with so many right labels of so many (beta-binomial) [J, K]."""
    right, wrong = precision_JK * mean_JK, precision_JK * (1 - mean_JK)
    value_JK: Floats = (
        gammaln(right + right_JK)
        - gammaln(right)
        + gammaln(wrong + total_JK - right_JK)
        - gammaln(wrong)
        + gammaln(right + wrong)
        - gammaln(right + wrong + total_JK)
    )
    return value_JK


def measure_others(wrong_JKL: Floats, begun_KL: Floats) -> float:
    """Return the log likelihood of the wrong labels (Dirichlet-multinomial)."""
    matrix, row, label = np.nonzero(wrong_JKL > SMALLEST)
    counts, begun = wrong_JKL[matrix, row, label], np.maximum(begun_KL[row, label], SMALLEST)
    strength_K = np.maximum(begun_KL.sum(1), SMALLEST)
    rows = (gammaln(strength_K) - gammaln(strength_K + wrong_JKL.sum(2))).sum()
    return float(rows + (gammaln(begun + counts) - gammaln(begun)).sum())


def _choose(values: Floats, choose: Random | None) -> npt.NDArray[np.int64]:
    """Return the place of the best value of each row, or of one drawn by exp(value)."""
    if choose is None:
        return np.asarray(values.argmax(1), dtype=np.int64)
    # Gumbel's trick: the maximum of values plus such noise is a draw.
    return np.asarray((values + choose.gumbel(size=values.shape)).argmax(1), dtype=np.int64)


def draw_tables(counts_JKL: Floats, begun_KL: Floats, random: Random) -> Floats:
    """Return how many labels speak of what is common [K, L], and not of their annotator alone.

    Of the n labels of a cell that began with c the t-th is drawn anew from what is common with probability
    c / (c + t), t = 0 .. n - 1 (Teh and others 2006, "Hierarchical Dirichlet Processes", section 5).
    """
    cells = np.flatnonzero(counts_JKL)
    counts = counts_JKL.ravel()[cells].astype(np.int64)
    size = begun_KL.size
    starts = np.concatenate([[0], np.cumsum(counts)[:-1]]) if len(counts) else counts
    number = np.arange(counts.sum()) - np.repeat(starts, counts)
    begun = np.maximum(np.repeat(begun_KL.ravel()[cells % size], counts), SMALLEST)
    is_new = random.random(len(number)) * (begun + number) < begun
    drawn = np.bincount(np.repeat(cells % size, counts), weights=is_new, minlength=size)
    return np.asarray(drawn.reshape(begun_KL.shape), dtype=np.float64)
