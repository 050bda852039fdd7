"""Loading of an encoder by name, and the list of all."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from models.catalogue.encoders import EncoderFacts, UnusableEncoder, find_encoder, iterate_encoders
from models.catalogue.networks import BACKBONES
from models.encoders.efficientnet_lite import load_lite0
from models.encoders.encoder import Encoder
from models.encoders.torch_encoder import TorchEncoder
from models.encoders.weight_files import locate_weights, name_files, read_state, read_weights
from models.networks.pretrained import build_headless

EXTRAS = {"lite0": "lite0", "timm": "timm", "onnx": "onnx"}
"""The extra of limit-audit that brings a library or its weights."""


@dataclass(frozen=True, kw_only=True)
class EncoderState:
    """An encoder of this host, and whether it can be used."""

    facts: EncoderFacts
    weights: Path | None
    """The file of its weights; None: not at hand."""
    problem: str | None
    """Why it cannot be used and what to do, in one sentence; None: it can."""


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
    path = locate_weights(facts, folder)
    if path is None:
        raise UnusableEncoder(describe_missing(facts, folder))
    content, sha256 = read_weights(path, pinned=facts.weights_sha256)
    try:
        network = LOADERS[facts.library](facts, read_state(content, path))
    except ValueError as error:
        raise UnusableEncoder(f"{path} does not hold the weights of {facts.name}: {error}") from error
    return TorchEncoder(facts, network, sha256, device)


def list_encoders(folder: Path | None) -> Iterator[EncoderState]:
    """Yield every encoder that this host knows, whether or not it can be used."""
    for facts in iterate_encoders(folder):
        path = locate_weights(facts, folder)
        problem = describe_missing(facts, folder) if path is None else None
        yield EncoderState(facts=facts, weights=path, problem=problem)


def describe_missing(facts: EncoderFacts, folder: Path | None) -> str:
    """Return the sentence that says which file of weights is missing and where it is expected."""
    if facts.library == "lite0":
        way = "install limit-audit with the extra `lite0`, or put {file} into {folder}"
    else:
        way = "put {file} into {folder}, or run `limit-audit encoders fetch {name}` on a host with a network"
    place = "the folder LIMIT_AUDIT_ENCODERS_DIR" if folder is None else f"{folder}"
    sentence = way.format(file=" or ".join(name_files(facts)), folder=place, name=facts.base_name)
    return f"The weights of the encoder {facts.base_name} are not on this host: {sentence}."


def _load_lite0(_: EncoderFacts, state: dict[str, Any]) -> nn.Module:
    return load_lite0(state)


def _load_torchvision(facts: EncoderFacts, state: dict[str, Any]) -> nn.Module:
    head = BACKBONES[facts.model].head
    network = build_headless(facts.model)
    body = {name: value for name, value in state.items() if not name.startswith(f"{head}.")}
    try:
        network.load_state_dict(body)
    except RuntimeError as error:
        raise ValueError(str(error)) from error
    return network


Loader = Callable[[EncoderFacts, dict[str, torch.Tensor]], nn.Module]
LOADERS: Mapping[str, Loader] = {"lite0": _load_lite0, "torchvision": _load_torchvision}
