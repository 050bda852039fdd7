"""Class codes of label values, and the order of class names."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import numpy as np

from worker.formats.shared.problems import make_printable

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

MISSING = -1
_WHOLE_NUMBER = re.compile(r"[+-]?\d+\.0+")
_NUMBER = re.compile(r"[+-]?\d+(\.\d+)?")
_DIGITS = re.compile(r"(\d+)")


def format_label(value: object) -> str | None:
    """Format a class name: None if missing (None, NaN, blank, "nan"); integer floats without ".0"."""
    if value is None:
        return None
    if isinstance(value, bytes):
        value = value.decode("utf-8", "replace")
    text = str(value).strip()
    if not text or text.lower() == "nan":
        return None
    if _WHOLE_NUMBER.fullmatch(text):
        return text.split(".", maxsplit=1)[0]
    return make_printable(text) if "\x00" in text or not text.isascii() else text


def get_natural_key(text: str) -> tuple[tuple[int, int, str], ...]:
    """Return a sort key that puts "img2" before "img10"; only ASCII digits count as digits."""
    parts = _DIGITS.split(text)
    return tuple(
        (0, int(part), part) if part.isascii() and part.isdigit() else (1, 0, part) for part in parts if part
    )


def sort_naturally(names: Iterable[str]) -> list[str]:
    """Sort names naturally, or by value if all are numbers (with sign and fraction)."""
    every = list(names)
    if all(name.isascii() and _NUMBER.fullmatch(name) for name in every):
        return sorted(every, key=lambda name: (float(name), name))
    return sorted(every, key=get_natural_key)


class Vocabulary:
    """Class names read so far; given and true labels share it, so its classes are their union."""

    def __init__(self) -> None:
        self.names: list[str] = []
        self._code_of_name: dict[str, int] = {}
        self._code_of_value: dict[Any, int] = {}
        self.upload_order: Sequence[str] = ()

    def set_order(self, names: Sequence[str]) -> None:
        """Set the order in which the upload numbers its classes."""
        self.upload_order = tuple(text for text in map(format_label, names) if text is not None)

    def encode(self, values: Iterable[object]) -> NDArray[np.int32]:
        """Return codes [n] of label values; MISSING where there is none."""
        return np.fromiter(map(self.get_code, values), dtype=np.int32)

    def get_code(self, value: object) -> int:
        """Return the code of a label value; MISSING if there is none."""
        code = self._code_of_value.get(value)
        return self._add_value(value) if code is None else code

    def encode_array(self, values: NDArray[Any]) -> NDArray[np.int32]:
        """Return codes [n] of an array of numbers or strings; each distinct value is formatted once."""
        distinct, inverse = np.unique(values, return_inverse=True)
        return self.encode(distinct.tolist())[inverse.reshape(-1)]

    def encode_numbered(self, numbers: NDArray[Any], names: Sequence[object]) -> NDArray[np.int32]:
        """Return codes [n] of integers that index `names`; MISSING outside the range."""
        self.set_order([str(format_label(name) or index) for index, name in enumerate(names)])
        codes_of_names = self.encode(self.upload_order)
        inside = (numbers >= 0) & (numbers < len(codes_of_names))
        clipped = np.where(inside, numbers, 0).astype(np.int64)
        return np.where(inside, codes_of_names[clipped], MISSING).astype(np.int32)

    def _add_value(self, value: object) -> int:
        text = format_label(value)
        code = MISSING if text is None else self._code_of_name.setdefault(text, len(self.names))
        if code == len(self.names) and text is not None:
            self.names.append(text)
        self._code_of_value[value] = code
        return code

    def order_used(self, used: NDArray[np.bool_]) -> tuple[tuple[str, ...], NDArray[np.int32]]:
        """Return the names of the used codes in their final order, and a map from codes to labels.

        The map has shape [codes + 1]; its last entry is for the code MISSING (-1).
        """
        present = {name for name, is_used in zip(self.names, used, strict=True) if is_used}
        numbered = [name for name in dict.fromkeys(self.upload_order) if name in present]
        names = numbered + sort_naturally(present.difference(numbered))
        label_of = {name: label for label, name in enumerate(names)}
        mapped = [label_of.get(name, MISSING) for name in self.names]
        return tuple(names), np.array([*mapped, MISSING], dtype=np.int32)
