"""Texts as terms: words, pairs of words and sequences of characters, each with its place in the text.

A term is known by a hash of 64 bits, so no list of strings is kept: two of a million share a hash with a
probability of 3 in 100,000. Words are taken from scripts that separate them; scripts without blanks (Chinese,
Japanese, Thai and others) give single characters, pairs and triples. All characters of a block are hashed at
once: of a polynomial over the characters, a difference of running sums is the hash of a span.

Array names: C characters of a block, T terms.
"""

from __future__ import annotations

import sys
import unicodedata
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    Codes = NDArray[np.uint32]
    Hashes = NDArray[np.uint64]
    Index = NDArray[np.int64]

BLOCK_CHARACTERS = 2_000_000
"""Characters that are hashed at once: about 300 MB of working memory."""
GRAMS = (3, 4, 5)
"""Lengths of sequences of characters within a word and the blanks around it."""
UNSPACED_GRAMS = (1, 2, 3)
"""The same in scripts without blanks."""
UNSPACED = (
    (0x0E00, 0x0EFF),  # Thai, Lao
    (0x1000, 0x109F),  # Myanmar
    (0x1780, 0x17FF),  # Khmer
    (0x3005, 0x3007),
    (0x3040, 0x30FF),  # Hiragana, Katakana
    (0x31F0, 0x31FF),
    (0x3400, 0x4DBF),  # Han
    (0x4E00, 0x9FFF),
    (0xF900, 0xFAFF),
    (0x20000, 0x3FFFF),
)
OTHER, WORD, UNSPACED_CHARACTER, SYMBOL = 0, 1, 2, 3
"""What a character is: between words, of a word, of a script without blanks, an emoji (a word itself)."""
GRAM_BIT = np.uint64(1)
"""Set in the hash of a sequence of characters within a word, and in no other."""
_BLANK = 32
_BASE = 0x9E3779B97F4A7C15
_MIXER, _SHIFT = np.uint64(0xBF58476D1CE4E5B9), np.uint64(31)
_INVERSE = pow(_BASE, -1, 1 << 64)


@dataclass(frozen=True, kw_only=True)
class Terms:
    """The terms of several texts, in no order."""

    hash_T: Hashes
    text_T: Index
    """The text that each stands in, counted from the block's first."""
    start_T: Index
    """The first character of each in its text."""
    length_T: Index
    """Characters."""


def find_terms(texts: Sequence[str], *, with_places: bool = False) -> Terms:
    """Return the terms of a block of texts; without places, `start_T` and `length_T` are empty."""
    block = _Block(texts)
    parts = [*_find_words(block), *_find_unspaced(block)]
    gram_parts = list(_find_grams(block))
    grams = sum(len(part[0]) for part in gram_parts)
    parts += gram_parts
    hash_T = np.concatenate([part[0] for part in parts]) & ~GRAM_BIT
    hash_T[len(hash_T) - grams :] |= GRAM_BIT
    first_T = np.concatenate([part[1] for part in parts])
    text_T = block.text_C[first_T]
    empty = np.empty(0, np.int64)
    return Terms(
        hash_T=hash_T,
        text_T=text_T,
        start_T=first_T - block.start_of_text[text_T] if with_places else empty,
        length_T=np.concatenate([part[2] for part in parts]) if with_places else empty,
    )


def split_blocks(texts: Sequence[str]) -> Iterator[slice]:
    """Yield slices of consecutive texts of about `BLOCK_CHARACTERS` together."""
    start = size = 0
    for at, text in enumerate(texts):
        if size and size + len(text) > BLOCK_CHARACTERS:
            yield slice(start, at)
            start, size = at, 0
        size += len(text) + 1
    if start < len(texts):
        yield slice(start, len(texts))


def hash_sequences(texts: Sequence[str], length: int) -> tuple[NDArray[np.uint32], Index]:
    """Return a hash of every sequence of so many characters, whatever they are, and the text of each."""
    raw = np.frombuffer("".join(texts).encode("utf-32-le", "replace"), np.uint32).astype(np.uint64)
    lengths = np.fromiter(map(len, texts), np.int64, count=len(texts))
    text_C = np.repeat(np.arange(len(texts)), lengths)
    count = max(0, len(raw) - length + 1)
    hashes = np.zeros(count, np.uint64)
    for inner in range(length):
        hashes = hashes * np.uint64(_BASE) + raw[inner : count + inner]
    inside = text_C[:count] == text_C[length - 1 :]
    mixed = _mix(hashes[inside], 5) >> np.uint64(32)
    return np.minimum(mixed, 0xFFFFFFFE).astype(np.uint32), text_C[:count][inside]


def find_word_places(text: str) -> Index:
    """Return start and length of every word [W, 2]; of scripts without blanks, of every character."""
    _, kind = _describe_characters()
    raw = np.frombuffer(text.encode("utf-32-le", "replace"), np.uint32)
    kind_C = kind[raw]
    is_start = kind_C != OTHER
    is_start[1:] &= ~((kind_C[1:] == WORD) & (kind_C[:-1] == WORD))
    start = np.flatnonzero(is_start)
    is_word = np.append(kind_C == WORD, [False])
    ends = np.flatnonzero(~is_word)
    stop = np.where(kind_C[start] == WORD, ends[np.searchsorted(ends, start)], start + 1)
    return np.stack([start, stop - start], axis=1)


Found = tuple["Hashes", "Index", "Index"]
"""Hash, first character and length of each term."""


class _Block:
    """The characters of several texts, one after the other, with blanks around each."""

    def __init__(self, texts: Sequence[str]) -> None:
        lower, kind = _describe_characters()
        joined = " " + " ".join(texts) + " " * max(GRAMS)
        raw = np.frombuffer(joined.encode("utf-32-le", "replace"), np.uint32)
        lengths = np.fromiter(map(len, texts), np.int64, count=len(texts))
        self.start_of_text = np.concatenate([[1], 1 + np.cumsum(lengths + 1)])[: len(texts)]
        self.text_C = np.zeros(len(raw), np.int64)
        self.text_C[self.start_of_text[1:]] = 1
        np.cumsum(self.text_C, out=self.text_C)
        self.kind_C = kind[raw]
        self.code_C = np.where(self.kind_C == OTHER, np.uint32(_BLANK), lower[raw]).astype(np.uint64)
        powers, self.inverse = _make_powers(len(raw) + 1)
        self.sum_C = np.concatenate([np.zeros(1, np.uint64), np.cumsum(self.code_C * powers[: len(raw)])])

    def hash_spans(self, start: Index, stop: Index, salt: int) -> Hashes:
        """Return the hash of every span of characters."""
        return _mix((self.sum_C[stop] - self.sum_C[start]) * self.inverse[start], salt)


@cache
def _describe_characters() -> tuple[Codes, NDArray[np.uint8]]:
    """Return of every character its lower case, if that is one character, and what it is."""
    count = sys.maxunicode + 1
    lower, kind = np.arange(count, dtype=np.uint32), np.zeros(count, np.uint8)
    for code in [*range(0x20000), *range(0xE0000, 0xE01F0)]:
        character = chr(code)
        small = character.casefold()
        if len(small) == 1:
            lower[code] = ord(small)
        category = unicodedata.category(character)
        if category[0] in "LNM":
            kind[code] = WORD
        elif category == "So":
            kind[code] = SYMBOL
    for first, last in UNSPACED:
        kind[first : last + 1] = UNSPACED_CHARACTER
    kind[0xFE00:0xFE10] = OTHER  # they choose how the character before is drawn
    return lower, kind


_POWERS: list[Hashes] = []


def _make_powers(count: int) -> tuple[Hashes, Hashes]:
    """Return the powers of the base and of its inverse, modulo 2**64."""
    if not _POWERS or len(_POWERS[0]) < count:
        size = max(count, BLOCK_CHARACTERS + (1 << 16))
        powers: list[Hashes] = []
        for base in (_BASE, _INVERSE):
            factors = np.full(size, base, np.uint64)
            factors[0] = 1
            powers.append(np.cumprod(factors))
        _POWERS[:] = powers
    return _POWERS[0], _POWERS[1]


def _mix(hashes: Hashes, salt: int) -> Hashes:
    mixed = (hashes ^ np.uint64(salt * 0x632BE59BD9B4E019 % (1 << 64))) * _MIXER
    mixed ^= mixed >> _SHIFT
    mixed *= _MIXER
    return mixed ^ (mixed >> _SHIFT)


def _find_words(block: _Block) -> Iterator[Found]:
    """Yield words, signs that are words, and pairs of consecutive words of one text."""
    is_word = block.kind_C == WORD
    start = np.flatnonzero(is_word[1:] & ~is_word[:-1]) + 1
    stop = np.flatnonzero(is_word[:-1] & ~is_word[1:]) + 1
    yield block.hash_spans(start, stop, 1), start, stop - start
    symbols = np.flatnonzero(block.kind_C == SYMBOL)
    yield block.hash_spans(symbols, symbols + 1, 1), symbols, np.ones(len(symbols), np.int64)
    together = np.flatnonzero(block.text_C[start[1:]] == block.text_C[start[:-1]])
    first, second = (block.hash_spans(start[at], stop[at], 2) for at in (together, together + 1))
    yield (
        _mix(first * np.uint64(3) + second, 2),
        start[together],
        stop[together + 1] - start[together],
    )


def _find_grams(block: _Block) -> Iterator[Found]:
    """Yield sequences of characters that begin and end in a word or at the blanks around it."""
    is_word = block.kind_C == WORD
    is_part = is_word | (block.kind_C == OTHER)
    for length in GRAMS:
        count = len(is_word) - length + 1
        fits = is_part[:count] & is_part[length - 1 :]
        for inner in range(1, length - 1):
            fits &= is_word[inner : count + inner]
        start = np.flatnonzero(fits)
        stop = start + length
        hashes = block.hash_spans(start, stop, 3)
        # The blanks around a text are not its own.
        start = start + ~is_word[start]
        yield hashes, start, stop - ~is_word[stop - 1] - start


def _find_unspaced(block: _Block) -> Iterator[Found]:
    is_own = block.kind_C == UNSPACED_CHARACTER
    if not is_own.any():
        return
    for length in UNSPACED_GRAMS:
        count = len(is_own) - length + 1
        fits = is_own[:count].copy()
        for inner in range(1, length):
            fits &= is_own[inner : count + inner]
        start = np.flatnonzero(fits)
        yield block.hash_spans(start, start + length, 4), start, np.full(len(start), length, np.int64)
