"""Encoders of texts in ONNX files, each with the tokenizer.json of its network; onnxruntime runs them.

Array names: B texts of a batch, L tokens, D features.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional

from models.catalogue.encoders import TextEncoderFacts, UnusableEncoder
from models.encoders.onnx_encoders import open_session
from models.encoders.optional_packages import import_package
from models.encoders.text_encoder import SENTENCE, TextEncoder

GRAPH, TOKENIZER = "model.onnx", "tokenizer.json"
TOKENS, MASK, TYPES = "input_ids", "attention_mask", "token_type_ids"
WHOLE = "tensor(int64)"
POOLED = "sentence_embedding"
"""How exporters name the output that is one vector a text, where there is one."""
PADDING = ("[PAD]", "<pad>")
VECTOR, VECTORS = 2, 3
"""Dimensions of an output with a vector a text, and of one with a vector a token."""


class OnnxTextEncoder(TextEncoder):
    """An encoder whose graph maps tokens [B, L] to features [B, D], or to one vector a token [B, L, D].

    Those of a text's tokens are averaged and scaled to length 1, as sentence encoders usually do.
    """

    def __init__(self, facts: TextEncoderFacts, folder: Path, weights_sha256: str, device: str) -> None:
        super().__init__(facts, weights_sha256)
        self._session = open_session((folder / GRAPH).read_bytes(), device)
        self._inputs = read_inputs(self._session)
        self._tokenizer = open_tokenizer(folder / TOKENIZER, length=facts.length)

    def encode_together(self, texts: Sequence[str]) -> Tensor:
        """Return the features of texts, float32 [B, D] on the CPU."""
        given = tokenize(self._tokenizer, texts)
        (found,) = self._session.run([self.facts.model], {name: given[name] for name in self._inputs})
        values = torch.from_numpy(found.astype(np.float32))
        if values.dim() == VECTOR:
            return values
        mask_BL1 = torch.from_numpy(given[MASK])[..., None]
        return functional.normalize((values * mask_BL1).sum(1) / mask_BL1.sum(1).clamp_min(1), dim=1)


def describe_onnx_texts(
    name: str, folder: Path, files: Mapping[str, str], asked: Mapping[str, Any]
) -> TextEncoderFacts:
    """Return the facts of a graph and its tokenizer.

    Args:
        name: its name as an encoder.
        folder: with the files `GRAPH` and `TOKENIZER`.
        files: the SHA-256 of each.
        asked: any of `length`, in tokens, and `licence`.

    Raises:
        UnusableEncoder: the graph is not one of tokens to features, or nothing says how many it takes.

    """
    session = open_session((folder / GRAPH).read_bytes(), "cpu")
    inputs = read_inputs(session)
    tokenizer = open_tokenizer(folder / TOKENIZER, length=None)
    length = asked.get("length") or (tokenizer.truncation or {}).get("max_length")
    if length is None:
        raise UnusableEncoder(
            "The tokenizer does not say how many tokens of a text the network takes: give --length."
        )
    output, width = _find_output(session, inputs, tokenizer)
    return TextEncoderFacts(
        name=name,
        library="onnx",
        model=output,
        width=width,
        length=length,
        licence=asked.get("licence") or "not stated",
        source="an ONNX file with a tokenizer",
        file=name,
        files=files,
    )


def read_inputs(session: Any) -> list[str]:  # noqa: ANN401 - an onnxruntime.InferenceSession
    """Return the names of the graph's inputs; UnusableEncoder if they are not tokens of texts."""
    inputs = session.get_inputs()
    names = [each.name for each in inputs]
    is_free = all(
        each.type == WHOLE and not any(isinstance(side, int) for side in each.shape) for each in inputs
    )
    if is_free and {TOKENS, MASK} <= set(names) <= {TOKENS, MASK, TYPES}:
        return names
    found = ", ".join(f"{each.name} {each.type} {each.shape}" for each in inputs)
    raise UnusableEncoder(
        f"The ONNX graph must have the inputs {TOKENS}, {MASK} and, if it wants them, {TYPES}, int64 [N, L]"
        f" with any N and L; found {found}"
    )


def open_tokenizer(file: Path, *, length: int | None) -> Any:  # noqa: ANN401 - a tokenizers.Tokenizer
    """Return a tokenizer that fills texts up to the longest one.

    Args:
        file: a tokenizer.json.
        length: most tokens of a text; None: as the file says.

    Raises:
        UnusableEncoder: the package tokenizers is missing, or the file is no tokenizer.

    """
    library = import_package("tokenizers", extra="onnx")
    try:
        tokenizer = library.Tokenizer.from_file(str(file))
    except Exception as error:  # its errors have no base class of their own
        raise UnusableEncoder(f"{file.name} is not a tokenizer of the library tokenizers: {error}") from error
    usual = (tokenizer.token_to_id(name) for name in PADDING)
    pad_id = next((each for each in usual if each is not None), 0)
    tokenizer.enable_padding(pad_id=(tokenizer.padding or {}).get("pad_id", pad_id))
    if length is not None:
        tokenizer.enable_truncation(length)
    return tokenizer


def tokenize(tokenizer: Any, texts: Sequence[str]) -> dict[str, npt.NDArray[np.int64]]:  # noqa: ANN401 - as above
    """Return the tokens of texts, their mask and their types, each [B, L]."""
    found = tokenizer.encode_batch(list(texts))
    return {
        TOKENS: np.array([each.ids for each in found], np.int64),
        MASK: np.array([each.attention_mask for each in found], np.int64),
        TYPES: np.array([each.type_ids for each in found], np.int64),
    }


def _find_output(session: Any, inputs: list[str], tokenizer: Any) -> tuple[str, int]:  # noqa: ANN401 - as above
    """Return the name and the width of the output that is taken: the pooled one, else the first."""
    names = [output.name for output in session.get_outputs()]
    name = POOLED if POOLED in names else names[0]
    given = tokenize(tokenizer, [SENTENCE])
    (found,) = session.run([name], {each: given[each] for each in inputs})
    if np.ndim(found) not in {VECTOR, VECTORS} or len(found) != 1:
        raise UnusableEncoder(
            f"The ONNX graph's output {name} must be one vector a text, [N, D], or one a token, [N, L, D];"
            f" found {list(np.shape(found))} for one text."
        )
    return name, int(found.shape[-1])
