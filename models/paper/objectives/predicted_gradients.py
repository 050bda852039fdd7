"""LIMIT (eq. 10, Alg. 1): the classifier descends on gradients that a predictor computes from the input."""

from dataclasses import replace

import torch
from torch import Tensor

from models.paper import limit
from models.paper.objectives.objective import Objective, ObjectiveConfig, Outcome, Outputs, Stage

MEMORISING_BETA = 3.0
"""Factor on beta once the predictor memorises: Laplace gradients need a larger penalty (Fig. A1)."""


class Limit:
    """LIMIT_G or LIMIT_L, by the model of q(g | x); without a model LIMIT_C, fitted by cross-entropy."""

    has_predictor = True

    def __init__(self, config: ObjectiveConfig, gradient_model: limit.GradientModel | None) -> None:
        self._config = config
        self._gradient_model = gradient_model

    def compute_scoring_loss(self, outputs: Outputs, _: torch.Generator, /) -> Tensor:
        """Return the loss of q, eq. 10."""
        return self._compute_predictor_loss(outputs, self._predict_gradient(outputs))

    def __call__(self, outputs: Outputs, generator: torch.Generator, /) -> Outcome:
        """Return the losses of Alg. 1: f descends on the predicted gradient, q on its own loss."""
        logits_a_BK, logits_b_BK = outputs.classifier_logits_BK, outputs.predictor_logits_BK
        assert logits_b_BK is not None
        predicted_BK = self._predict_gradient(outputs)
        return Outcome(
            classifier_loss=limit.compute_surrogate_loss(
                logits_a_BK, self._choose_gradient(predicted_BK, generator)
            ),
            predictor_loss=self._compute_predictor_loss(outputs, predicted_BK),
            gradient_norm_B=torch.linalg.vector_norm(predicted_BK.detach(), dim=1),
            scoring_logits_BK=logits_b_BK.detach(),
        )

    def _predict_gradient(self, outputs: Outputs) -> Tensor:
        """Return mu [B, K]."""
        assert outputs.predictor_logits_BK is not None
        return limit.compute_predicted_gradient(outputs.classifier_logits_BK, outputs.predictor_logits_BK)

    def _compute_predictor_loss(self, outputs: Outputs, predicted_BK: Tensor) -> Tensor:
        logits_a_BK, logits_b_BK = outputs.classifier_logits_BK, outputs.predictor_logits_BK
        assert logits_b_BK is not None
        targets_BK = limit.encode_one_hot(outputs.labels_B, self._config.class_count)
        gradient_BK = limit.compute_cross_entropy_gradient(logits_a_BK.detach(), targets_BK)
        if self._gradient_model is None:
            loss_B = limit.compute_categorical_predictor_loss(
                logits_b_BK, outputs.labels_B, predicted_BK, beta=self._config.beta
            )
        else:
            loss_B = limit.compute_predictor_loss(
                predicted_BK, gradient_BK, gradient_model=self._gradient_model, beta=self._config.beta
            )
        return outputs.average(loss_B)

    def _choose_gradient(self, predicted_BK: Tensor, generator: torch.Generator) -> Tensor:
        """Return the gradient that trains f: the mean of q(g | x), or with "+S" a sample of it."""
        if not self._config.sample_gradients:
            return predicted_BK
        return limit.sample_gradient(
            predicted_BK.detach(),
            gradient_model=self._gradient_model or limit.GradientModel.GAUSSIAN,
            noise_lambda=self._config.noise_lambda,
            generator=generator,
        )


def make_limit_g(config: ObjectiveConfig) -> Objective:
    """Return LIMIT with a Gaussian q(g | x)."""
    return Limit(config, limit.GradientModel.GAUSSIAN)


def make_limit_l(config: ObjectiveConfig) -> Objective:
    """Return LIMIT with a Laplace q(g | x)."""
    return Limit(config, limit.GradientModel.LAPLACE)


def make_limit_c(config: ObjectiveConfig) -> Objective:
    """Return LIMIT with a predictor fitted to the labels by cross-entropy; its "+S" noise is Gaussian."""
    return Limit(config, None)


def make_limit_by_stage(config: ObjectiveConfig) -> Objective:
    """Return LIMIT_G for reliable classifiers, LIMIT_C for weak ones, LIMIT_L once memorisation begins.

    Gaussian gradients learn quickly, wrong labels too. Cross-entropy learns hard data sooner, and memorises
    them sooner. Laplace gradients ignore labels that contradict them, which before anything is learned are
    all labels (docs/detection.md).
    """
    if config.stage is Stage.WEAK:
        return make_limit_c(config)
    if config.stage is Stage.RELIABLE:
        return make_limit_g(config)
    return make_limit_l(replace(config, beta=MEMORISING_BETA * config.beta))
