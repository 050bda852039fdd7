"""What is chosen for whom: a value for every field of a configuration that its user left open.

The numbers come from bench/defaults; RESULTS.md there tells what each was measured against.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch


@dataclass(frozen=True, kw_only=True)
class Situation:
    """What the choices may depend on; see `resolve`."""

    shape: tuple[int, ...]
    sample_count: int
    class_count: int
    device: str

    @property
    def is_image(self) -> bool:
        """Whether a sample is an image (H, W, C)."""
        return len(self.shape) == 3  # noqa: PLR2004

    @property
    def side(self) -> int:
        """The longer side of the images, in pixels."""
        return max(self.shape[:2])

    @property
    def has_accelerator(self) -> bool:
        """Whether large networks are affordable."""
        return torch.device(self.device).type != "cpu"


Chosen = Mapping[str, object]
SIMPLE_SIDE = 32
"""Images up to this side, in pixels, are drawings of characters and their like, or CIFAR's."""

SMALL_SAMPLE_COUNT, LARGE_SAMPLE_COUNT, HUGE_SAMPLE_COUNT = 10_000, 40_000, 200_000
STEPS_OF_NETWORK: Mapping[str, int] = {
    "mnist_cnn": 700,
    "small_cnn": 1_000,
    "photo_cnn": 1_000,
    "resnet34_cifar": 4_700,
}
"""Gradient steps spent: drawings need few, photographs on a CPU must be done within minutes, and on a GPU
CIFAR-10's ROC AUC goes on rising from .984 to .990 between 2,300 and 4,700 (docs/speed.md)."""
TUNING_STEPS, TUNING_LEARNING_RATE = 500, 2e-4
"""Of networks that were pretrained: few and small steps, so that they keep what they know. Not measured."""
STEPS = 2_400
"""Gradient steps that anything else needs."""
EPOCHS_MIN, EPOCHS_MAX = 8, 60
STABLE_CORRELATION = 0.998
"""Of LIMIT_L's rankings of drawings: reached where nothing is left to gain, and not while the area rises."""
MULTIPLICATIONS_PER_PIXEL: Mapping[str, int] = {"resnet34_cifar": 1_130_000, "resnet50": 82_000}
"""Of one forward pass, in the networks whose kernels are worth making."""
LONG_TRAINING = 10**16
"""Multiplications of all forward passes: 7 minutes of an H200, of which compiling saves one."""
CPU_BFLOAT16 = ("amx_bf16", "avx512_bf16")
"""Capabilities with which a CPU multiplies in bf16 itself."""
DMI_LEARNING_RATE = 1e-4
"""From the middle of the paper's grid for DMI, which starts from a trained model and is sensitive to it."""


def _network(situation: Situation, _: Chosen) -> str:
    if not situation.is_image:
        return "mlp"
    if situation.side <= SIMPLE_SIDE and situation.shape[2] == 1:
        return "mnist_cnn"
    if not situation.has_accelerator:
        return "small_cnn" if situation.side <= SIMPLE_SIDE else "photo_cnn"
    return "resnet34_cifar" if situation.side <= 64 else "resnet50"  # noqa: PLR2004


def _input_size(situation: Situation, chosen: Chosen) -> int | None:
    if chosen["network"] == "mlp":
        return None
    if chosen["network"] == "mnist_cnn":
        return 32 if situation.side > 28 else 28  # noqa: PLR2004
    network = str(chosen["network"])
    if network == "pretrained_vit_b_16":
        return 224
    if network == "resnet50" or network.startswith("pretrained_"):
        return min(224, max(64, situation.side))
    return 32 if situation.side <= SIMPLE_SIDE else 64


def _beta(_: Situation, chosen: Chosen) -> float:
    return {"limit_l": 3.0, "soft_regularisation": 0.01}.get(str(chosen["method"]), 1.0)


def _batch_size(situation: Situation, chosen: Chosen) -> int:
    """Choose small batches for small data, which needs the steps, and for networks that fill a device."""
    if situation.sample_count < SMALL_SAMPLE_COUNT or chosen["network"] == "resnet50":
        return 64
    return 128 if situation.sample_count < LARGE_SAMPLE_COUNT else 256


def _stable_correlation(_: Situation, chosen: Chosen) -> float:
    """Choose an early end where one was measured; whoever asks for a number of epochs is given them all."""
    is_measured = (chosen["network"], chosen["method"]) == ("mnist_cnn", "limit_l")
    return STABLE_CORRELATION if is_measured and "epochs" not in chosen else 0.0


def _epochs(situation: Situation, chosen: Chosen) -> int:
    """Choose as many passes as a budget of gradient steps needs, within bounds."""
    is_tuned = str(chosen["network"]).startswith("pretrained_")
    budget = TUNING_STEPS if is_tuned else STEPS_OF_NETWORK.get(str(chosen["network"]), STEPS)
    least = EPOCHS_MIN if situation.sample_count <= HUGE_SAMPLE_COUNT else EPOCHS_MIN // 2
    wanted = round(budget * _whole(chosen, "batch_size") / situation.sample_count)
    return min(EPOCHS_MAX, max(least, wanted))


def _learning_rate(situation: Situation, chosen: Chosen) -> float:
    if chosen["method"] == "dmi":
        return DMI_LEARNING_RATE
    if str(chosen["network"]).startswith("pretrained_"):
        return TUNING_LEARNING_RATE
    is_small = situation.sample_count < SMALL_SAMPLE_COUNT
    return 1e-3 if is_small and chosen["network"] == "mnist_cnn" else 2e-3


def _whole(chosen: Chosen, field: str) -> int:
    """Return a whole number chosen before; one of another kind is refused when the configuration is made."""
    value = chosen[field]
    return value if isinstance(value, int) and value > 0 else 1


def _augmentation(situation: Situation, chosen: Chosen) -> str:
    if chosen["network"] in ("mlp", "mnist_cnn"):
        return "none"
    return "flip_crop" if situation.side <= 64 else "resize_crop_flip"  # noqa: PLR2004


def _precision(situation: Situation, _: Chosen) -> str:
    return "bf16" if has_fast_bfloat16(situation.device) else "fp32"


def has_fast_bfloat16(device: str) -> bool:
    """Whether bf16 products are faster than fp32 there: GPUs since Ampere, CPUs with AMX or AVX-512 BF16.

    By capability and not by timing, so that a machine always gets the same numbers. On other CPUs bf16 is
    emulated, and measured 8 times slower than fp32 (bench/defaults/RESULTS.md).
    """
    if torch.device(device).type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    return any(torch.cpu.get_capabilities().get(name, False) for name in CPU_BFLOAT16)


def _compiled(situation: Situation, chosen: Chosen) -> bool:
    """Choose kernels of their own for trainings of many minutes: making them takes half of one."""
    per_pixel = MULTIPLICATIONS_PER_PIXEL.get(str(chosen["network"]))
    if per_pixel is None or torch.device(situation.device).type != "cuda":
        return False
    pictures = situation.sample_count * _whole(chosen, "epochs")
    return pictures * _whole(chosen, "input_size") ** 2 * per_pixel >= LONG_TRAINING


CHOICES: Mapping[str, Callable[[Situation, Chosen], object]] = {
    "network": _network,
    "input_size": _input_size,
    "method": lambda *_: "limit",
    "beta": _beta,
    "sample_gradients": lambda *_: False,
    "noise_lambda": lambda *_: 50.0,
    "noise_std": lambda *_: 0.1,
    "soft_lambda": lambda *_: 0.01,
    "dropout": lambda *_: 0.0,
    "weight_decay": lambda *_: 0.0,
    "warm_up_epochs": lambda *_: 0,
    "batch_size": _batch_size,
    "stable_correlation": _stable_correlation,  # before the epochs: by then none were chosen but asked for
    "epochs": _epochs,
    "learning_rate": _learning_rate,
    "schedule": lambda *_: "one_cycle",
    "augmentation": _augmentation,
    "signal_decay": lambda *_: None,
    "score": lambda *_: "margin",
    "validation_fraction": lambda *_: 0.0,
    "patience": lambda *_: 0,
    "precision": _precision,
    "compiled": _compiled,
    "seed": lambda *_: 0,
}
"""One choice per field, in an order in which each may look at those before it."""
