"""Whether a training uses an encoder's features, which one, and why, where the user did not say it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from models.catalogue.encoders import ENCODERS, NO_ENCODER, EncoderFacts
from models.catalogue.kinds import find_kind
from models.catalogue.networks import NETWORKS
from models.catalogue.training_request import TrainingRequest
from models.configuration.defaults import SIMPLE_SIDE, Situation

COLOURS = 3
PIXEL_FIELDS = ("input_size", "augmentation")
"""Fields that only a training on pixels has; who sets one asks for it."""
CPU_PREFERENCE = ("efficientnet_lite0", "mobilenet_v3_small", "resnet18", "efficientnet_b0")
"""Encoders that are small enough for a CPU, the best first by their published accuracy on ImageNet."""
GPU_PREFERENCE = (
    "convnext_tiny", "vit_b_16", "resnet50", "efficientnet_b0", "efficientnet_lite0", "resnet18",
    "mobilenet_v3_small",
)  # fmt: skip
"""By their published accuracy on ImageNet, the best first (torchvision's table; the wheel's for lite0)."""


@dataclass(frozen=True, kw_only=True)
class EncoderChoice:
    """The encoder of a training, None if it trains on pixels, and the reason in one sentence."""

    name: str | None
    reason: str


def list_added(known: Iterable[EncoderFacts]) -> list[str]:
    """Return the names of encoders that people added, those with the widest features first."""
    added = [facts for facts in known if facts.name not in ENCODERS]
    return [facts.name for facts in sorted(added, key=lambda facts: -facts.width)]


def choose_encoder(
    request: TrainingRequest, situation: Situation, *, at_hand: Sequence[str], added: Sequence[str] = ()
) -> EncoderChoice:
    """Return the encoder of a training.

    Texts get an encoder that people added, if any. Photographs, in colour and larger than `SIMPLE_SIDE`
    pixels, get the best encoder at hand. Drawings and small pictures are trained from scratch, as all
    figures of bench/defaults/RESULTS.md are.

    Args:
        request: the user's options.
        situation: the stored dataset and the device.
        at_hand: the encoders of such samples whose weights this worker has.
        added: those of `at_hand` that people added to it: preferred, in this order.

    """
    if request.encoder_name is not None:
        return _take_requested(request.encoder_name, situation)
    if situation.is_text:
        return _choose_for_texts(added)
    asks_for_pixels = _find_pixel_field(request)
    if asks_for_pixels is not None:
        return EncoderChoice(name=None, reason=f"trained on pixels, as {asks_for_pixels} was chosen")
    kind = find_kind(situation.shape)
    if kind.encoded_by is None:
        return EncoderChoice(name=None, reason=f"trained on the {kind.name} themselves")
    if not _is_photograph(situation):
        return EncoderChoice(
            name=None,
            reason=f"trained on pixels: pictures up to {SIMPLE_SIDE} pixels or without colour are not taken"
            " for photographs",
        )
    return _prefer(situation, at_hand, added)


def _take_requested(name: str, situation: Situation) -> EncoderChoice:
    if name == NO_ENCODER:
        values = "the terms of the texts" if situation.is_text else "pixels"
        return EncoderChoice(name=None, reason=f"trained on {values}, as requested")
    return EncoderChoice(name=name, reason=f"features by {name}, as requested")


def _choose_for_texts(added: Sequence[str]) -> EncoderChoice:
    """Return the first encoder of texts that people added; there are no others."""
    if not added:
        return EncoderChoice(
            name=None,
            reason="trained on the terms of the texts: the worker has no encoder of texts;"
            " `limit-audit encoders add` adds one",
        )
    return EncoderChoice(
        name=added[0], reason=f"features by {added[0]}, the first encoder of texts of those added here"
    )


def _find_pixel_field(request: TrainingRequest) -> str | None:
    """Return the first field of a request that only a training on pixels can have."""
    network = NETWORKS.get(request.network or "")
    if network is not None and network.takes != "vector":
        return "network"
    given = request.list_given()
    return next((name for name in PIXEL_FIELDS if name in given), None)


def _is_photograph(situation: Situation) -> bool:
    return situation.side > SIMPLE_SIDE and situation.shape[2] == COLOURS


def _prefer(situation: Situation, at_hand: Sequence[str], added: Sequence[str]) -> EncoderChoice:
    is_accelerator = situation.device.is_accelerator
    order = [*added, *(GPU_PREFERENCE if is_accelerator else CPU_PREFERENCE)]
    name = next((name for name in order if name in at_hand), None)
    if name is None:
        return EncoderChoice(
            name=None,
            reason="trained on pixels: these look like photographs, but the worker has no encoder that suits"
            " it; `limit-audit encoders list` says how to bring one",
        )
    best = "the first of those added here" if name in added else "the best at hand for this device"
    return EncoderChoice(
        name=name,
        reason=f"features by {name}, {best}: colour pictures larger than {SIMPLE_SIDE} pixels are taken for"
        " photographs",
    )
