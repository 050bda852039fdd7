"""Signatures of texts, which tell copies and near copies.

A signature is a hash of the text, and the smallest hashes of its sequences of three characters.

Two texts' smallest hashes estimate the share of sequences that they have in common (bottom-k sketch, Broder
1997); of texts with at most `SKETCHED` different sequences they give it exactly. Case does not count.
"""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import numpy as np

from models.catalogue.kinds import SIGNATURE
from worker.kinds.text_terms import hash_sequences

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

HASH_WORDS = 4
"""Values of 16 bits of the hash of the text itself."""
SKETCHED = (SIGNATURE - HASH_WORDS) // 2
"""Hashes of 32 bits."""
NOTHING = np.uint32(0xFFFFFFFF)
"""Fills the sketch of a text with fewer sequences."""
SHINGLE = 3


def sign_texts(texts: Sequence[str]) -> NDArray[np.int16]:
    """Return the signatures of texts [n, SIGNATURE]; different texts have different ones."""
    signed = np.empty((len(texts), SIGNATURE), np.int16)
    for row, text in enumerate(texts):
        digest = hashlib.blake2b(text.encode("utf-8", "replace"), digest_size=2 * HASH_WORDS).digest()
        signed[row, :HASH_WORDS] = np.frombuffer(digest, np.int16)
    signed[:, HASH_WORDS:] = _sketch([" ".join(text.casefold().split()) for text in texts]).view(np.int16)
    return signed


def _sketch(texts: Sequence[str]) -> NDArray[np.uint32]:
    """Return the smallest different hashes of each text's sequences, ascending [n, SKETCHED]."""
    hash_T, text_T = hash_sequences(texts, SHINGLE)
    order = np.lexsort((hash_T, text_T))
    hash_T, text_T = hash_T[order], text_T[order]
    is_new = np.ones(len(hash_T), np.bool_)
    is_new[1:] = (hash_T[1:] != hash_T[:-1]) | (text_T[1:] != text_T[:-1])
    hash_T, text_T = hash_T[is_new], text_T[is_new]
    place_T = np.arange(len(text_T)) - np.searchsorted(text_T, text_T)
    kept = place_T < SKETCHED
    sketch = np.full((len(texts), SKETCHED), NOTHING)
    sketch[text_T[kept], place_T[kept]] = hash_T[kept]
    return sketch
