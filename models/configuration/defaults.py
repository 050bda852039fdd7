"""The default of every field that a user did not set, by data and device.

The numbers come from bench/defaults, folds and their epochs from bench/evidence; RESULTS.md in each says how
they were measured.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from models.catalogue.choices import DEFAULT_SCORE
from models.catalogue.kinds import Encoded, find_kind
from models.catalogue.methods import DEFAULT_METHOD, METHODS
from models.catalogue.networks import NETWORKS, VIT_SIDE
from models.configuration.device_traits import DeviceTraits


@dataclass(frozen=True, kw_only=True)
class Situation:
    """The facts of data and device on which the defaults depend."""

    shape: tuple[int, ...]
    """The shape of one sample: (H, W, C) of uint8 images, or (D,) of features."""
    sample_count: int
    """N, at least 2."""
    class_count: int
    """K, at least 2."""
    device: DeviceTraits
    """The traits of the device that trains; by default no CPU trains a large ResNet."""
    is_text: bool = False
    """Whether the features are those of texts, whose terms a linear model reads beside LIMIT."""
    encoders_dir: Path | None = None
    """The folder of encoders that people added; None: only those of the catalogue exist."""

    @property
    def encoded_by(self) -> Encoded | None:
        """What encoders of these samples take; None: no encoder takes them."""
        return "texts" if self.is_text else find_kind(self.shape).encoded_by

    @property
    def is_image(self) -> bool:
        """Whether the network's input is an image."""
        return find_kind(self.shape).network_input == "image"

    @property
    def side(self) -> int:
        """The longer side of the images, in pixels."""
        return max(self.shape[:2])


Chosen = Mapping[str, object]
SIMPLE_SIDE = 32
"""Images up to this side, in pixels, are drawings such as characters, or CIFAR's."""

SMALL_SAMPLE_COUNT, LARGE_SAMPLE_COUNT, HUGE_SAMPLE_COUNT = 10_000, 40_000, 200_000
STEPS_OF_NETWORK: Mapping[str, int] = {
    "mnist_cnn": 700,
    "small_cnn": 1_000,
    "photo_cnn": 1_000,
    "resnet34_cifar": 4_700,
}
"""Gradient steps: drawings need few, photographs on a CPU must be done within minutes, and on a GPU
CIFAR-10's ROC AUC still rises from .984 to .990 between 2,300 and 4,700 steps (docs/speed.md)."""
TUNING_STEPS, TUNING_LEARNING_RATE = 500, 2e-4
"""For pretrained networks: few and small steps, which keep what they have learned. Not measured."""
STEPS = 2_400
"""Gradient steps of all other networks."""
TEXT_STEPS, TEXT_EPOCHS_MIN = 600, 2
"""Gradient steps, and epochs at least, for texts, where a linear model of all terms ranks, too: 2 to 8 epochs
of 20,000 texts and more rank alike (bench/text/RESULTS.md)."""
EPOCHS_MIN, EPOCHS_MAX = 8, 60
FOLDED_NETWORKS = frozenset({"mlp", "mnist_cnn", "small_cnn", "photo_cnn"})
"""The networks that are cross-fitted by default. Folds were measured on mlp and mnist_cnn; on small_cnn once,
where they ranked slightly worse (CIFAR-10N worse, 2,500 images); on photo_cnn and all others not."""
FOLDS, EPOCHS_MAX_WITH_FOLDS = 4, 20
"""On 8 tasks of 178 to 2,000 samples, 20 epochs rank better than 10 and 60 (bench/evidence/RESULTS.md)."""
BLIND_FRACTION = 0.1
"""The share of blind labels where there are no folds: a sample of all that is claimed, at no more passes."""
STABLE_CORRELATION = 0.998
"""The margin's ranking of drawings reaches it only after ROC AUC has stopped rising: measured on digits and
MNIST (bench/defaults/RESULTS.md)."""
STABLE_METHODS = frozenset({"limit", "limit_l"})
"""The methods for which it was measured."""
NOISE_STD = 0.01
"""The smallest of the paper's grid, and the best on held-out labels at p = 0.5 of table 1 (docs/paper.md)."""
MULTIPLICATIONS_PER_PIXEL: Mapping[str, int] = {"resnet34_cifar": 1_130_000, "resnet50": 82_000}
"""Multiplications of one forward pass, in the networks whose kernels are worth compiling."""
LONG_TRAINING = 10**16
"""Multiplications of all forward passes: 7 minutes of an H200, of which compiling saves one."""


def _choose_network(situation: Situation, _: Chosen) -> str:
    if not situation.is_image:
        return "mlp"
    if situation.side <= SIMPLE_SIDE and situation.shape[2] == 1:
        return "mnist_cnn"
    if not situation.device.is_accelerator:
        return "small_cnn" if situation.side <= SIMPLE_SIDE else "photo_cnn"
    return "resnet34_cifar" if situation.side <= 64 else "resnet50"  # noqa: PLR2004


def _choose_input_size(situation: Situation, chosen: Chosen) -> int | None:
    network = NETWORKS.get(str(chosen["network"]))
    if not situation.is_image or network is None or network.takes == "vector":
        return None
    if network.sides:
        return next((side for side in network.sides if side >= situation.side), network.sides[-1])
    if chosen["network"] == "resnet50" or network.backbone is not None:
        return min(VIT_SIDE, max(64, situation.side))
    return 32 if situation.side <= SIMPLE_SIDE else 64


def _choose_by_method(field: str, otherwise: float, chosen: Chosen) -> float:
    method = METHODS.get(str(chosen["method"]))
    return otherwise if method is None else method.defaults.get(field, otherwise)


def _choose_beta(_: Situation, chosen: Chosen) -> float:
    return _choose_by_method("beta", 1.0, chosen)


def _is_pretrained(chosen: Chosen) -> bool:
    network = NETWORKS.get(str(chosen["network"]))
    return network is not None and network.backbone is not None


def _choose_batch_size(situation: Situation, chosen: Chosen) -> int:
    """Choose small batches for small data, which needs many steps, and for networks that fill a device."""
    if situation.sample_count < SMALL_SAMPLE_COUNT or chosen["network"] == "resnet50":
        return 64
    return 128 if situation.sample_count < LARGE_SAMPLE_COUNT else 256


def _can_fold(situation: Situation, chosen: Chosen) -> bool:
    """Return whether each label gets a network that is blind to it."""
    return situation.sample_count >= FOLDS and str(chosen["network"]) in FOLDED_NETWORKS


def _choose_blind_fraction(situation: Situation, chosen: Chosen) -> float:
    """Choose a blind share instead of folds; a user who set `folds`, 1 too, gets what they set."""
    return 0.0 if "folds" in chosen or _can_fold(situation, chosen) else BLIND_FRACTION


def _choose_folds(situation: Situation, chosen: Chosen) -> int:
    return FOLDS if not chosen["blind_fraction"] and _can_fold(situation, chosen) else 1


def _choose_stable_correlation(_: Situation, chosen: Chosen) -> float:
    """Choose an early end where it was measured, but never if the user set the number of epochs."""
    is_measured = chosen["network"] == "mnist_cnn" and chosen["method"] in STABLE_METHODS
    return STABLE_CORRELATION if is_measured and "epochs" not in chosen else 0.0


def _choose_epochs(situation: Situation, chosen: Chosen) -> int:
    """Choose the number of epochs for a budget of gradient steps, within bounds."""
    most = EPOCHS_MAX_WITH_FOLDS if chosen["folds"] != 1 else EPOCHS_MAX
    budget = TUNING_STEPS if _is_pretrained(chosen) else STEPS_OF_NETWORK.get(str(chosen["network"]), STEPS)
    least = EPOCHS_MIN if situation.sample_count <= HUGE_SAMPLE_COUNT else EPOCHS_MIN // 2
    if situation.is_text:
        budget, least = TEXT_STEPS, TEXT_EPOCHS_MIN
    epochs = round(budget * _get_whole(chosen, "batch_size") / situation.sample_count)
    return min(most, max(least, epochs))


def _choose_learning_rate(situation: Situation, chosen: Chosen) -> float:
    if _is_pretrained(chosen):
        return _choose_by_method("learning_rate", TUNING_LEARNING_RATE, chosen)
    is_small = situation.sample_count < SMALL_SAMPLE_COUNT
    usual = 1e-3 if is_small and chosen["network"] == "mnist_cnn" else 2e-3
    return _choose_by_method("learning_rate", usual, chosen)


def _get_whole(chosen: Chosen, field: str) -> int:
    """Return a positive whole number chosen before, or 1: `TrainingConfig` refuses other values later."""
    value = chosen[field]
    return value if isinstance(value, int) and value > 0 else 1


def _choose_augmentation(situation: Situation, chosen: Chosen) -> str:
    network = NETWORKS.get(str(chosen["network"]))
    if chosen["network"] == "mnist_cnn" or (network is not None and network.takes == "vector"):
        return "none"
    return "flip_crop" if situation.side <= 64 else "resize_crop_flip"  # noqa: PLR2004


def _choose_precision(situation: Situation, _: Chosen) -> str:
    return "bf16" if situation.device.has_fast_bfloat16 else "fp32"


def _choose_compiled(situation: Situation, chosen: Chosen) -> bool:
    """Choose compiled kernels for trainings of many minutes: compiling takes half a minute."""
    per_pixel = MULTIPLICATIONS_PER_PIXEL.get(str(chosen["network"]))
    if per_pixel is None or situation.device.kind != "cuda":
        return False
    pictures = situation.sample_count * _get_whole(chosen, "epochs")
    return pictures * _get_whole(chosen, "input_size") ** 2 * per_pixel >= LONG_TRAINING


CHOICES: Mapping[str, Callable[[Situation, Chosen], object]] = {
    "network": _choose_network,
    "input_size": _choose_input_size,
    "method": lambda *_: DEFAULT_METHOD,
    "beta": _choose_beta,
    "sample_gradients": lambda *_: False,
    "noise_lambda": lambda *_: 50.0,
    "noise_std": lambda *_: NOISE_STD,
    "soft_lambda": lambda *_: 0.01,
    "dropout": lambda *_: 0.0,
    "weight_decay": lambda *_: 0.0,
    "warm_up_epochs": lambda *_: 0,
    "blind_fraction": _choose_blind_fraction,  # before "folds": only the user can have set them
    "folds": _choose_folds,
    "batch_size": _choose_batch_size,
    "stable_correlation": _choose_stable_correlation,  # before "epochs": only the user can have set them
    "epochs": _choose_epochs,
    "learning_rate": _choose_learning_rate,
    "schedule": lambda *_: "one_cycle",
    "augmentation": _choose_augmentation,
    "signal_decay": lambda *_: None,
    "score": lambda *_: DEFAULT_SCORE,
    "validation_fraction": lambda *_: 0.0,
    "patience": lambda *_: 0,
    "precision": _choose_precision,
    "compiled": _choose_compiled,
    "seed": lambda *_: 0,
}
"""One choice per field, in order: a choice can depend on the fields before it."""
