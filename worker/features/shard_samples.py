"""The samples of a shard as an encoder takes them, whatever kind of data they are."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, Self

if TYPE_CHECKING:
    from collections.abc import Container, Iterator

    import pyarrow as pa


@dataclass(frozen=True, kw_only=True)
class Unreadable:
    """An original that could not be decoded."""

    position: int
    detail: str


@dataclass(frozen=True, kw_only=True)
class Loaded:
    """A sample to encode."""

    digest: bytes
    """Of what the encoder is given; `encoded_before.NO_DIGEST`: the original could not be decoded."""
    sample: Any
    """An upright RGB picture or a text; None: its features are known."""
    problem: Unreadable | None = None


class ShardSamples(Protocol):
    """The samples from `start` on; methods are safe in threads."""

    @property
    def start(self) -> int:
        """The position of the first."""

    @property
    def samples(self) -> pa.Table:
        """The location of each in the uploaded file."""

    def __len__(self) -> int: ...

    def load(self, first: int, last: int, known: Container[bytes] = frozenset()) -> Iterator[Loaded]:
        """Yield the rows first to last - 1; known ones are not decoded."""

    def take(self, first: int, last: int) -> Self:
        """Return the rows first to last - 1 alone."""


def count_originals(samples: ShardSamples) -> int:
    """Return how many samples have an original in the uploaded file."""
    return len(samples.samples) - int(samples.samples["source_offset"].null_count)
