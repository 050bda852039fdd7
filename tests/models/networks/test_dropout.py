from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import nn

from models.configuration.training_config import TrainingConfig
from models.networks import architectures
from models.networks.architectures import NetworkShape
from models.networks.dropout import Dropout
from models.training.learner import Learner


def test_a_share_is_dropped_and_the_mean_kept() -> None:
    layer = Dropout(0.25)
    layer.generator = torch.Generator().manual_seed(0)
    outputs = layer(torch.ones(200_000))
    assert (outputs == 0).float().mean().item() == pytest.approx(0.25, abs=0.005)
    assert outputs.unique().tolist() == pytest.approx([0.0, 4 / 3])
    assert outputs.mean().item() == pytest.approx(1.0, abs=0.01)


def test_nothing_is_dropped_in_evaluation() -> None:
    values = torch.rand(100)
    assert torch.equal(Dropout(0.9).eval()(values), values)


def test_draws_come_from_the_generator_alone() -> None:
    first, second = Dropout(0.5), Dropout(0.5)
    first.generator, second.generator = (torch.Generator().manual_seed(3) for _ in range(2))
    before = torch.get_rng_state()
    assert torch.equal(first(torch.ones(100)), second(torch.ones(100)))
    assert torch.equal(before, torch.get_rng_state())


@pytest.mark.parametrize(("name", "layers"), [("mlp", 4), ("mnist_cnn", 1), ("resnet34_cifar", 1)])
def test_the_mlp_drops_all_its_hidden_units_and_others_the_last_layers_inputs(name: str, layers: int) -> None:
    shape = NetworkShape(channels=1, class_count=3, is_predictor=False, dropout=0.5)
    network = architectures.build(name, shape, seed=0)
    assert sum(isinstance(layer, Dropout) for layer in network.modules()) == layers
    assert isinstance(list(network.trunk.children())[-1], Dropout)


def test_the_last_layer_may_lack_a_bias_and_keeps_its_weights() -> None:
    shape = NetworkShape(channels=4, class_count=3, is_predictor=False)
    with_bias = architectures.build("mlp", shape, seed=0)
    shape = NetworkShape(channels=4, class_count=3, is_predictor=False, has_output_bias=False)
    without = architectures.build("mlp", shape, seed=0)
    assert without.output.bias is None
    assert torch.equal(with_bias.output.weight, without.output.weight)


def test_equation_8_takes_the_bias_from_the_classifier_only(
    blobs: tuple[np.ndarray, np.ndarray], configure: Callable[..., TrainingConfig]
) -> None:
    config = configure(blobs[0], 3, method="soft_regularisation")
    learner = Learner(
        config, channels=4, class_count=3, device=torch.device("cpu"), generator=torch.Generator()
    )
    assert learner.classifier.output.bias is None
    assert isinstance(learner.predictor.output.bias, nn.Parameter)


def test_weight_decay_is_adams_l2_penalty(
    blobs: tuple[np.ndarray, np.ndarray], configure: Callable[..., TrainingConfig]
) -> None:
    inputs, labels = torch.from_numpy(blobs[0]), torch.from_numpy(blobs[1])
    config = configure(blobs[0], 3, method="ce", weight_decay=0.1, learning_rate=0.01)
    learner = Learner(
        config, channels=4, class_count=3, device=torch.device("cpu"), generator=torch.Generator()
    )
    weight = learner.classifier.output.weight
    before = weight.detach().clone()
    learner.step(inputs, labels, rate=0.01, trains_classifier=True)
    assert weight.grad is not None
    # Adam's first step is the learning rate times the sign of the penalised gradient.
    expected = before - 0.01 * (weight.grad + 0.1 * before).sign()
    torch.testing.assert_close(weight.detach(), expected, atol=1e-4, rtol=0)
