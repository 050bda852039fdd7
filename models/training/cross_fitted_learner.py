"""Cross-fitting: every label is scorerd, and its gradient predicted, by a network that never learned it.

Shape suffixes: B samples of a batch, K classes, J scorers.
"""

from dataclasses import replace

import numpy as np
import torch
from torch import Tensor

from models.networks.architectures import Network, NetworkShape
from models.paper.objectives import Outcome, Outputs
from models.training.learner import Learner, Said, predictor_shape


class CrossFittedLearner(Learner):
    """Classifier f and one scorer for each fold of the labels, which that scorer is blind to.

    With a predictor the scorers are predictors. Predictor j learns the labels of all folds but its own; the
    gradient of a sample of fold j is predicted by predictor j, and f descends on these gradients alone. So a
    sample's own label reaches neither its scorer nor, by its own gradient, f. It still reaches f in the
    second order: the others have learned it, and what they then say about *other* samples trains f. Through
    the penalty beta ||s(a) - s(b)||^2 what f knows reaches every predictor in its turn.

    Without a predictor f is trained on all labels as ever, and the scorers are networks like it, each trained
    by the same loss without its fold: cross-validation within one training.

    One step takes every network forwards and backwards over the whole batch (the batch statistics of a scorer
    include inputs, never labels, of its own fold): J + 1 networks instead of 2 or 1. It is a plain step: CUDA
    graphs and the second thread or stream serve two networks, and not these.
    """

    def _is_replayed(self) -> bool:
        return False

    def _make_pair(self) -> None:
        return None

    def _build_scorers(self, shape: NetworkShape) -> list[Network]:
        if self.has_predictor:
            shape = predictor_shape(shape)
        return [self._build(shape, seed=self._scorer_seed(scorer)) for scorer in range(self._config.folds)]

    def _scorer_seed(self, scorer: int) -> int:
        """Return the first predictor's seed as of one fold, and seeds of their own for the others."""
        if scorer == 0:
            return 2 * self._config.seed + 1
        return int(np.random.SeedSequence([self._config.seed, scorer]).generate_state(1, np.uint64)[0] >> 1)

    def _step(
        self,
        inputs_B: Tensor,
        labels_B: Tensor,
        trains_classifier: bool,  # noqa: FBT001
        blind_B: Tensor | None = None,
    ) -> tuple[Outcome, Tensor]:
        outcome, classifier_logits_BK = super()._step(inputs_B, labels_B, trains_classifier, blind_B)
        assert outcome.predictor_loss is not None
        # Each scorer descends on its own loss; what is reported is their mean.
        return replace(
            outcome, predictor_loss=outcome.predictor_loss / len(self._scorers)
        ), classifier_logits_BK

    def _score(self, said: Said, labels_B: Tensor, blind_B: Tensor | None) -> Outcome:
        """Let every sample be scored by the network that is blind to its label; sum all scorers' losses."""
        assert blind_B is not None
        blind_logits_BK = torch.stack(said.scorer_logits)[
            blind_B, torch.arange(len(blind_B), device=blind_B.device)
        ]
        blind_logits_BK = blind_logits_BK.detach()
        outcome = self._objective(self._outputs_of(said, labels_B, blind_logits_BK), self._generator)
        losses = [
            self._scoring_loss(said, logits_BK, labels_B, self._weight(blind_B, scorer=scorer))
            for scorer, logits_BK in enumerate(said.scorer_logits)
        ]
        return replace(
            outcome,
            predictor_loss=torch.stack(losses).sum(),
            scoring_logits_BK=blind_logits_BK,
            in_sample_logits_BK=average_in_sample(said.scorer_logits, blind_logits_BK),
        )

    def _outputs_of(self, said: Said, labels_B: Tensor, scoring_logits_BK: Tensor) -> Outputs:
        """Return f's outputs beside one predictor's."""
        return Outputs(
            classifier_logits_BK=said.classifier_logits_BK,
            features_BD=said.features_BD,
            predictor_logits_BK=scoring_logits_BK if self.has_predictor else None,
            labels_B=labels_B,
        )

    def _scoring_loss(
        self, said: Said, logits_BK: Tensor, labels_B: Tensor, weight_B: Tensor | None
    ) -> Tensor:
        """Return the loss of one scorer: a predictor's beside f, or that of a network of its own."""
        outputs = replace(self._outputs_of(said, labels_B, logits_BK), weight_B=weight_B)
        if not self.has_predictor:
            outputs = replace(outputs, classifier_logits_BK=logits_BK)
        return self._objective.compute_scoring_loss(outputs, self._generator)

    @torch.no_grad()
    def compute_last_layer(self, inputs_B: Tensor, blind_B: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Return f's features [B, D], since different scorers' do not compare, and the blind logits."""
        self._networks.eval()
        said = self._outputs(inputs_B)
        if blind_B is None:
            return said.features_BD.float(), said.classifier_logits_BK
        rows_B = torch.arange(len(blind_B), device=blind_B.device)
        return said.features_BD.float(), torch.stack(said.scorer_logits)[blind_B, rows_B]


def average_in_sample(scorer_logits: list[Tensor], blind_logits_BK: Tensor) -> Tensor:
    """Return the logarithm of the mean softmax [B, K] of the scorers that learn a sample's label."""
    total_BK = torch.stack([logits_BK.detach().softmax(1) for logits_BK in scorer_logits]).sum(0)
    others_BK = (total_BK - blind_logits_BK.softmax(1)) / (len(scorer_logits) - 1)
    return others_BK.clamp_min(torch.finfo(torch.float32).tiny).log()
