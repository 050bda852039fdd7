"""Cross-fitting: a network that never learned a label scores it and predicts its gradient.

Shape suffixes: B samples of a batch, K classes, J scorers.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from models.cross_fitting.start_states import StartState
from models.networks.architectures import Network, NetworkShape
from models.paper.objectives import OBJECTIVES, Objective, Outcome, Outputs
from models.paper.objectives.forward_correction import estimate_transition_matrix, find_unknown_classes
from models.training.learner import LastOutputs, Learner, NetworkOutputs, copy_to_cpu
from models.training.network_shapes import make_predictor_shape


class CrossFittedLearner(Learner):
    """Classifier f and one scorer per fold of the labels; each scorer is blind to its fold.

    With a predictor, the scorers are predictors. Predictor j learns the labels of all folds except its own,
    and predicts the gradients of the samples of fold j; f descends only on these gradients. So a sample's
    label reaches neither its scorer nor, through its own gradient, f. It still reaches f in the second order:
    the other predictors have learned it, and their predictions for *other* samples train f. Through the
    penalty beta ||s(a) - s(b)||^2, f in turn influences every predictor.

    Without a predictor, f is trained on all labels as usual, and the scorers are networks like f, each
    trained with the same loss without its fold: cross-validation within one training.

    One step takes every network forwards and backwards over the complete batch: J + 1 networks instead of 2
    or 1. A scorer's batch statistics include the inputs of its own fold, but never their labels. CUDA graphs,
    a second thread and a second stream are not used: they serve two networks.
    """

    _transitions_JKK: Tensor | None = None
    """The forward correction's T of every scorer."""

    def _is_replayed(self) -> bool:
        return False

    def _make_pair(self) -> None:
        return None

    def _build_scorers(self, shape: NetworkShape) -> list[Network]:
        if self.has_predictor:
            shape = make_predictor_shape(shape)
        return [
            self._build(shape, seed=self._make_scorer_seed(scorer)) for scorer in range(self._config.folds)
        ]

    def _make_scorer_seed(self, scorer: int) -> int:
        """Return the single predictor's seed for the first scorer, and separate seeds for the others."""
        if scorer == 0:
            return 2 * self._config.seed + 1
        return int(np.random.SeedSequence([self._config.seed, scorer]).generate_state(1, np.uint64)[0] >> 1)

    def begin_from(self, start: StartState, read: Callable[[], Iterable[Tensor]]) -> None:
        """Start every scorer from the network that is blind to the same fold; without a predictor also f."""
        if len(start.scorers) != len(self._scorers):
            raise ValueError(
                f"The initial state is of a training with {max(1, len(start.scorers))} folds, not"
                f" {len(self._scorers)}."
            )
        for scorer, state in zip(self._scorers, start.scorers, strict=True):
            self._begin_network(scorer, state, read)
        if not self.has_predictor:
            self._begin_network(self.classifier, start.classifier, read)

    def copy_start_state(self) -> StartState:
        """Return copies of f and, without a predictor, of all scorers."""
        scorers = [] if self.has_predictor else self._scorers
        states = [copy_to_cpu(scorer.state_dict()) for scorer in scorers]
        return replace(super().copy_start_state(), scorers=states)

    def estimate_transitions(
        self, read: Callable[[], Iterable[Tensor]], blind_n: Tensor | None = None
    ) -> list[int]:
        """Give f its matrix, and every scorer its own from the samples to whose labels it is blind.

        A scorer's matrix is out of sample: that of the network which it starts from, over its own fold.
        """
        assert blind_n is not None
        unknown = set(super().estimate_transitions(read))
        matrices = []
        for number, scorer in enumerate(self._scorers):
            logits_nK = torch.cat([self._score_plain(scorer, inputs_B) for inputs_B in read()])
            probabilities_nK = logits_nK[blind_n == number].softmax(1)
            matrices.append(estimate_transition_matrix(probabilities_nK))
            unknown |= set(find_unknown_classes(probabilities_nK))
        self._transitions_JKK = torch.stack(matrices)
        return sorted(unknown)

    @torch.no_grad()
    def _score_plain(self, scorer: Network, inputs_B: Tensor) -> Tensor:
        scorer.eval()
        with self._use_precision():
            logits_BK: Tensor = scorer(inputs_B)
        return logits_BK.float()

    def state(self) -> dict[str, Any]:
        """Return copies of all weights, of the optimiser's state and of the scorers' transitions."""
        transitions_JKK = self._transitions_JKK
        return {
            **super().state(),
            "transitions": None if transitions_JKK is None else transitions_JKK.cpu(),
        }

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Continue from what `state` returned."""
        super().load_state(state)
        transitions_JKK = state["transitions"]
        self._transitions_JKK = None if transitions_JKK is None else transitions_JKK.to(self._device)

    def _step(
        self,
        inputs_B: Tensor,
        labels_B: Tensor,
        trains_classifier: bool,  # noqa: FBT001
        blind_B: Tensor | None = None,
    ) -> tuple[Outcome, Tensor]:
        outcome, classifier_logits_BK = super()._step(inputs_B, labels_B, trains_classifier, blind_B)
        assert outcome.predictor_loss is not None
        # Each scorer descends on its own loss; the mean of the losses is reported.
        return replace(
            outcome, predictor_loss=outcome.predictor_loss / len(self._scorers)
        ), classifier_logits_BK

    def _score(self, outputs: NetworkOutputs, labels_B: Tensor, blind_B: Tensor | None) -> Outcome:
        """Score every sample by the network that is blind to its label; sum all scorers' losses."""
        assert blind_B is not None
        blind_logits_BK = select_blind(outputs.scorer_logits, blind_B)
        outcome = self._objective(self._select_outputs(outputs, labels_B, blind_logits_BK), self._generator)
        losses = [
            self._compute_scoring_loss(
                outputs, logits_BK, labels_B, self._weigh_labels(blind_B, scorer=scorer), scorer=scorer
            )
            for scorer, logits_BK in enumerate(outputs.scorer_logits)
        ]
        return replace(
            outcome,
            predictor_loss=torch.stack(losses).sum(),
            scoring_logits_BK=blind_logits_BK,
            in_sample_logits_BK=average_in_sample(outputs.scorer_logits, blind_logits_BK),
        )

    def _select_outputs(
        self, outputs: NetworkOutputs, labels_B: Tensor, scoring_logits_BK: Tensor
    ) -> Outputs:
        """Return f's outputs and one predictor's."""
        return Outputs(
            classifier_logits_BK=outputs.classifier_logits_BK,
            features_BD=outputs.features_BD,
            predictor_logits_BK=scoring_logits_BK if self.has_predictor else None,
            labels_B=labels_B,
        )

    def _compute_scoring_loss(
        self,
        outputs: NetworkOutputs,
        logits_BK: Tensor,
        labels_B: Tensor,
        weight_B: Tensor | None,
        *,
        scorer: int,
    ) -> Tensor:
        """Return the loss of one scorer: a predictor's, or that of a network like f."""
        labelled = replace(self._select_outputs(outputs, labels_B, logits_BK), weight_B=weight_B)
        if not self.has_predictor:
            labelled = replace(labelled, classifier_logits_BK=logits_BK)
        return self._get_objective(scorer).compute_scoring_loss(labelled, self._generator)

    def _get_objective(self, scorer: int) -> Objective:
        """Return the objective of one scorer: with its own transitions, if it has any."""
        if self._transitions_JKK is None:
            return self._objective
        own = replace(self._objective_config, transition_KK=self._transitions_JKK[scorer])
        return OBJECTIVES[self._config.method](own)

    @torch.no_grad()
    def compute_last_outputs(self, inputs_B: Tensor, blind_B: Tensor | None = None) -> LastOutputs:
        """Return f's features, as those of different scorers are not comparable, and the scorers' logits.

        Without `blind_B` the logits are f's.
        """
        self._networks.eval()
        outputs = self._compute_outputs(inputs_B)
        features_BD = outputs.features_BD.float()
        if blind_B is None:
            return LastOutputs(features_BD=features_BD, scoring_logits_BK=outputs.classifier_logits_BK)
        blind_logits_BK = select_blind(outputs.scorer_logits, blind_B)
        return LastOutputs(
            features_BD=features_BD,
            scoring_logits_BK=blind_logits_BK,
            in_sample_logits_BK=average_in_sample(outputs.scorer_logits, blind_logits_BK),
        )


def select_blind(scorer_logits: list[Tensor], blind_B: Tensor) -> Tensor:
    """Return the logits [B, K] of the scorer that is blind to each sample's label, without their graph."""
    rows_B = torch.arange(len(blind_B), device=blind_B.device)
    return torch.stack(scorer_logits)[blind_B, rows_B].detach()


def average_in_sample(scorer_logits: list[Tensor], blind_logits_BK: Tensor) -> Tensor:
    """Return the logarithm of the mean softmax [B, K] of the scorers that learn a sample's label."""
    total_BK = torch.stack([logits_BK.detach().softmax(1) for logits_BK in scorer_logits]).sum(0)
    others_BK = (total_BK - blind_logits_BK.softmax(1)) / (len(scorer_logits) - 1)
    return others_BK.clamp_min(torch.finfo(torch.float32).tiny).log()
