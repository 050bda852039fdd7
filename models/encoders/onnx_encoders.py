"""Encoders of pictures in ONNX files, run by onnxruntime.

Shape suffixes: B pictures of a batch, H and W pixels, C channels, D features.
"""

import json
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from models.catalogue.encoders import PictureEncoderFacts, UnusableEncoder
from models.encoders.optional_packages import import_package
from models.encoders.picture_preparation import PictureEncoder

COLOURS = 3
FLOAT = "tensor(float)"
DIMENSIONS = 4
METADATA = ("side", "mean", "std")
"""The file's own metadata that are read: a whole number of pixels and two JSON lists of 3 numbers."""


class OnnxEncoder(PictureEncoder):
    """An encoder whose graph maps standardised pictures [B, 3, S, S] or [B, S, S, 3] to features [B, D]."""

    def __init__(self, facts: PictureEncoderFacts, content: bytes, weights_sha256: str, device: str) -> None:
        super().__init__(facts, weights_sha256)
        self._session = open_session(content, device)
        self._input = read_input(self._session)
        self._mean_C = np.array(facts.mean, dtype=np.float32)
        self._deviation_C = np.array(facts.deviation, dtype=np.float32)

    def encode(self, pictures_BHWC: Tensor) -> Tensor:
        """Return the features of prepared pictures, float32 [B, D] on the CPU."""
        pixels = pictures_BHWC.numpy().astype(np.float32)
        values: npt.NDArray[np.float32] = (pixels / np.float32(255) - self._mean_C) / self._deviation_C
        if self._input.channels_first:
            values = values.transpose(0, 3, 1, 2)
        # A graph with a fixed batch takes that many pictures at once; ours are filled up with black ones.
        size = self._input.batch or len(values)
        parts = [self._run(values[start : start + size], size) for start in range(0, len(values), size)]
        return torch.from_numpy(np.concatenate(parts))

    def _run(self, values: npt.NDArray[np.float32], size: int) -> npt.NDArray[np.float32]:
        missing = size - len(values)
        filled = np.pad(values, ((0, missing), (0, 0), (0, 0), (0, 0)))
        (found,) = self._session.run([self.facts.model], {self._input.name: np.ascontiguousarray(filled)})
        features = found.reshape(size, -1).astype(np.float32)[: len(values)]
        return np.asarray(features)


class GraphInput:
    """The input of a graph."""

    def __init__(self, name: str, shape: list[Any]) -> None:
        """Take the shape of onnxruntime: whole numbers, or the names of free dimensions."""
        self.name = name
        self.channels_first = shape[1] == COLOURS
        self.batch: int | None = shape[0] if isinstance(shape[0], int) else None
        sides = shape[2:] if self.channels_first else shape[1:3]
        self.side: int | None = sides[0] if isinstance(sides[0], int) else None


def open_session(content: bytes, device: str) -> Any:  # noqa: ANN401 - an onnxruntime.InferenceSession
    """Return a session on a device; without onnxruntime's own CUDA package it computes on the CPU.

    Raises:
        UnusableEncoder: onnxruntime is missing, or the file is not a complete graph in itself.

    """
    runtime = import_package("onnxruntime", extra="onnx")
    wanted = ["CPUExecutionProvider"]
    if torch.device(device).type == "cuda" and "CUDAExecutionProvider" in runtime.get_available_providers():
        wanted.insert(0, "CUDAExecutionProvider")
    options = runtime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    try:
        return runtime.InferenceSession(content, options, providers=wanted)
    except Exception as error:  # its errors have no base class of their own
        raise UnusableEncoder(
            "The ONNX file cannot be read; weights in a second file are not supported:"
            f" {str(error).strip().splitlines()[0]}"
        ) from error


def read_input(session: Any) -> GraphInput:  # noqa: ANN401 - an onnxruntime.InferenceSession
    """Return the graph's only input; UnusableEncoder if it is not a batch of RGB pictures in float32."""
    inputs = session.get_inputs()
    found = [f"{each.name} {each.type} {each.shape}" for each in inputs]
    if len(inputs) == 1 and inputs[0].type == FLOAT and len(inputs[0].shape) == DIMENSIONS:
        shape = inputs[0].shape
        if COLOURS in (shape[1], shape[3]):
            return GraphInput(inputs[0].name, shape)
    raise UnusableEncoder(
        "The ONNX graph must have one input, float32 [N, 3, H, W] or [N, H, W, 3]; found " + ", ".join(found)
    )


def describe_onnx(name: str, content: bytes, asked: Mapping[str, Any]) -> PictureEncoderFacts:
    """Return the facts of a graph: from what was asked for, else from its shapes and its own metadata.

    Args:
        name: its name as an encoder.
        content: the bytes of the file.
        asked: any of `side`, `mean`, `std`, `licence`.

    Raises:
        UnusableEncoder: the graph is not one of pictures to features, or a fact is nowhere.

    """
    session = open_session(content, "cpu")
    taken = read_input(session)
    known = _read_metadata(session) | ({} if taken.side is None else {"side": taken.side})
    known |= {key: value for key, value in asked.items() if value is not None}
    missing = [key for key in METADATA if key not in known]
    if missing:
        options = " and ".join(f"--{key}" for key in missing)
        raise UnusableEncoder(
            f"The ONNX file does not say how pictures are prepared: give {options} (side in pixels, the"
            " others for red, green and blue on a scale from 0 to 1)."
        )
    if taken.side not in {None, known["side"]}:
        raise UnusableEncoder(f"The graph takes {taken.side} pixels only, not {known['side']}.")
    output, width = _find_output(session, taken, known["side"])
    return PictureEncoderFacts(
        name=name,
        library="onnx",
        model=output,
        width=width,
        side=known["side"],
        step=None,
        crop=1.0,
        fit="crop",
        interpolation="bicubic",
        mean=_read_three("mean", known["mean"]),
        deviation=_read_three("std", known["std"]),
        licence=known.get("licence") or "not stated",
        source="an ONNX file",
    )


def _find_output(session: Any, taken: GraphInput, side: int) -> tuple[str, int]:  # noqa: ANN401 - as above
    """Return the name and the width of the first output that is one vector a picture."""
    size = taken.batch or 1
    shape = (size, COLOURS, side, side) if taken.channels_first else (size, side, side, COLOURS)
    names = [output.name for output in session.get_outputs()]
    found = session.run(names, {taken.name: np.zeros(shape, dtype=np.float32)})
    shapes = {name: np.shape(values) for name, values in zip(names, found, strict=True)}
    for name, (batch, *rest) in shapes.items():
        if batch == size and rest and rest[1:] == [1] * (len(rest) - 1):
            return name, rest[0]
    raise UnusableEncoder(
        f"The ONNX graph must have an output [N, D] or [N, D, 1, 1], one vector a picture; found {shapes}."
    )


def _read_metadata(session: Any) -> dict[str, Any]:  # noqa: ANN401 - an onnxruntime.InferenceSession
    stored = session.get_modelmeta().custom_metadata_map
    try:
        return {key: json.loads(stored[key]) for key in METADATA if key in stored}
    except ValueError as error:
        raise UnusableEncoder(
            f"The ONNX file's metadata {', '.join(METADATA)} must be JSON numbers: {error}."
        ) from error


def _read_three(key: str, values: Any) -> tuple[float, float, float]:  # noqa: ANN401 - a JSON value
    try:
        red, green, blue = map(float, values)
    except (TypeError, ValueError) as error:
        raise UnusableEncoder(
            f"{key} must be 3 numbers, for red, green and blue; found {values!r}."
        ) from error
    return red, green, blue
