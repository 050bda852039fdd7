"""Class codes of label values, each class's own spelling, and the order of class names."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import numpy as np

from models.reading.label_texts import (
    DOUBTFUL_TEXTS,
    clean_text,
    encode_spelling,
    format_label,
    make_comparable,
)
from models.reading.several_labels.label_sets import NO_CLASS
from worker.formats.shared.problems import make_printable

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

__all__ = ["MISSING", "Vocabulary", "format_label", "get_natural_key", "sort_naturally"]

MISSING = -1
_NUMBER = re.compile(r"[+-]?\d+(\.\d+)?")
_DIGITS = re.compile(r"(\d+)")
_VARIANTS_SHOWN = 5
_UNSET = object()


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
        self.is_literal = False
        """Labels are folders: no text is a number or missing."""
        self.upload_order: Sequence[str] = ()
        self.has_sets = False
        """Labels are sets of classes, so a blank one is a set, too."""
        self.variants: dict[int, list[str]] = {}
        """Spellings of a class besides its own, by code."""
        self._given: list[Any] = []
        self._true: list[Any] = []
        self._code_of_text: dict[str, int] = {}
        self._name_of_label: dict[str, str] = {}
        self._code_of_value: dict[tuple[type, Any, bool], int] = {}

    def set_order(self, names: Sequence[str]) -> None:
        """Set the order in which the upload numbers its classes."""
        self.upload_order = tuple(text for text in map(format_label, names) if text is not None)

    def encode(self, values: Iterable[object], *, is_truth: bool = False) -> NDArray[np.int32]:
        """Return codes [n] of label values; MISSING where there is none."""
        return np.fromiter((self.get_code(value, is_truth=is_truth) for value in values), dtype=np.int32)

    def get_code(self, value: object, *, is_truth: bool = False) -> int:
        """Return the code of a label value; MISSING if there is none."""
        if value != value:  # noqa: PLR0124 - a number that is not one
            value = None
        code = self._code_of_value.get((type(value), value, is_truth))
        return self._add_value(value, is_truth=is_truth) if code is None else code

    def encode_array(self, values: NDArray[Any], *, is_truth: bool = False) -> NDArray[np.int32]:
        """Return codes [n] of an array of numbers or strings; each distinct value is formatted once."""
        distinct, first, inverse = np.unique(values, return_index=True, return_inverse=True)
        codes = np.empty(len(distinct), dtype=np.int32)
        for at in np.argsort(first, kind="stable").tolist():
            codes[at] = self.get_code(distinct[at].item(), is_truth=is_truth)
        return codes[inverse.reshape(-1)]

    def encode_numbered(
        self, numbers: NDArray[Any], names: Sequence[object], *, spell_names: bool = False
    ) -> NDArray[np.int32]:
        """Return codes [n] of integers that index `names`; MISSING outside the range.

        A class's own spelling is its number or, with `spell_names`, its name as it stands in the list.
        """
        texts = [self._name_numbered(name, index) for index, name in enumerate(names)]
        self.upload_order = self.upload_order or tuple(texts)
        codes = np.array(
            [
                self._register(text, name if spell_names else index, is_truth=False)
                for index, (text, name) in enumerate(zip(texts, names, strict=True))
            ],
            dtype=np.int32,
        )
        inside = (numbers >= 0) & (numbers < len(codes))
        clipped = np.where(inside, numbers, 0).astype(np.int64)
        return np.where(inside, codes[clipped], MISSING).astype(np.int32)

    def _name_numbered(self, name: object, index: int) -> str:
        """Return the name in a list of classes as it is; its number if it is blank."""
        text = name.decode("utf-8", "replace") if isinstance(name, bytes) else str(name)
        if isinstance(name, float):
            text = format_label(name) or text
        return make_printable(clean_text(text)) or str(index)

    def add_alias(self, label: str, name: str) -> None:
        """Let a label be a class of another name; its own spelling stays as the labels write it."""
        self._name_of_label[label] = name

    def _add_value(self, value: object, *, is_truth: bool) -> int:
        is_folder = self.is_literal and isinstance(value, str)
        text = clean_text(str(value)) or str(value) if is_folder else format_label(value)
        code = MISSING
        if self.has_sets and not text and not is_truth:
            code = self._register(NO_CLASS, value, is_truth=False)
        elif text:
            text = self._name_of_label.get(text, text)
            name = make_printable(text) if "\x00" in text or not text.isascii() else text
            code = self._register(name, value, is_truth=is_truth)
        self._code_of_value[type(value), value, is_truth] = code
        return code

    def _register(self, name: str, value: object, *, is_truth: bool) -> int:
        """Return the code of a name; the first given value becomes the class's own spelling."""
        code = self._code_of_text.setdefault(make_comparable(name), len(self.names))
        if code == len(self.names):
            self.names.append(name)
            self._given.append(_UNSET)
            self._true.append(_UNSET)
        spellings = self._true if is_truth else self._given
        if spellings[code] is _UNSET:
            spellings[code] = value
        elif not is_truth and (type(spellings[code]), spellings[code]) != (type(value), value):
            self._keep_variant(code, value)
        return code

    def _keep_variant(self, code: int, value: object) -> None:
        shown = self.variants.setdefault(code, [])
        if repr(value) not in shown and len(shown) < _VARIANTS_SHOWN:
            shown.append(repr(value))

    def get_spelling(self, code: int) -> Any:  # noqa: ANN401 - JSON
        """Return a class's own spelling as JSON: of its given labels, else of its true ones."""
        value = self._given[code] if self._given[code] is not _UNSET else self._true[code]
        return encode_spelling(None if value is _UNSET else value)

    def describe_variants(self) -> list[str]:
        """Say which classes are spelled in several ways."""
        return [
            f"{self._given[code]!r} and {', '.join(others)} are one class, {self.names[code]!r}"
            for code, others in sorted(self.variants.items())
        ]

    def list_doubtful(self) -> list[str]:
        """Return the names of classes that other programs read as "no label"."""
        return [] if self.is_literal else [name for name in self.names if name.lower() in DOUBTFUL_TEXTS]

    def order_used(
        self, used: NDArray[np.bool_]
    ) -> tuple[tuple[str, ...], NDArray[np.int32], tuple[Any, ...]]:
        """Return the names of the used codes in their final order, a map from codes to labels, and spellings.

        The map has shape [codes + 1]; its last entry is for the code MISSING (-1).
        """
        code_of_name = dict(zip(self.names, range(len(self.names)), strict=True))
        present = {name for name, is_used in zip(self.names, used, strict=True) if is_used}
        ordered = [self._code_of_text.get(make_comparable(name), MISSING) for name in self.upload_order]
        numbered = [
            name
            for name in dict.fromkeys(self.names[code] for code in ordered if code != MISSING)
            if name in present
        ]
        names = numbered + sort_naturally(present.difference(numbered))
        label_of = {name: label for label, name in enumerate(names)}
        mapped = [label_of.get(name, MISSING) for name in self.names]
        spellings = tuple(self.get_spelling(code_of_name[name]) for name in names)
        return tuple(names), np.array([*mapped, MISSING], dtype=np.int32), spellings
