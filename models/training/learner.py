"""The networks with their optimiser, and one step of Alg. 1.

Shape suffixes: B samples of a batch, K classes, J networks that score labels beside the classifier.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn

from models.acceleration.compiled_kernels import compile_parts
from models.acceleration.cuda_graphs import StepGraphs, can_replay
from models.acceleration.data_parallel import Group
from models.acceleration.side_by_side import SideBySide, TwoStreams, can_run
from models.configuration.training_config import TrainingConfig
from models.cross_fitting.start_states import StartState
from models.networks import architectures
from models.networks.architectures import Network, NetworkShape
from models.networks.dropout import Dropout
from models.networks.memory_layout import choose_memory_format
from models.paper.objectives import OBJECTIVES, ObjectiveConfig, Outcome, Outputs, Stage
from models.paper.objectives.forward_correction import estimate_transition_matrix, find_unknown_classes
from models.training.network_shapes import make_classifier_shape, make_predictor_shape


@dataclass(frozen=True, kw_only=True)
class NetworkOutputs:
    """The outputs of all networks for a batch, with one graph."""

    features_BD: Tensor
    """z, the input of the classifier's last layer."""
    classifier_logits_BK: Tensor
    """a = f(x) in float32."""
    scorer_logits: list[Tensor]
    """b = q(x) [B, K] of each of the J predictors, in float32; empty if the classifier scores the labels."""


@dataclass(frozen=True, kw_only=True)
class LastOutputs:
    """What trained networks say of a batch, in evaluation mode and in float32."""

    features_BD: Tensor
    """The last layer's input."""
    scoring_logits_BK: Tensor
    """Of the network that scores labels."""
    in_sample_logits_BK: Tensor | None = None
    """As in `Outcome`."""


class Learner:
    """Classifier f, gradient predictor q if the method has one, and Adam over both.

    One network scores all labels: q, or f without a predictor. It can be blind to some labels.
    """

    def __init__(
        self,
        config: TrainingConfig,
        *,
        channels: int,
        class_count: int,
        device: torch.device,
        generator: torch.Generator,
        group: Group | None = None,
        seen_shares: Sequence[float] = (1.0,),
    ) -> None:
        """Build networks and optimiser.

        Args:
            config: the configuration of the training.
            channels: colour channels of images, or the number of features.
            class_count: K.
            device: the device of the networks.
            generator: the generator of dropout and noise, on the device.
            group: the processes that train together.
            seen_shares: for every network that scores labels, the share of labels that it learns.

        """
        self._seen_shares = seen_shares
        self._group = group or Group()
        self._config = config
        self._device = device
        self._generator = generator
        self._objective_config = ObjectiveConfig(
            class_count=class_count,
            beta=config.beta,
            sample_gradients=config.sample_gradients,
            noise_lambda=config.noise_lambda,
            noise_std=config.noise_std,
            soft_lambda=config.soft_lambda,
            processes=self._group.size,
        )
        self._objective = OBJECTIVES[config.method](self._objective_config)
        self.has_predictor = self._objective.has_predictor
        shape = make_classifier_shape(config, channels=channels, class_count=class_count)
        # Seeds must not share networks: f of one seed must not be q of another.
        self.classifier = self._build(shape, seed=2 * config.seed)
        self._scorers = self._build_scorers(shape)
        self._networks = nn.ModuleList([self.classifier, *self._scorers])
        self._replayed = StepGraphs(device) if self._is_replayed() else None
        self._pair = self._make_pair()
        # A recorded step reads the learning rate on the device.
        self._rate = None if self._replayed is None else torch.tensor(config.learning_rate, device=device)
        self._optimiser = torch.optim.Adam(
            self._networks.parameters(),
            config.learning_rate if self._rate is None else self._rate,
            weight_decay=config.weight_decay,
            fused=True,
            capturable=self._rate is not None,
        )

    def _is_replayed(self) -> bool:
        """Return whether steps are recorded; steps with blind labels are not, as this is untested on GPUs."""
        is_alone = self._group.size == 1 and self._config.blind_fraction == 0
        return is_alone and can_replay(self._config, self._device)

    def _make_pair(self) -> SideBySide | TwoStreams | None:
        """Return the executor that runs both networks at once, if there are two and room for both."""
        if not self.has_predictor or self._group.size > 1:
            return None
        if can_run(self._config, self._device):
            return SideBySide()
        return None if self._replayed is None else TwoStreams(self._device)

    def _build_scorers(self, shape: NetworkShape) -> list[Network]:
        """Return the networks that score labels instead of the classifier."""
        if not self.has_predictor:
            return []
        return [self._build(make_predictor_shape(shape), seed=2 * self._config.seed + 1)]

    def _build(self, shape: NetworkShape, *, seed: int) -> Network:
        network = architectures.build(self._config.network, shape, seed=seed)
        for layer in network.modules():
            if isinstance(layer, Dropout):
                layer.generator = self._generator
        self._group.synchronise(network)
        placed = network.to(self._device).to(memory_format=choose_memory_format(self._device))
        if self._config.compiled:
            compile_parts(placed, self._device)
        return placed

    @property
    def predictor(self) -> Network | None:
        """The gradient predictor q, the first of several; None if the method has none."""
        return self._scorers[0] if self.has_predictor else None

    def begin_from(self, start: StartState, read: Callable[[], Iterable[Tensor]]) -> None:
        """Start the network that is fitted to the labels from a trained classifier, the paper's "+ init.".

        It is the predictor q, or f if the method has none. The paper does not name the network; the authors'
        code loads q. Started so, f would learn from an untrained q and lose what it knew at once.

        Args:
            start: the networks of a "ce" run.
            read: reads the samples that are trained on; called if q has layers that f lacks.

        Raises:
            ValueError: the state is of other networks.

        """
        self._begin_network(self.predictor or self.classifier, start.classifier, read)

    def _begin_network(
        self, network: Network, state: Mapping[str, Tensor], read: Callable[[], Iterable[Tensor]]
    ) -> None:
        own = architectures.begin_trained(network, state)
        if own:
            with self._use_precision():
                architectures.keep_scale(network, own, read())

    def copy_start_state(self) -> StartState:
        """Return copies of the networks from which another training can start, on the CPU."""
        return StartState(classifier=copy_to_cpu(self.classifier.state_dict()))

    def begin_pretrained(self, state: Mapping[str, Tensor]) -> None:
        """Start all networks from pretrained weights; their last layers keep their random weights."""
        for network in (self.classifier, *self._scorers):
            architectures.begin_pretrained(network, state)

    @property
    def transition(self) -> Tensor | None:
        """T [K, K] of the forward correction, after its estimate; None with all other methods."""
        return self._objective_config.transition_KK

    def estimate_transitions(
        self, read: Callable[[], Iterable[Tensor]], blind_n: Tensor | None = None
    ) -> list[int]:
        """Give the forward correction its matrix, from the CE model's softmax over the samples trained on.

        Args:
            read: reads these samples.
            blind_n: for each of them the number of the scorer that is blind to its label.

        Returns:
            The classes about which nothing is known: see `find_unknown_classes`.

        """
        del blind_n
        probabilities_nK = torch.cat([self.compute_scoring_logits(each) for each in read()]).softmax(1)
        self._change_objective(transition_KK=estimate_transition_matrix(probabilities_nK))
        return find_unknown_classes(probabilities_nK)

    @property
    def stage(self) -> Stage:
        """The classifier's stage, as the objective uses it."""
        return self._objective_config.stage

    def advance(self, stage: Stage) -> None:
        """Set the classifier's stage in the objective; see `memorisation_onset`."""
        self._change_objective(stage=stage)

    def _change_objective(self, **changes: Any) -> None:  # noqa: ANN401
        self._objective_config = replace(self._objective_config, **changes)
        self._objective = OBJECTIVES[self._config.method](self._objective_config)
        if self._replayed is not None:
            self._replayed.forget()

    def step(
        self,
        inputs_B: Tensor,
        labels_B: Tensor,
        *,
        rate: float,
        trains_classifier: bool,
        blind_B: Tensor | None = None,
    ) -> tuple[Outcome, Tensor]:
        """Do one step of Alg. 1; return the outcome before the update, and the classifier's logits [B, K].

        On a GPU the next step overwrites both.

        Args:
            inputs_B: the samples.
            labels_B: their given labels.
            rate: the learning rate.
            trains_classifier: whether f learns too.
            blind_B: for each sample the number of the scorer that must not learn its label, -1 for none; see
                `folds.assign_folds`. None: all labels are learned.

        """
        self._networks.train()
        self._set_rate(rate)
        if self._replayed is None:
            return self._step(inputs_B, labels_B, trains_classifier, blind_B)
        return self._replayed.do(self._step, inputs_B, labels_B, trains_classifier)

    def _set_rate(self, rate: float) -> None:
        if self._rate is not None:
            self._rate.fill_(rate)
        for group in self._optimiser.param_groups:
            group["lr"] = rate if self._rate is None else self._rate

    def _step(
        self,
        inputs_B: Tensor,
        labels_B: Tensor,
        trains_classifier: bool,  # noqa: FBT001
        blind_B: Tensor | None = None,
    ) -> tuple[Outcome, Tensor]:
        outputs = self._compute_training_outputs(inputs_B)
        outcome = self._score(outputs, labels_B, blind_B)
        losses = [outcome.predictor_loss] if outcome.predictor_loss is not None else []
        if trains_classifier or not self.has_predictor:
            losses.append(outcome.classifier_loss)
        self._optimiser.zero_grad(set_to_none=True)
        self._go_back(losses, rows=len(labels_B))
        self._group.average_gradients(self._networks.parameters(), rows=len(labels_B))
        self._optimiser.step()
        return outcome.detach(), outputs.classifier_logits_BK.detach()

    def _go_back(self, losses: list[Tensor], *, rows: int) -> None:
        """Compute the gradients of all losses; each network's graph contains only its own loss."""
        if isinstance(self._pair, SideBySide) and len(losses) > 1:
            of_predictor, of_classifier = losses
            self._pair.do(of_classifier.backward, of_predictor.backward)
            return
        loss = self._group.weigh_loss(torch.stack(losses).sum(), rows=rows)
        loss.backward()  # type: ignore[no-untyped-call]

    @torch.no_grad()
    def score_batch(
        self, inputs_B: Tensor, labels_B: Tensor, blind_B: Tensor | None = None
    ) -> tuple[Outcome, Tensor]:
        """Return the same as `step`, with the networks in evaluation mode and without an update."""
        self._networks.eval()
        outputs = self._compute_outputs(inputs_B)
        return self._score(outputs, labels_B, blind_B), outputs.classifier_logits_BK

    def _compute_outputs(self, inputs_B: Tensor) -> NetworkOutputs:
        """Return the outputs of all networks."""
        return _combine_outputs(
            self._compute_classifier_outputs(inputs_B), self._compute_scorer_outputs(inputs_B)
        )

    def _compute_training_outputs(self, inputs_B: Tensor) -> NetworkOutputs:
        """Return the same outputs with gradients; `torch.no_grad` would hold for only one of two threads."""
        if self._pair is None:
            return self._compute_outputs(inputs_B)
        of_classifier, of_scorers = self._pair.do(
            lambda: self._compute_classifier_outputs(inputs_B), lambda: self._compute_scorer_outputs(inputs_B)
        )
        return _combine_outputs(of_classifier, of_scorers)

    def _compute_classifier_outputs(self, inputs_B: Tensor) -> tuple[Tensor, Tensor]:
        with self._use_precision():
            features_BD = self.classifier.trunk(inputs_B)
            return features_BD, self.classifier.output(features_BD).float()

    def _compute_scorer_outputs(self, inputs_B: Tensor) -> list[Tensor]:
        with self._use_precision():
            return [scorer(inputs_B).float() for scorer in self._scorers]

    def _use_precision(self) -> torch.autocast:
        return torch.autocast(self._device.type, torch.bfloat16, enabled=self._config.precision == "bf16")

    def _score(self, outputs: NetworkOutputs, labels_B: Tensor, blind_B: Tensor | None) -> Outcome:
        labelled = Outputs(
            classifier_logits_BK=outputs.classifier_logits_BK,
            features_BD=outputs.features_BD,
            predictor_logits_BK=outputs.scorer_logits[0] if outputs.scorer_logits else None,
            labels_B=labels_B,
            weight_B=self._weigh_labels(blind_B, scorer=0),
        )
        return self._objective(labelled, self._generator)

    def _weigh_labels(self, blind_B: Tensor | None, *, scorer: int) -> Tensor | None:
        """Return the weight of each sample's loss for a scorer: 0 if it is blind, with a mean of about 1.

        The share is that of all data, not of this batch, so that processes that share a batch use the same. A
        scorer that learns no label has weights of 0.
        """
        if blind_B is None:
            return None
        return (blind_B != scorer).float() / (self._seen_shares[scorer] or 1.0)

    @torch.no_grad()
    def compute_last_outputs(self, inputs_B: Tensor, blind_B: Tensor | None = None) -> LastOutputs:
        """Return what the network that scores labels says; `blind_B` is only for several of them."""
        del blind_B
        scorer = self._scorers[0] if self._scorers else self.classifier
        scorer.eval()
        with self._use_precision():
            features_BD = scorer.trunk(inputs_B)
            logits_BK = scorer.output(features_BD)
        return LastOutputs(features_BD=features_BD.float(), scoring_logits_BK=logits_BK.float())

    def compute_scoring_logits(self, inputs_B: Tensor) -> Tensor:
        """Return float32 logits [B, K] of the network that scores labels, in evaluation mode."""
        return self.compute_last_outputs(inputs_B).scoring_logits_BK

    def state(self) -> dict[str, Any]:
        """Return copies of all weights and of the optimiser's state, on the CPU."""
        optimiser = self._optimiser.state_dict()
        optimiser["state"] = {key: copy_to_cpu(value) for key, value in optimiser["state"].items()}
        for group in optimiser["param_groups"]:
            group["lr"] = float(group["lr"])
        return {
            "networks": copy_to_cpu(self._networks.state_dict()),
            "optimiser": optimiser,
            "transition": None if self.transition is None else self.transition.cpu(),
            "stage": str(self.stage),
        }

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Continue from what `state` returned."""
        self._networks.load_state_dict(state["networks"])
        self._optimiser.load_state_dict(state["optimiser"])
        for group in self._optimiser.param_groups:  # the state can be from another device
            group["capturable"] = self._rate is not None
        transition_KK = state["transition"]
        self._change_objective(
            transition_KK=None if transition_KK is None else transition_KK.to(self._device),
            stage=Stage(state["stage"]),
        )


def _combine_outputs(of_classifier: tuple[Tensor, Tensor], scorer_logits: list[Tensor]) -> NetworkOutputs:
    features_BD, classifier_logits_BK = of_classifier
    return NetworkOutputs(
        features_BD=features_BD, classifier_logits_BK=classifier_logits_BK, scorer_logits=scorer_logits
    )


def copy_to_cpu(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return copies of tensors on the CPU, which later steps do not change."""
    return {name: tensor.detach().cpu().clone() for name, tensor in tensors.items()}
