"""The features of a range of samples: threads read and prepare samples while the encoder computes."""

from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from time import perf_counter
from typing import Any

import numpy as np
import numpy.typing as npt

from models.encoders.encoder_loading import AnyEncoder
from worker.features.encoded_before import NO_EARLIER, EarlierFeatures
from worker.features.shard_samples import ShardSamples, Unreadable
from worker.formats.pictures.decoding_pool import run_in_order

BATCH = 64
"""Samples of one forward pass: as many as before features had tasks of their own; the pixels of several
batches are in memory for each core."""


@dataclass(frozen=True, kw_only=True)
class Computed:
    """What a range of samples came to."""

    features_ND: npt.NDArray[np.float32]
    digests_N: list[bytes]
    """Of what the encoder was given."""
    reused: int
    """Samples whose features were known."""
    unreadable: list[Unreadable]
    decode_seconds: float
    """Reading, decoding and preparing, summed over the threads."""
    encode_seconds: float
    """The encoder alone."""


@dataclass(frozen=True, kw_only=True)
class _Batch:
    prepared: list[Any]
    """The samples whose features are not known."""
    is_new_B: npt.NDArray[np.bool_]
    digests_B: list[bytes]
    unreadable: list[Unreadable]
    seconds: float


def compute_features(
    originals: ShardSamples,
    encoder: AnyEncoder,
    known: EarlierFeatures = NO_EARLIER,
    *,
    on_batch: Callable[[int], None] = lambda _: None,
) -> Computed:
    """Return the encoder's features of all samples of a range, in order.

    Args:
        originals: the range.
        encoder: computes; every sample by itself, so that batches and shards change nothing.
        known: features of this encoder that are not computed again.
        on_batch: called with the number of samples done; its exceptions stop the computation and propagate.

    """
    features_ND = np.empty((len(originals), encoder.width), dtype=np.float32)
    unreadable: list[Unreadable] = []
    digests: list[bytes] = []
    decoding = encoding = 0.0
    reused = 0
    with closing(run_in_order(_plan_batches(originals, encoder, known))) as batches:
        for batch in batches:
            began = perf_counter()
            into_BD = features_ND[len(digests) : len(digests) + len(batch.digests_B)]
            if batch.is_new_B.any():
                into_BD[batch.is_new_B] = encoder.encode(encoder.stack(batch.prepared)).numpy()
            encoding += perf_counter() - began
            again = [
                digest for digest, is_new in zip(batch.digests_B, batch.is_new_B, strict=True) if not is_new
            ]
            if again:
                into_BD[~batch.is_new_B] = known.read(again)
            reused += len(again)
            decoding += batch.seconds
            unreadable += batch.unreadable
            digests += batch.digests_B
            on_batch(len(digests))
    return Computed(
        features_ND=features_ND,
        digests_N=digests,
        reused=reused,
        unreadable=unreadable,
        decode_seconds=decoding,
        encode_seconds=encoding,
    )


def _plan_batches(
    originals: ShardSamples, encoder: AnyEncoder, known: EarlierFeatures
) -> Iterator[Callable[[], _Batch]]:
    for first in range(0, len(originals), BATCH):
        yield partial(_prepare_batch, originals, encoder, known, first, min(first + BATCH, len(originals)))


def _prepare_batch(
    originals: ShardSamples, encoder: AnyEncoder, known: EarlierFeatures, first: int, last: int
) -> _Batch:
    began = perf_counter()
    prepared = []
    is_new_B = np.zeros(last - first, dtype=np.bool_)
    digests, unreadable = [], []
    for row, loaded in enumerate(originals.load(first, last, known)):
        if loaded.sample is not None:
            prepared.append(encoder.prepare(loaded.sample))
            is_new_B[row] = True
        if loaded.problem is not None:
            unreadable.append(loaded.problem)
        digests.append(loaded.digest)
    return _Batch(
        prepared=prepared,
        is_new_B=is_new_B,
        digests_B=digests,
        unreadable=unreadable,
        seconds=perf_counter() - began,
    )
