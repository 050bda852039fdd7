"""Many texts in little memory: names and keys of an upload with millions of samples."""

from __future__ import annotations

from abc import abstractmethod
from array import array
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import TYPE_CHECKING, overload

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray


class _ComputedTexts(Sequence[str]):
    """Texts that are computed on access."""

    @abstractmethod
    def _get(self, at: int) -> str: ...

    @overload
    def __getitem__(self, at: int) -> str: ...
    @overload
    def __getitem__(self, at: slice) -> list[str]: ...
    def __getitem__(self, at: int | slice) -> str | list[str]:
        if isinstance(at, slice):
            return [self._get(each) for each in range(*at.indices(len(self)))]
        return self._get(at)


class Texts(_ComputedTexts):
    """A growing list of texts: 8 bytes for each besides its characters; a list takes 60."""

    def __init__(self, texts: Iterable[str] = ()) -> None:
        self._bytes = bytearray()
        self._ends = array("q", [0])
        for text in texts:
            self.append(text)

    def append(self, text: str) -> None:
        """Add a text at the end."""
        self._bytes += text.encode("utf-8", "surrogatepass")
        self._ends.append(len(self._bytes))

    def __len__(self) -> int:
        return len(self._ends) - 1

    def _get(self, at: int) -> str:
        if at < 0:
            at += len(self)
            if at < 0:
                raise IndexError
        return self._bytes[self._ends[at] : self._ends[at + 1]].decode("utf-8", "surrogatepass")

    def __iter__(self) -> Iterator[str]:
        start = 0
        for end in islice(self._ends, 1, None):
            yield self._bytes[start:end].decode("utf-8", "surrogatepass")
            start = end

    def count_bytes(self, at: int) -> int:
        """Return the length of a text in UTF-8 bytes."""
        return self._ends[at + 1] - self._ends[at]


class TextSelection(_ComputedTexts):
    """Some rows of a list of texts, from character `start` on, without a copy."""

    def __init__(self, texts: Sequence[str], rows: NDArray[np.int64], *, start: int = 0) -> None:
        self._texts = texts
        self._rows = rows
        self._start = start

    def __len__(self) -> int:
        return len(self._rows)

    def _get(self, at: int) -> str:
        return self._texts[int(self._rows[at])][self._start :]

    def __iter__(self) -> Iterator[str]:
        texts, start = self._texts, self._start
        for row in self._rows:
            yield texts[int(row)][start:]


class Finder:
    """An index of different texts: 16 bytes for each; a dict takes 100."""

    def __init__(self, texts: Sequence[str]) -> None:
        self._texts = texts
        hashes = _hash_texts(texts)
        order = np.argsort(hashes)
        self._hashes, self._order = array("q", hashes[order].tobytes()), array("q", order.tobytes())

    def find(self, *texts: str) -> int | None:
        """Return the index of the first of these texts that is there; None if none is."""
        return next((index for text in texts if (index := self._find(text)) is not None), None)

    def _find(self, text: str) -> int | None:
        text_hash = hash(text)
        for at in range(bisect_left(self._hashes, text_hash), len(self._hashes)):
            if self._hashes[at] != text_hash:
                break
            if self._texts[self._order[at]] == text:
                return self._order[at]
        return None


def count_repeated(texts: Sequence[str]) -> Counter[str]:
    """Count the texts that occur more than once; every other text takes only 16 bytes."""
    hashes = np.sort(_hash_texts(texts))
    doubled = set(hashes[1:][hashes[1:] == hashes[:-1]].tolist())
    counts = Counter(text for text in texts if hash(text) in doubled) if doubled else Counter()
    return Counter({text: count for text, count in counts.items() if count > 1})


def _hash_texts(texts: Sequence[str]) -> NDArray[np.int64]:
    return np.fromiter(map(hash, texts), np.int64, count=len(texts))
