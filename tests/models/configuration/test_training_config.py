import dataclasses
from typing import Any, cast

import pytest
import torch

from models.catalogue.methods import METHODS
from models.catalogue.networks import NETWORKS, Network
from models.catalogue.training_request import TrainingRequest
from models.configuration import defaults
from models.configuration.defaults import Situation, _choose_augmentation
from models.configuration.device_traits import read_traits
from models.configuration.planned_training import complete_request
from models.configuration.training_config import TrainingConfig, resolve

DIGITS: dict[str, Any] = {"shape": (8, 8, 1), "sample_count": 1_797, "class_count": 10, "device": "cpu"}


def digits(**requested: object) -> TrainingConfig:
    return resolve(requested, **DIGITS)


@pytest.mark.parametrize(
    ("shape", "device", "network"),
    [
        ((8, 8, 1), "cpu", "mnist_cnn"),
        ((28, 28, 1), "cpu", "mnist_cnn"),
        ((28, 28, 1), "cuda", "mnist_cnn"),
        ((32, 32, 3), "cpu", "small_cnn"),
        ((224, 224, 3), "cpu", "photo_cnn"),
        ((32, 32, 3), "cuda", "resnet34_cifar"),
        ((224, 224, 3), "cuda:1", "resnet50"),
        ((16,), "cpu", "mlp"),
        ((768,), "cuda", "mlp"),
    ],
)
def test_networks_suit_shape_and_device(
    shape: tuple[int, ...], device: str, network: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda **_: True)
    config = resolve({}, shape=shape, sample_count=5_000, class_count=4, device=device)
    assert config.network == network


def test_what_was_requested_is_kept_and_auto_means_choose() -> None:
    config = digits(beta=7, epochs=3, method="auto", seed=None)
    assert (config.beta, config.epochs) == (7, 3)
    assert (config.method, config.seed) == (digits().method, 0)


def test_epochs_shrink_as_data_grows() -> None:
    counts = [100, 2_000, 60_000, 1_000_000]
    epochs = [
        resolve({}, shape=(28, 28, 1), sample_count=count, class_count=10, device="cpu").epochs
        for count in counts
    ]
    assert epochs == sorted(epochs, reverse=True)
    assert epochs[0] >= 2 * epochs[2]


def test_every_field_has_a_choice() -> None:
    assert set(defaults.CHOICES) == {field.name for field in dataclasses.fields(TrainingConfig)}


def test_unknown_fields_are_named_with_the_known_ones() -> None:
    with pytest.raises(ValueError, match=r"\['betta', 'lr'\]; known are .*'beta'.*'learning_rate'"):
        digits(betta=1, lr=2)


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("method", "magic", "method is one of"),
        ("network", "vgg", "network is one of"),
        ("network", ["mlp"], "network expects <class 'str'>"),
        ("schedule", "cosine", "schedule is one of"),
        ("augmentation", "mixup", "augmentation is one of"),
        ("score", "best", "score is one of"),
        ("precision", "fp16", "precision is one of"),
        ("beta", -0.1, "beta must be between 0 and"),
        ("beta", float("nan"), "beta must be between"),
        ("beta", "high", "beta expects <class 'float'>, not 'high'"),
        ("noise_lambda", 0, "noise_lambda must be"),
        ("epochs", 0, "epochs must be between 1 and"),
        ("epochs", 2.5, "epochs expects <class 'int'>"),
        ("epochs", True, "epochs expects <class 'int'>"),
        ("sample_gradients", 1, "sample_gradients expects <class 'bool'>"),
        ("batch_size", 1, "batch_size must be between 2 and"),
        ("learning_rate", 0.0, "learning_rate must be"),
        ("signal_decay", 1.1, "signal_decay must be between 0 and 1"),
        ("validation_fraction", 0.96, "validation_fraction must be between 0 and 0.95"),
        ("seed", -1, "seed must be"),
        ("noise_std", 0.0, "noise_std must be"),
        ("soft_lambda", 0, "soft_lambda must be"),
        ("dropout", 1.0, "dropout must be between 0 and 0.99"),
        ("weight_decay", -1e-4, "weight_decay must be between 0 and"),
        ("patience", -1, "patience must be between 0 and"),
        ("patience", 5, "patience needs a validation_fraction above 0"),
        ("input_size", 30, "expects an input_size of one of"),
        ("network", "mlp", "does not take images"),
    ],
)
def test_invalid_values_are_refused_with_what_was_expected(field: str, value: object, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        digits(**{field: value})


def test_warm_up_leaves_an_epoch_for_the_classifier() -> None:
    assert digits(epochs=4, warm_up_epochs=3).warm_up_epochs == 3
    with pytest.raises(ValueError, match="warm_up_epochs must be between 0 and 3"):
        digits(epochs=4, warm_up_epochs=4)


def test_features_take_no_augmentation_or_image_network() -> None:
    letter: dict[str, Any] = {"shape": (16,), "sample_count": 20_000, "class_count": 26, "device": "cpu"}
    with pytest.raises(ValueError, match="does not take features"):
        resolve({"network": "mnist_cnn"}, **letter)
    with pytest.raises(ValueError, match="neither an input_size nor an augmentation"):
        resolve({"augmentation": "flip_crop"}, **letter)


@pytest.mark.parametrize(
    ("capability", "precision"), [("amx_bf16", "bf16"), ("avx512_bf16", "bf16"), ("avx512_f", "fp32")]
)
def test_bf16_is_chosen_where_the_cpu_multiplies_in_it(
    monkeypatch: pytest.MonkeyPatch, capability: str, precision: str
) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {capability: True})
    assert digits().precision == precision


@pytest.mark.parametrize(
    ("requested", "samples", "device", "compiled"),
    [
        ({}, 3_000_000, "cuda", True),
        ({}, 50_000, "cuda", False),
        ({"epochs": 400}, 50_000, "cuda", True),
        ({"epochs": 400, "compiled": False}, 50_000, "cuda", False),
        ({"network": "small_cnn"}, 9_000_000, "cuda", False),
        ({"network": "resnet50", "input_size": 224}, 1_000_000, "cuda", True),
        ({"network": "resnet50", "input_size": 224}, 100_000, "cuda", False),
        ({"network": "resnet34_cifar"}, 9_000_000, "cpu", False),
    ],
)
def test_kernels_are_made_for_long_trainings_of_residual_networks_on_gpus(
    requested: dict[str, object],
    samples: int,
    device: str,
    compiled: bool,  # noqa: FBT001
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda **_: True)
    config = resolve(requested, shape=(32, 32, 3), sample_count=samples, class_count=10, device=device)
    assert config.compiled == compiled


def test_training_may_end_early_where_that_was_measured_and_no_number_of_epochs_was_asked_for() -> None:
    assert digits().stable_correlation == 0.998
    assert digits(method="limit_l").stable_correlation == 0.998
    assert digits(method="limit_l", epochs=20).stable_correlation == 0
    assert digits(method="limit_g").stable_correlation == 0


def photos(device: str = "cuda", **requested: object) -> TrainingConfig:
    return resolve(requested, shape=(32, 32, 3), sample_count=10_000, class_count=10, device=device)


@pytest.fixture
def gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda **_: True)


@pytest.mark.usefixtures("gpu")
def test_every_label_has_a_network_that_is_blind_to_it_or_with_large_networks_a_tenth_of_them() -> None:
    assert (digits().folds, digits().blind_fraction) == (4, 0)
    assert (photos("cpu").folds, photos("cpu").blind_fraction) == (4, 0)
    assert (photos().folds, photos().blind_fraction) == (1, 0.1)
    assert (photos(network="pretrained_resnet18").folds, photos(network="small_cnn").folds) == (1, 4)
    assert [digits(method=method).folds for method in METHODS] == [4] * len(METHODS)


@pytest.mark.usefixtures("gpu")
def test_who_sets_folds_or_the_blind_fraction_gets_just_that() -> None:
    assert (digits(folds=1).folds, digits(folds=1).blind_fraction) == (1, 0)
    assert (photos(folds=1).folds, photos(folds=1).blind_fraction) == (1, 0)
    assert (photos(folds=3).folds, photos(folds=3).blind_fraction) == (3, 0)
    assert (digits(blind_fraction=0.2).folds, digits(blind_fraction=0.2).blind_fraction) == (1, 0.2)
    assert (photos(blind_fraction=0.0).folds, photos(blind_fraction=0.0).blind_fraction) == (1, 0)


def test_with_folds_small_data_gets_a_third_of_the_epochs() -> None:
    small: dict[str, Any] = {"shape": (16,), "sample_count": 300, "class_count": 3, "device": "cpu"}
    assert [resolve(asked, **small).epochs for asked in ({}, {"folds": 1}, {"epochs": 45})] == [20, 60, 45]


@pytest.mark.parametrize(
    ("samples", "is_text", "epochs"),
    [(1_500, True, 20), (1_500, False, 20), (20_000, True, 4), (20_000, False, 15), (100_000, True, 2)],
)
def test_texts_need_few_steps(samples: int, *, is_text: bool, epochs: int) -> None:
    chosen = resolve({}, shape=(128,), sample_count=samples, class_count=6, device="cpu", is_text=is_text)
    assert chosen.epochs == epochs


def test_folds_need_samples() -> None:
    three: dict[str, Any] = {"shape": (16,), "sample_count": 3, "class_count": 2, "device": "cpu"}
    assert resolve({}, **three).folds == 1
    assert resolve({"folds": 3}, **three).folds == 3
    with pytest.raises(ValueError, match="folds can be at most the number of samples, 3, not 4"):
        resolve({"folds": 4}, **three)


def test_a_parent_run_is_blind_to_the_folds_of_its_child() -> None:
    situation = Situation(shape=(16,), sample_count=300, class_count=3, device=read_traits("cpu"))
    for method, has_parent in (("ce", False), ("fw", True), ("limit", True)):
        config = complete_request(TrainingRequest(method=method), situation, seed=0, has_parent=has_parent)
        assert (config.folds, config.blind_fraction) == (4, 0)


def test_a_new_network_of_vectors_is_chosen_without_augmentation(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(cast("dict[str, Network]", NETWORKS), "linear", Network(takes="vector"))
    situation = Situation(shape=(3,), sample_count=100, class_count=2, device=read_traits("cpu"))
    assert _choose_augmentation(situation, {"network": "linear"}) == "none"
