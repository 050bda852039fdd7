"""Dawid and Skene's model of several annotators, with each sample's own prior, by expectation maximisation.

A sample has a true class z with the prior eta_i (`class_prior`). What all its annotators see is a class w:
mostly z, with probability h another one, as a sample that misleads everybody does. Annotator j then writes
label l with probability P_j(l | w), independently of the other annotators. h = 0 is Dawid and Skene (1979);
eta from a
classifier is Raykar and others (2010). Nobody but a classifier can see h, so without one it is 0.

**Why no label counts twice.** Wanted is P(z_i | x_i, L), L all labels of all samples, L_i those of sample i.
Given its class, a sample's labels do not depend on other samples' labels, so

    P(z_i | x_i, L)  ~  P(z_i | x_i, L without L_i)  times  P(L_i | z_i).

The first factor may come from a classifier that was trained on the other samples' labels and on x_i, and on
nothing made of L_i: the consensus label y_i that audits train on is made of L_i, so the classifier must not
have learned y_i. That is what out of sample means here. Probabilities in sample hold L_i already, and times
P(L_i | z_i) would count them twice: such rows are replaced by the class shares. That P_j is fitted to L_i,
too, is a matter of order 1 / (labels of the annotator), and `posterior_draws` averages over it.

The classifier learned noisy labels, so its probabilities are of labels, and too sure or too timid as classes:
scale and bias per class are fitted with the rest by the likelihood of labels that it has not seen.

What no such model sees: errors that annotators share and that the classifier has learned from them.

Shape suffixes: N samples, J matrices, K classes (K, L: true class, label), M cells (matrix, label).
"""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt
from scipy import sparse
from scipy.special import logsumexp

from models.annotators.annotations import SMALLEST, Annotations, Floats
from models.annotators.class_prior import ClassPrior
from models.annotators.confusion_prior import ConfusionPrior

ROUNDS, TOLERANCE = 100, 1e-4
MISLED_GAIN = 3.0
"""Nats by which h must make all labels likelier. Where a classifier is equally sure of all samples, a
classifier that errs and annotators who are misled together look alike, and h alone would make the classifier
the truth. Twice 3 nats is exceeded by chance in .014 (chi-squared, one degree of freedom)."""
MISLED_PRIOR = (1.0, 20.0)
"""Beta prior of h: on average one sample in twenty-one, so few samples claim nothing."""
FITTED_PRIOR_ROUNDS = 4
"""Rounds after which the class prior is fitted only every fourth one: it moves slowly; time."""
CELLS_MAX, ROWS_MAX = 4_000_000, 50_000
"""Cells and rows of all annotators' matrices; annotators with the fewest labels share one beyond it. Time: a
round is a second then."""


@dataclass(frozen=True, kw_only=True)
class VoteCells:
    """The labels as a sparse matrix, and which annotators have a matrix of their own."""

    annotations: Annotations
    matrix_of_annotator_J: npt.NDArray[np.int64]
    matrix_count: int
    votes_MN: sparse.csr_array
    """One where annotator (matrix) j gave sample n label l, in row j K + l."""
    votes_NM: sparse.csr_array

    @classmethod
    def arrange(cls, annotations: Annotations) -> "VoteCells":
        """Return the cells; raise ValueError for too many classes."""
        class_count = annotations.class_count
        most = min(CELLS_MAX // class_count**2, ROWS_MAX // class_count)
        if most < 2:  # noqa: PLR2004 - one and the shared one
            raise ValueError(f"expected at most {int((CELLS_MAX / 2) ** 0.5)} classes, found {class_count}")
        count = annotations.annotator_count
        if count <= most:
            matrix_of = np.arange(count)
        else:
            order = np.argsort(-annotations.labels_per_annotator_J, kind="stable")
            matrix_of = np.full(count, most - 1)
            matrix_of[order[: most - 1]] = np.arange(most - 1)
        matrices = min(count, most)
        cell_R = matrix_of[annotations.annotator_R] * class_count + annotations.label_R
        ones_R = np.ones(len(cell_R))
        shape = (matrices * class_count, annotations.sample_count)
        votes_MN = sparse.csr_array((ones_R, (cell_R, annotations.sample_R)), shape=shape)
        return cls(
            annotations=annotations,
            matrix_of_annotator_J=matrix_of,
            matrix_count=matrices,
            votes_MN=votes_MN,
            votes_NM=sparse.csr_array(votes_MN.T),
        )

    def count(self, class_NK: Floats) -> Floats:
        """Return the expected counts of (matrix, class, label) [J, K, L] for class probabilities."""
        class_count = self.annotations.class_count
        cells = np.asarray(self.votes_MN @ class_NK)
        return cells.reshape(self.matrix_count, class_count, class_count).transpose(0, 2, 1)

    def measure(self, model: "AnnotatorModel", eta_NK: Floats) -> float:
        """Return the log likelihood of all labels."""
        log_NK = self._take_logs(model.confusion_JKL)
        other = model.misled / max(eta_NK.shape[1] - 1, 1)
        same = 1 - model.misled - other
        return float(logsumexp(log_NK, axis=1, b=same * eta_NK + other).sum())

    def weigh(self, confusion_JKL: Floats) -> Floats:
        """Return the likelihood of each sample's labels by class [N, K], each row with a maximum of 1."""
        log_NK = self._take_logs(confusion_JKL)
        log_NK -= log_NK.max(1, keepdims=True)
        return np.exp(log_NK, out=log_NK)

    def _take_logs(self, confusion_JKL: Floats) -> Floats:
        """Return the log likelihood of each sample's labels by class [N, K]."""
        class_count = self.annotations.class_count
        logs_MK = np.log(np.maximum(confusion_JKL, SMALLEST)).transpose(0, 2, 1).reshape(-1, class_count)
        log_NK: Floats = np.asarray(self.votes_NM @ logs_MK)
        return log_NK


@dataclass(kw_only=True)
class AnnotatorModel:
    """All parameters."""

    prior: ClassPrior
    confusion_JKL: Floats
    """P_j(l | w) in row w of matrix j."""
    matrices: ConfusionPrior
    misled: float = 0.0
    """h."""
    rounds: int = field(default=0)

    def infer(self, eta_NK: Floats, weight_NK: Floats) -> tuple[Floats, Floats, Floats]:
        """Return P(z), P(w) [N, K], and the probability that both differ [N], given all labels."""
        class_count = eta_NK.shape[1]
        other = self.misled / max(class_count - 1, 1)
        same = 1 - self.misled - other
        sum_N1 = weight_NK.sum(1, keepdims=True)
        joint_NK = eta_NK * (same * weight_NK + other * sum_N1)
        total_N1 = np.maximum(joint_NK.sum(1, keepdims=True), SMALLEST)
        true_NK = joint_NK / total_N1
        seen_NK = weight_NK * (same * eta_NK + other) / total_N1
        equal_N = (1 - self.misled) * (eta_NK * weight_NK).sum(1) / total_N1[:, 0]
        return true_NK, seen_NK, (1 - equal_N).clip(0, 1)


def choose_annotators(cells: VoteCells, start: Callable[[], ClassPrior], *, seed: int = 0) -> AnnotatorModel:
    """Return the likeliest model, with samples that mislead everybody only where the labels bear them out."""
    plain = fit_annotators(cells, start(), allows_misled=False, seed=seed)
    if not plain.prior.has_classifier:
        return plain
    misled = fit_annotators(cells, start(), seed=seed)
    gain = cells.measure(misled, misled.prior.compute()) - cells.measure(plain, plain.prior.compute())
    return misled if gain > MISLED_GAIN else plain


def fit_annotators(
    cells: VoteCells, prior: ClassPrior, *, allows_misled: bool = True, seed: int = 0
) -> AnnotatorModel:
    """Return the likeliest model (a local maximum, from the majority's side)."""
    annotations = cells.annotations
    labelled_N = annotations.labels_per_sample_N > 0
    eta_NK = prior.compute()
    votes_NK = annotations.counts_NK.toarray() + eta_NK
    seen_NK = votes_NK / votes_NK.sum(1, keepdims=True)
    class_count = annotations.class_count
    model = AnnotatorModel(
        prior=prior,
        confusion_JKL=np.empty((cells.matrix_count, class_count, class_count)),
        matrices=ConfusionPrior.start(cells.matrix_count, class_count),
        misled=MISLED_PRIOR[0] / sum(MISLED_PRIOR) if allows_misled and prior.has_classifier else 0.0,
    )
    true_NK = seen_NK
    for model.rounds in range(1, ROUNDS + 1):
        counts_JKL = cells.count(seen_NK)
        model.matrices.update(counts_JKL)
        model.confusion_JKL = model.matrices.complete(counts_JKL)
        if model.rounds <= FITTED_PRIOR_ROUNDS or model.rounds % FITTED_PRIOR_ROUNDS == 0:
            prior.fit(true_NK, labelled_N, seed=seed)
            eta_NK = prior.compute()
        before_NK = true_NK
        true_NK, seen_NK, differs_N = model.infer(eta_NK, cells.weigh(model.confusion_JKL))
        if model.misled:
            first, second = MISLED_PRIOR
            known_N = labelled_N & prior.is_known_N
            model.misled = min(
                float((differs_N[known_N].sum() + first) / (known_N.sum() + first + second)), 0.5
            )
        if np.abs(true_NK - before_NK).max() < TOLERANCE:
            break
    return model
