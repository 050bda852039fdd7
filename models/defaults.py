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
    if chosen["network"] == "resnet50":
        return min(224, max(64, situation.side))
    return 32 if situation.side <= SIMPLE_SIDE else 64


def _method(situation: Situation, _: Chosen) -> str:
    return "limit_l" if situation.is_image and situation.shape[2] == 1 else "limit_g"


def _beta(_: Situation, __: Chosen) -> float:
    return 3.0


def _batch_size(situation: Situation, _: Chosen) -> int:
    return 256 if situation.sample_count >= 20_000 else 64


def _epochs(situation: Situation, chosen: Chosen) -> int:
    batch_size = chosen["batch_size"]
    assert isinstance(batch_size, int)
    return min(25, max(8, round(2_400 * batch_size / situation.sample_count)))


def _augmentation(situation: Situation, chosen: Chosen) -> str:
    if chosen["network"] in {"mlp", "mnist_cnn"}:
        return "none"
    return "flip_crop" if situation.side <= 64 else "resize_crop_flip"  # noqa: PLR2004


def _precision(situation: Situation, _: Chosen) -> str:
    return "bf16" if has_fast_bfloat16(situation.device) else "fp32"


def has_fast_bfloat16(device: str) -> bool:
    """Whether bf16 products are faster than fp32 there: on GPUs since Ampere and on CPUs with AMX.

    By capability and not by timing, so that a machine always gets the same numbers. Without AMX bf16 is
    emulated, and measured 8 times slower than fp32 (bench/defaults/RESULTS.md).
    """
    if torch.device(device).type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    return bool(torch.cpu.get_capabilities().get("amx_bf16", False))


CHOICES: Mapping[str, Callable[[Situation, Chosen], object]] = {
    "network": _network,
    "input_size": _input_size,
    "method": _method,
    "beta": _beta,
    "sample_gradients": lambda *_: False,
    "noise_lambda": lambda *_: 50.0,
    "warm_up_epochs": lambda *_: 0,
    "batch_size": _batch_size,
    "epochs": _epochs,
    "learning_rate": lambda *_: 2e-3,
    "schedule": lambda *_: "one_cycle",
    "augmentation": _augmentation,
    "signal_decay": lambda *_: 0.9,
    "score": lambda *_: "average",
    "validation_fraction": lambda *_: 0.0,
    "precision": _precision,
    "seed": lambda *_: 0,
}
"""One choice per field, in an order in which each may look at those before it."""
