"""The interface of all encoders.

Shape suffixes: B samples of a batch, D features.
"""

from collections.abc import Sequence
from typing import Protocol, TypeVar

from torch import Tensor

from models.catalogue.kinds import Encoded

TOLERANCE = 1e-4
"""The most by which a sample's features may differ between batches, shards and threads on a CPU in fp32, as
a share of the length of its feature vector. Measured differences are below 1e-5 (tests/models/encoders)."""

Sample = TypeVar("Sample")
"""An upright RGB picture, or a text."""
Prepared = TypeVar("Prepared")
"""One sample as the encoder takes it."""
Batch = TypeVar("Batch")
"""Several prepared samples together."""


class Encoder(Protocol[Sample, Prepared, Batch]):
    """A loaded encoder."""

    name: str
    """As in the catalogue, with the side if it is not the usual one."""
    takes: Encoded
    """What its samples are."""
    width: int
    """D."""
    sha256: str
    """Digest of weights and preparation: two encoders with the same digest give the same features."""
    weights_sha256: str
    """Digest of the weights' file or files."""
    licence: str
    """The licence of the weights."""

    def prepare(self, sample: Sample) -> Prepared:
        """Return one sample as the encoder expects it.

        It can be called in many threads at once and needs no torch.
        """

    def stack(self, prepared: Sequence[Prepared]) -> Batch:
        """Return one or more prepared samples as a batch."""

    def encode(self, batch: Batch) -> Tensor:
        """Return the features of prepared samples, float32 [B, D] on the CPU."""

    def make_examples(self, count: int) -> Sequence[Sample]:
        """Return made-up samples, always the same, by which an encoder is checked and timed."""
