"""Texts as vectors by their terms alone (TF-IDF), and as a few numbers by truncated SVD. No label enters.

Array names: N texts, V terms of the vocabulary, D values of a reduced text.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

import numpy as np
from scipy.sparse import csr_array, vstack
from sklearn.decomposition import TruncatedSVD
from sklearn.preprocessing import normalize

from worker.kinds.text_terms import GRAM_BIT, find_terms, split_blocks

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

VOCABULARY_MAX = 1 << 18
"""Most terms: the most frequent ones."""
TEXTS_MIN = 2
"""Fewest texts of a term: what one text alone has tells nothing about another."""
SHARE_MAX = 0.5
"""Most texts of a term: what most texts have tells little of any."""
COUNTED_CHARACTERS = 40_000_000
"""Of texts by which the vocabulary is chosen: 400,000 short ones, and of more an even choice."""
REDUCED_TEXTS = 20_000
"""Most texts by which the axes of the reduced values are found."""
WIDTH = 128
ITERATIONS = 4
"""Of the randomised search for the axes; scikit-learn's own default is 5."""
GRAM_WEIGHT = 0.5
TINY = 1e-6
_TEXT_MIXER = np.uint64(0x9E3779B97F4A7C15)


@dataclass(frozen=True, kw_only=True)
class TermWeights:
    """A vocabulary and the weight of each of its terms."""

    hash_V: NDArray[np.uint64]
    """Ascending."""
    weight_V: NDArray[np.float32]
    """1 + the logarithm of how rare it is (inverse document frequency, smoothed as scikit-learn does)."""

    @classmethod
    def count(cls, texts: Sequence[str], *, on_block: Callable[[], None]) -> Self:
        """Choose the vocabulary of texts: an even choice of them if they are very many."""
        total = sum(map(len, texts))
        some = texts[:: max(1, -(-total // COUNTED_CHARACTERS))]
        hashes, counts = np.empty(0, np.uint64), np.empty(0, np.int64)
        for block in split_blocks(some):
            found = find_terms(some[block])
            hashes, counts = _add_counts(hashes, counts, _list_once(found.hash_T, found.text_T))
            on_block()
        is_useful = (counts >= TEXTS_MIN) & (counts <= max(TEXTS_MIN, SHARE_MAX * len(some)))
        hashes, counts = hashes[is_useful], counts[is_useful]
        if len(hashes) > VOCABULARY_MAX:
            kept = np.sort(np.argsort(-counts, kind="stable")[:VOCABULARY_MAX])
            hashes, counts = hashes[kept], counts[kept]
        weights = np.log((1 + len(some)) / (1 + counts)) + 1
        weights[(hashes & GRAM_BIT) == GRAM_BIT] *= GRAM_WEIGHT
        return cls(hash_V=hashes, weight_V=weights.astype(np.float32))

    @classmethod
    def load(cls, path: Path) -> Self:
        """Read what `save` wrote."""
        with np.load(path) as stored:
            return cls(hash_V=stored["hash_V"], weight_V=stored["weight_V"])

    def save(self, path: Path) -> None:
        """Write vocabulary and weights to a file."""
        with path.open("wb") as file:
            np.savez(file, hash_V=self.hash_V, weight_V=self.weight_V)

    def find(self, hashes: NDArray[np.uint64]) -> NDArray[np.int64]:
        """Return the place of each term in the vocabulary; -1 where it is not in it."""
        if not len(self.hash_V):
            return np.full(len(hashes), -1)
        place = np.minimum(np.searchsorted(self.hash_V, hashes), len(self.hash_V) - 1)
        return np.where(self.hash_V[place] == hashes, place, -1)

    def weigh(self, texts: Sequence[str]) -> csr_array:
        """Return texts as vectors of length 1 [N, V], or 0: of each term 1 + log(count), times its weight."""
        found = [self._weigh_block(texts[block]) for block in split_blocks(texts)]
        return vstack(found, format="csr") if found else csr_array((0, len(self.hash_V)), dtype=np.float32)

    def _weigh_block(self, texts: Sequence[str]) -> csr_array:
        terms = find_terms(texts)
        place_T = self.find(terms.hash_T)
        known = place_T >= 0
        ones = np.ones(int(known.sum()), np.float32)
        shape = len(texts), len(self.hash_V)
        counted = csr_array((ones, (terms.text_T[known], place_T[known])), shape=shape)
        counted.sum_duplicates()
        counted.data = (1 + np.log(counted.data)) * self.weight_V[counted.indices]
        return normalize(counted, copy=False) if counted.nnz else counted


def _list_once(hash_T: NDArray[np.uint64], text_T: NDArray[np.int64]) -> NDArray[np.uint64]:
    """Return the hash of each term once for every text that it stands in."""
    pair_T = hash_T ^ (text_T.astype(np.uint64) * _TEXT_MIXER)
    order = np.argsort(pair_T)
    is_first = np.diff(pair_T[order], prepend=~pair_T[order[:1]]) != 0
    once_T: NDArray[np.uint64] = hash_T[order[is_first]]
    return once_T


def _add_counts(
    hashes: NDArray[np.uint64], counts: NDArray[np.int64], once: NDArray[np.uint64]
) -> tuple[NDArray[np.uint64], NDArray[np.int64]]:
    new, found = np.unique(once, return_counts=True)
    joined, place = np.unique(np.concatenate([hashes, new]), return_inverse=True)
    total = np.bincount(place, weights=np.concatenate([counts, found]), minlength=len(joined))
    return joined, total.astype(np.int64)


@dataclass(frozen=True, kw_only=True)
class Reduction:
    """Truncated SVD of vectors of terms."""

    model: TruncatedSVD | None
    scale: float

    @classmethod
    def fit(cls, weights: TermWeights, texts: Sequence[str]) -> Self:
        """Find the axes by an even choice of the texts."""
        some = texts[:: max(1, -(-len(texts) // REDUCED_TEXTS))]
        vectors = weights.weigh(some)
        width = min(WIDTH, vectors.shape[1] - 1, vectors.shape[0] - 1)
        if width < 1:
            return cls(model=None, scale=1.0)
        model = TruncatedSVD(width, n_iter=ITERATIONS, random_state=0)
        reduced = model.fit_transform(vectors)
        return cls(model=model, scale=float(1 / max(reduced.std(), TINY)))

    def apply(self, vectors: csr_array) -> NDArray[np.float16]:
        """Return the reduced texts [N, WIDTH], with a deviation of about 1; missing axes are 0."""
        reduced = np.zeros((vectors.shape[0], WIDTH), np.float16)
        if self.model is not None:
            found = self.model.transform(vectors) * self.scale
            reduced[:, : found.shape[1]] = found
        return reduced
