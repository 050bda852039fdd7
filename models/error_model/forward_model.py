"""The likelihood of the given labels under class-dependent label noise, and its maximum.

P(label y | sample) = sum over k of eta_k T_ky. eta = softmax(sum of a_m log p_m + b) are the true class's
probabilities from M sources of evidence, T is the transition matrix. This is the forward correction of
Patrini and others (2017) with a scale per source that is fitted too. Together scale and noise are told
apart: at sure samples a network's own disagreement goes to 0, and that of noisy labels to the noise rate.
With the scale held fixed it is the mixture of Dawid and Skene (1979), whose answer is set by that scale.
Shape suffixes: N samples, K classes, M sources.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy.optimize import minimize
from scipy.special import softmax

from models.error_model.assumptions import CONSTANTS, Constants

Floats = npt.NDArray[np.float64]
STARTS = ((0.02, 1.5, 0.5), (0.3, 0.5, 1.5))
"""Noise rate, scale of the first source and of the others that the maximisation begins with.

The likelier end is kept. The scales matter where one source is much better; the noise rate never did."""
SCALE_BOUNDS, BIAS_BOUNDS, LOGIT_BOUNDS = (1e-3, 60.0), (-4.0, 4.0), (-14.0, 3.0)


@dataclass(frozen=True, kw_only=True)
class ForwardModel:
    """Scales, biases and transitions that make the given labels likeliest."""

    scale_M: Floats
    bias_K: Floats
    transition_KK: Floats
    """P(label y | class k) in row k, column y."""
    evenness: float
    """How strongly the wrong labels of a class were drawn to be spread evenly over the other classes."""
    log_likelihood: float
    """Mean over the samples it was fitted to, in nats."""
    undone_KK: Floats | None = None
    """Transitions that are undone in the sources before their logarithms (`noise_undoing`); None: none."""


@dataclass(frozen=True, kw_only=True)
class TrueClassProbabilities:
    """What a model says of samples."""

    prior_NK: Floats
    """True classes without the given label."""
    posterior_NK: Floats
    """True classes given the label."""


@dataclass(frozen=True, kw_only=True)
class Problem:
    """What the likelihood is a function of, apart from its parameters."""

    logs_MNK: Floats
    labels_N: npt.NDArray[np.int64]
    is_label_NK: Floats
    weight_N: Floats
    evenness: float
    constants: Constants

    @property
    def class_count(self) -> int:
        """Return K."""
        return int(self.logs_MNK.shape[2])


def take_logs(sources: Sequence[npt.NDArray[np.floating[Any]]], constants: Constants = CONSTANTS) -> Floats:
    """Return the centred logarithms [M, N, K] of probabilities of M sources."""
    logs_MNK = np.log(np.maximum(np.stack(sources).astype(np.float64), constants.least_probability))
    centred_MNK: Floats = logs_MNK - logs_MNK.mean(2, keepdims=True)
    return centred_MNK


def fit_forward(
    logs_MNK: Floats,
    labels_N: npt.NDArray[np.integer[Any]],
    constants: Constants = CONSTANTS,
    *,
    evenness: float = 0.0,
) -> ForwardModel:
    """Return the likeliest model of the given labels.

    Args:
        logs_MNK: `take_logs`.
        labels_N: the given labels.
        constants: of the model.
        evenness: `noise_evenness.choose_evenness`.

    """
    problem = pose_problem(logs_MNK, labels_N, np.ones(len(labels_N)), constants, evenness)
    starts = [_start(problem, *start) for start in STARTS]
    ends = [_minimise(problem, start, constants.rounds) for start in starts]
    return _model(problem, min(ends, key=lambda end: float(end.fun)).x)


def refit_forward(
    model: ForwardModel,
    logs_MNK: Floats,
    labels_N: npt.NDArray[np.integer[Any]],
    constants: Constants = CONSTANTS,
) -> ForwardModel:
    """Return the likeliest model of other logarithms of the same sources, searched for from a model on."""
    problem = pose_problem(logs_MNK, labels_N, np.ones(len(labels_N)), constants, model.evenness)
    return _model(problem, _minimise(problem, _vector(model), constants.rounds).x)


def bootstrap_rates(
    model: ForwardModel,
    logs_MNK: Floats,
    labels_N: npt.NDArray[np.integer[Any]],
    *,
    seed: int = 0,
    constants: Constants = CONSTANTS,
) -> Floats:
    """Return the error rates of models fitted to samples drawn again, with replacement."""
    random = np.random.default_rng(seed)
    count = len(labels_N)
    rates = []
    for _ in range(constants.bootstrap_samples):
        weight_N = np.bincount(random.integers(0, count, count), minlength=count).astype(np.float64)
        problem = pose_problem(logs_MNK, labels_N, weight_N, constants, model.evenness)
        end = _minimise(problem, _vector(model), constants.bootstrap_rounds)
        error_N = error_probability(infer_true_class(_model(problem, end.x), logs_MNK, labels_N), labels_N)
        rates.append(float((weight_N * error_N).sum() / count))
    return np.array(rates)


def infer_true_class(
    model: ForwardModel, logs_MNK: Floats, labels_N: npt.NDArray[np.integer[Any]]
) -> TrueClassProbabilities:
    """Return the true classes' probabilities before and after seeing the labels."""
    prior_NK = _prior(model.scale_M, model.bias_K, logs_MNK)
    joint_NK = prior_NK * model.transition_KK[:, labels_N].T
    return TrueClassProbabilities(prior_NK=prior_NK, posterior_NK=joint_NK / joint_NK.sum(1, keepdims=True))


def error_probability(true_class: TrueClassProbabilities, labels_N: npt.NDArray[np.integer[Any]]) -> Floats:
    """Return the probability that each given label is wrong [N]."""
    wrong_N: Floats = 1 - true_class.posterior_NK[np.arange(len(labels_N)), labels_N]
    return wrong_N.clip(0, 1)


def pose_problem(
    logs_MNK: Floats,
    labels_N: npt.NDArray[np.integer[Any]],
    weight_N: Floats,
    constants: Constants,
    evenness: float = 0.0,
) -> Problem:
    """Return the problem of labels and weights of samples."""
    is_label_NK = np.zeros(logs_MNK.shape[1:])
    is_label_NK[np.arange(len(labels_N)), labels_N] = 1
    return Problem(
        logs_MNK=logs_MNK,
        labels_N=labels_N.astype(np.int64),
        is_label_NK=is_label_NK,
        weight_N=weight_N,
        evenness=evenness,
        constants=constants,
    )


def _start(problem: Problem, noise: float, first: float, others: float) -> Floats:
    source_count, _, class_count = problem.logs_MNK.shape
    logit_KK = np.full((class_count, class_count), np.log(noise / max(class_count - 1, 1)))
    np.fill_diagonal(logit_KK, np.log(1 - noise))
    scale_M = np.full(source_count, others)
    scale_M[0] = first
    return np.concatenate([scale_M, np.zeros(class_count), logit_KK.ravel()])


def _vector(model: ForwardModel) -> Floats:
    logit_KK = np.log(model.transition_KK).clip(*LOGIT_BOUNDS)
    return np.concatenate([model.scale_M, model.bias_K, logit_KK.ravel()])


def _minimise(problem: Problem, start: Floats, rounds: int) -> Any:  # noqa: ANN401 - scipy has no types
    source_count, class_count = len(problem.logs_MNK), problem.class_count
    bounds = [SCALE_BOUNDS] * source_count + [BIAS_BOUNDS] * class_count + [LOGIT_BOUNDS] * class_count**2
    return minimize(
        penalised_loss,
        start,
        args=(problem,),
        jac=True,
        method="L-BFGS-B",
        bounds=bounds,
        options={"maxiter": rounds},
    )


def _split(vector: Floats, problem: Problem) -> tuple[Floats, Floats, Floats]:
    source_count, class_count = len(problem.logs_MNK), problem.class_count
    scale_M, bias_K, logits = np.split(vector, [source_count, source_count + class_count])
    transition_KK: Floats = softmax(logits.reshape(class_count, class_count), axis=1)
    return scale_M, bias_K, transition_KK


def _prior(scale_M: Floats, bias_K: Floats, logs_MNK: Floats) -> Floats:
    prior_NK: Floats = softmax(np.tensordot(scale_M, logs_MNK, 1) + bias_K, axis=1)
    return prior_NK


def penalised_loss(vector: Floats, problem: Problem) -> tuple[float, Floats]:
    """Return the negative log likelihood with penalties, summed over the samples, and its gradient.

    The vector holds the scales, the biases and the logits of the transitions, row by row.
    """
    scale_M, bias_K, transition_KK = _split(vector, problem)
    prior_NK = _prior(scale_M, bias_K, problem.logs_MNK)
    joint_NK = prior_NK * transition_KK[:, problem.labels_N].T
    likelihood_N = joint_NK.sum(1)
    posterior_NK = joint_NK / likelihood_N[:, None]
    penalty, penalty_gradients = _penalty(scale_M, bias_K, transition_KK, problem.constants)
    loss = float(-(problem.weight_N * np.log(likelihood_N)).sum()) + penalty
    pull_NK = (posterior_NK - prior_NK) * problem.weight_N[:, None]
    count_KK = (posterior_NK * problem.weight_N[:, None]).T @ problem.is_label_NK
    gradients = (
        -np.tensordot(problem.logs_MNK, pull_NK, 2),
        -pull_NK.sum(0),
        -(count_KK - count_KK.sum(1, keepdims=True) * transition_KK),
    )
    if problem.evenness:
        uneven_KK = _measure_unevenness(vector[-(problem.class_count**2) :].reshape(transition_KK.shape))
        loss += problem.evenness * float((uneven_KK**2).sum())
        gradients[2][:] += 2 * problem.evenness * uneven_KK
    both = [(mine + other).ravel() for mine, other in zip(gradients, penalty_gradients, strict=True)]
    return loss, np.concatenate(both)


def _measure_unevenness(logit_KK: Floats) -> Floats:
    """Return how far the logits of each class's wrong labels lie from their mean; 0 on the diagonal."""
    is_wrong_KK = ~np.eye(len(logit_KK), dtype=np.bool_)
    mean_K1 = (logit_KK * is_wrong_KK).sum(1, keepdims=True) / max(len(logit_KK) - 1, 1)
    uneven_KK: Floats = np.where(is_wrong_KK, logit_KK - mean_K1, 0)
    return uneven_KK


def _penalty(
    scale_M: Floats, bias_K: Floats, transition_KK: Floats, constants: Constants
) -> tuple[float, tuple[Floats, Floats, Floats]]:
    """Return the negative logarithm of the priors and its gradients by scales, biases and logits of T."""
    class_count = len(bias_K)
    seen_KK = np.full((class_count, class_count), constants.wrong_count / class_count)
    seen_KK += constants.right_count * np.eye(class_count)
    log_scale_M = np.log(scale_M)
    value = (
        constants.scale_penalty * (log_scale_M**2).sum()
        + constants.bias_penalty * (bias_K**2).sum()
        - (seen_KK * np.log(transition_KK)).sum()
    )
    return float(value), (
        2 * constants.scale_penalty * log_scale_M / scale_M,
        2 * constants.bias_penalty * bias_K,
        -(seen_KK - seen_KK.sum(1, keepdims=True) * transition_KK),
    )


def _model(problem: Problem, vector: Floats) -> ForwardModel:
    scale_M, bias_K, transition_KK = _split(vector, problem)
    model = ForwardModel(
        scale_M=scale_M,
        bias_K=bias_K,
        transition_KK=transition_KK,
        evenness=problem.evenness,
        log_likelihood=float("nan"),
    )
    joint_NK = _prior(scale_M, bias_K, problem.logs_MNK) * transition_KK[:, problem.labels_N].T
    mean = np.average(np.log(joint_NK.sum(1)), weights=problem.weight_N)
    return replace(model, log_likelihood=float(mean))
