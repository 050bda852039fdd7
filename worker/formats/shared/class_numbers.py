"""Labels that number a list of class names: whether they count from 0, as the list does."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from worker.formats.shared.problems import IngestError, make_printable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from worker.formats.shared.understanding import Understanding

_SHOWN = 5
NO_LABEL = -1
"""The number that Hugging Face and PyTorch write for "no label"."""


@dataclass(kw_only=True)
class _Numbered:
    """The numbers of one column, -1 apart, and the names that they index."""

    names: Sequence[object]
    lowest: float = float("inf")
    highest: float = float("-inf")
    outside: int = 0
    """Rows whose number has no name."""
    examples: list[int] = field(default_factory=list)


class ClassNumbers:
    """The numbers of labels that index class names, collected while an upload is read."""

    def __init__(self) -> None:
        self._given: dict[str, _Numbered] = {}
        self._true: dict[str, _Numbered] = {}

    @property
    def some_are_outside(self) -> bool:
        """Return whether a number has no name."""
        return any(each.outside for each in (*self._given.values(), *self._true.values()))

    def add(
        self, source: str, numbers: NDArray[Any], names: Sequence[object], *, is_truth: bool = False
    ) -> None:
        """Add whole numbers [n] of a column; `source` tells the lists of names of several files apart."""
        columns = self._true if is_truth else self._given
        found = columns.setdefault(source, _Numbered(names=names))
        numbers = numbers[numbers != NO_LABEL]
        if not len(numbers):
            return
        found.lowest = min(found.lowest, float(numbers.min()))
        found.highest = max(found.highest, float(numbers.max()))
        outside = numbers[(numbers < 0) | (numbers >= len(names))]
        found.outside += len(outside)
        for number in np.unique(outside).tolist():
            if int(number) not in found.examples and len(found.examples) < _SHOWN:
                found.examples.append(int(number))

    def check(self, understood: Understanding) -> None:
        """Refuse numbers that count from 1, and note what is doubtful about others.

        Raises:
            IngestError: no label is 0, and the last has no name.

        """
        for what, columns in (("labels", self._given), ("correct labels", self._true)):
            for found in columns.values():
                _check_start(found, what)
                _note_outside(found, what, understood)
        for found in self._given.values():
            if 1 <= found.lowest <= found.highest:
                understood.note(
                    "no_label_is_0",
                    f"labels are {found.lowest:.0f} to {found.highest:.0f} and number the {len(found.names)} "
                    f"class names from 0: {make_printable(str(found.names[0]))!r} has no sample",
                )


def _check_start(found: _Numbered, what: str) -> None:
    count = len(found.names)
    if found.lowest >= 1 and found.highest >= count:
        raise IngestError(
            "labels_count_from_1",
            f"expected {what} that number the class names from 0; {what} are {found.lowest:.0f} to "
            f"{found.highest:.0f} and there are {count} names: they count from 0; subtract 1 or give "
            f"{found.highest + 1:.0f} names",
        )


def _note_outside(found: _Numbered, what: str, understood: Understanding) -> None:
    if found.outside:
        shown = ", ".join(map(str, found.examples))
        understood.note(
            "labels_without_name",
            f"{found.outside} {what} were left out: there are {len(found.names)} class names, numbered 0 to "
            f"{len(found.names) - 1}, and none for {shown}",
        )
