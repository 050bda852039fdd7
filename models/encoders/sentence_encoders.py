"""Encoders of texts in folders of sentence-transformers: local files, no program and no pickle among them.

Shape suffixes: B texts of a batch, D features.
"""

import json
import re
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import Any

import torch
from torch import Tensor

from models.catalogue.encoders import TextEncoderFacts, UnusableEncoder
from models.encoders.optional_packages import import_package
from models.encoders.text_encoder import SENTENCE, TextEncoder

MODULES, ADAPTER = "modules.json", "adapter_config.json"
KEPT = {".json", ".txt", ".model", ".safetensors"}
"""The suffixes of what such a folder needs: settings, vocabularies, weights."""
PICKLED = {".bin", ".pt", ".pth", ".pkl", ".ckpt"}
OWN_TYPES = "sentence_transformers."
"""What the types of a folder's modules begin with; others would be programs of the folder."""
LICENCE = re.compile(r"^license:[ \t]*([A-Za-z0-9.+-]+)[ \t]*$", re.MULTILINE)
"""In the head of a README.md, as hubs of models ask for it."""
UNSTATED = "not stated"


class SentenceEncoder(TextEncoder):
    """An encoder that sentence-transformers runs."""

    def __init__(self, facts: TextEncoderFacts, folder: Path, weights_sha256: str, device: str) -> None:
        super().__init__(facts, weights_sha256)
        self._model = _open(folder, device)
        if facts.length is not None:
            self._model.max_seq_length = facts.length

    def encode_together(self, texts: Sequence[str]) -> Tensor:
        """Return the features of texts, float32 [B, D] on the CPU."""
        features_BD: Tensor = self._model.encode(
            list(texts), batch_size=len(texts), show_progress_bar=False, convert_to_tensor=True
        )
        return features_BD.float().cpu()


def describe_sentences(
    name: str, folder: Path, files: Mapping[str, str], asked: Mapping[str, Any]
) -> TextEncoderFacts:
    """Return the facts of a folder of sentence-transformers.

    Args:
        name: its name as an encoder.
        folder: with the files that `list_sentence_files` names.
        files: the SHA-256 of each.
        asked: any of `length`, `licence`.

    Raises:
        UnusableEncoder: the folder is not complete, or takes no texts.

    """
    model = _open(folder, "cpu")
    own_length = model.max_seq_length
    length = asked.get("length") or (own_length if isinstance(own_length, int) else None)
    types = [module["type"].rpartition(".")[2] for module in _read_modules(folder)]
    (width,) = model.encode(SENTENCE, show_progress_bar=False, convert_to_tensor=True).shape
    return TextEncoderFacts(
        name=name,
        library="sentence-transformers",
        model=", ".join(types),
        width=width,
        length=length,
        licence=asked.get("licence") or UNSTATED,
        source="a folder of sentence-transformers",
        file=name,
        files=files,
    )


def list_sentence_files(folder: Path) -> list[PurePosixPath]:
    """Return the files that an encoder in a folder needs, relative to it.

    Raises:
        UnusableEncoder: the folder is not one of sentence-transformers, or has pickled weights or programs.

    """
    places = {PurePosixPath(module["path"]) for module in _read_modules(folder)} | {PurePosixPath()}
    if any(place.is_absolute() or ".." in place.parts for place in places):
        raise UnusableEncoder(f"{folder / MODULES} names a folder outside of it.")
    return sorted({file for place in places for file in _list_place(folder, place)})


def read_licence(folder: Path) -> str | None:
    """Return the licence that a folder's README.md states in its head; None: it states none."""
    readme = folder / "README.md"
    if not readme.is_file():
        return None
    text = readme.read_text(encoding="utf-8", errors="replace")
    head = text.split("\n---", 1)[0] if text.startswith("---") else ""
    found = LICENCE.search(head)
    return None if found is None else found[1]


def _read_modules(folder: Path) -> list[dict[str, str]]:
    try:
        modules = json.loads((folder / MODULES).read_text(encoding="utf-8"))
        found = [{"type": str(module["type"]), "path": str(module["path"])} for module in modules]
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise UnusableEncoder(
            f"{folder} is not a folder of sentence-transformers: expected {MODULES}, a list of modules with"
            f" type and path; found {type(error).__name__}: {error}."
        ) from error
    foreign = [module["type"] for module in found if not module["type"].startswith(OWN_TYPES)]
    if foreign:
        raise UnusableEncoder(
            f"{folder} needs programs of its own, which are not run: expected modules of"
            f" {OWN_TYPES.rstrip('.')}; found {', '.join(foreign)}."
        )
    return found


def _list_place(folder: Path, place: PurePosixPath) -> list[PurePosixPath]:
    """Return the files of one module; the folder itself is the place of the first one, mostly."""
    found = [file for file in sorted((folder / place).glob("*")) if file.is_file()]
    if (folder / place / ADAPTER).exists():
        raise UnusableEncoder(
            f"{folder} holds an adapter, which needs a network that is not in it: merge them."
        )
    suffixes = {file.suffix for file in found}
    if suffixes & PICKLED and ".safetensors" not in suffixes:
        pickled = next(file for file in found if file.suffix in PICKLED)
        raise UnusableEncoder(
            f"{pickled} holds pickled weights and is not loaded: a pickle can run any program. Expected"
            " model.safetensors, which `save_pretrained(FOLDER)` of sentence-transformers writes."
        )
    return [place / file.name for file in found if file.suffix in KEPT]


def _open(folder: Path, device: str) -> Any:  # noqa: ANN401 - a SentenceTransformer
    """Return the model in a folder; nothing but its files is read, and nothing of it is run."""
    library = import_package("sentence_transformers", extra="sentence-transformers")
    import_package("transformers", extra="sentence-transformers").utils.logging.disable_progress_bar()
    try:
        return library.SentenceTransformer(
            str(folder),
            device=device,
            local_files_only=True,
            trust_remote_code=False,
            model_kwargs={"use_safetensors": True, "dtype": torch.float32},
        )
    except Exception as error:  # the libraries raise whatever their parsers do
        reason = (str(error).strip() or repr(error)).splitlines()[0]
        raise UnusableEncoder(f"{folder} cannot be opened by sentence-transformers: {reason}") from error
