"""Names of samples as hashes: a download of millions can be open for hours, and a name takes a hundred bytes.

Legend of shapes: K names.
"""

import secrets
from array import array
from bisect import bisect_right
from collections.abc import Iterable
from hashlib import blake2b

import numpy as np


class KeptNames:
    """A number for each name, in twelve bytes a name.

    The hashes have 64 bits and a key that is drawn each time, so that nobody can choose names that collide.
    By chance some of K names, or of M other names that are asked for, collide with a probability below
    K (K + M) / 2^64: one in nine million for a million of both.
    """

    def __init__(self, named: Iterable[tuple[str, int]]) -> None:
        self._key = secrets.token_bytes(16)
        hashes, numbers = array("Q"), array("i")
        for name, number in named:
            hashes.append(self._hash(name))
            numbers.append(number)
        hashes_K, numbers_K = np.frombuffer(hashes, np.uint64), np.frombuffer(numbers, np.int32)
        order_K = np.argsort(hashes_K, kind="stable")
        self._hashes, self._numbers = array("Q"), array("i")
        self._hashes.frombytes(hashes_K[order_K].tobytes())
        self._numbers.frombytes(numbers_K[order_K].tobytes())

    def __len__(self) -> int:
        """Return K."""
        return len(self._hashes)

    def __contains__(self, name: object) -> bool:
        """Return whether this is one of the names."""
        return isinstance(name, str) and self.find(name) is not None

    def find(self, name: str) -> int | None:
        """Return the place of a name, from 0 to below K; None if it is no one of them."""
        wanted = self._hash(name)
        at = bisect_right(self._hashes, wanted) - 1
        return at if at >= 0 and self._hashes[at] == wanted else None

    def get_number(self, place: int) -> int:
        """Return the number of the name at a place."""
        return self._numbers[place]

    def _hash(self, name: str) -> int:
        return int.from_bytes(blake2b(name.encode(), digest_size=8, key=self._key).digest(), "little")
