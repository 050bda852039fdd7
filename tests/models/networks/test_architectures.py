import pytest
import torch
from torch import nn

from models.networks import architectures
from models.networks.architectures import NetworkShape


def build(name: str, *, channels: int = 3, class_count: int = 10, is_predictor: bool = False) -> nn.Module:
    shape = NetworkShape(channels=channels, class_count=class_count, is_predictor=is_predictor)
    return architectures.build(name, shape, seed=0)


def parameter_count(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


def test_mnist_cnn_is_table_3() -> None:
    network = build("mnist_cnn", channels=1)
    layers = [layer for layer in network.modules() if isinstance(layer, nn.Conv2d)]
    table = [(32, 1, 4, 2, 1), (32, 32, 4, 2, 1), (64, 32, 3, 2, 0), (256, 64, 3, 1, 0)]
    assert [
        (layer.out_channels, layer.in_channels, layer.kernel_size[0], layer.stride[0], layer.padding[0])
        for layer in layers
    ] == table
    linear = [layer for layer in network.modules() if isinstance(layer, nn.Linear)]
    assert [tuple(layer.weight.shape) for layer in linear] == [(128, 256), (10, 128)]
    convolutions = 32 * 16 + 32 * 32 * 16 + 64 * 32 * 9 + 256 * 64 * 9
    normalisations = 2 * (32 + 32 + 64 + 256)
    assert parameter_count(network) == convolutions + normalisations + 128 * 257 + 10 * 129


def test_the_convolution_that_covers_its_input_is_one_product_of_the_same_sums() -> None:
    network = build("mnist_cnn", channels=1)
    covering = [layer for layer in network.modules() if isinstance(layer, nn.Conv2d)][3]
    inputs = torch.randn(5, 64, 3, 3, generator=torch.Generator().manual_seed(0)).requires_grad_()
    expected = nn.functional.conv2d(inputs, covering.weight)
    torch.testing.assert_close(covering(inputs), expected)
    gradients = [
        torch.autograd.grad(output.square().sum(), [inputs, covering.weight])
        for output in (covering(inputs), expected)
    ]
    torch.testing.assert_close(*gradients, rtol=1e-4, atol=1e-4)


def test_only_the_mnist_predictor_normalises_its_hidden_units() -> None:
    predictor = build("mnist_cnn", channels=1, is_predictor=True)
    assert parameter_count(predictor) == parameter_count(build("mnist_cnn", channels=1)) + 2 * 128


def test_published_parameter_counts_of_the_residual_networks() -> None:
    # torchvision's resnet34 and resnet50 at 1,000 classes have 21,797,672 and 25,557,032 parameters; the
    # CIFAR variant's first convolution has 3x3 instead of 7x7 kernels.
    first_convolution = 64 * 3 * (7 * 7 - 3 * 3)
    assert parameter_count(build("resnet34_cifar", class_count=1000)) == 21_797_672 - first_convolution
    assert parameter_count(build("resnet50", class_count=1000)) == 25_557_032


def test_resnet34_for_cifar_starts_at_stride_1_and_never_pools_by_maximum() -> None:
    network = build("resnet34_cifar")
    first = next(layer for layer in network.modules() if isinstance(layer, nn.Conv2d))
    assert (first.kernel_size, first.stride, first.padding) == ((3, 3), (1, 1), (1, 1))
    assert not any(isinstance(layer, nn.MaxPool2d) for layer in network.modules())
    strides = [layer.stride[0] for layer in network.modules() if isinstance(layer, nn.Conv2d)]
    assert sum(stride == 2 for stride in strides) == 2 * 3  # three stages, each in its path and its shortcut


@pytest.mark.parametrize(
    ("name", "shape"),
    [
        ("mnist_cnn", (3, 28, 28)),
        ("mnist_cnn", (3, 32, 32)),
        ("mlp", (3,)),
        ("small_cnn", (3, 32, 32)),
        ("photo_cnn", (3, 64, 64)),
        ("resnet34_cifar", (3, 32, 32)),
        ("resnet50", (3, 64, 64)),
    ],
)
def test_every_network_gives_logits(name: str, shape: tuple[int, ...]) -> None:
    assert build(name, class_count=7).eval()(torch.zeros(2, *shape)).shape == (2, 7)


def test_the_mlp_has_four_hidden_layers_of_512() -> None:
    linear = [layer for layer in build("mlp", channels=16).modules() if isinstance(layer, nn.Linear)]
    assert [layer.out_features for layer in linear] == [512, 512, 512, 512, 10]


def test_weights_follow_the_seed_and_leave_the_global_generator_alone() -> None:
    shape = NetworkShape(channels=4, class_count=3, is_predictor=False)
    before = torch.get_rng_state()
    first, again, other = (architectures.build("mlp", shape, seed=seed) for seed in (1, 1, 2))
    assert torch.equal(before, torch.get_rng_state())
    weights = [next(network.parameters()) for network in (first, again, other)]
    assert torch.equal(weights[0], weights[1])
    assert not torch.equal(weights[0], weights[2])


def test_a_predictor_that_starts_from_a_classifier_computes_what_it_does() -> None:
    # In the network of Table 3 only the predictor normalises its hidden units.
    classifier, predictor = (
        architectures.build(
            "mnist_cnn", NetworkShape(channels=1, class_count=4, is_predictor=each), seed=seed
        )
        for seed, each in enumerate((False, True))
    )
    inputs = torch.randn((64, 1, 28, 28), generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        for _ in range(200):  # the running statistics reach those of this batch
            classifier.train()(inputs)
        own = architectures.begin_trained(predictor, classifier.state_dict())
        assert [type(norm) for norm in own] == [nn.BatchNorm1d]
        expected = classifier.eval()(inputs)
        unscaled = predictor.train()(inputs)
        architectures.begin_trained(predictor, classifier.state_dict())
        own[0].reset_running_stats()  # type: ignore[operator]
        architectures.keep_scale(predictor, own, inputs.split(16))
        torch.testing.assert_close(predictor.eval()(inputs), expected, rtol=0, atol=1e-4)
        torch.testing.assert_close(predictor.train()(inputs), expected, rtol=0, atol=1e-2)
        assert (unscaled - expected).abs().max() > 0.1
    with pytest.raises(ValueError, match="not of this network"):
        architectures.begin_trained(classifier, predictor.state_dict())
