"""The features of a range of samples: threads read and decode pictures while the encoder computes."""

from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from functools import partial
from time import perf_counter

import numpy as np
import numpy.typing as npt
import torch

from models.encoders.encoder import Encoder
from worker.features.original_pictures import Originals, Unreadable
from worker.formats.pictures.decoding_pool import run_in_order

BATCH = 64
"""Pictures of one forward pass: as many as before features had tasks of their own; the pixels of several
batches are in memory for each core."""


@dataclass(frozen=True, kw_only=True)
class Computed:
    """What a range of samples came to."""

    features_ND: npt.NDArray[np.float32]
    unreadable: list[Unreadable]
    decode_seconds: float
    """Reading, decoding and preparing, summed over the threads."""
    encode_seconds: float
    """The encoder alone."""


@dataclass(frozen=True, kw_only=True)
class _Batch:
    pixels: npt.NDArray[np.uint8]
    unreadable: list[Unreadable]
    seconds: float


def compute_features(
    originals: Originals, encoder: Encoder, *, on_batch: Callable[[int], None] = lambda _: None
) -> Computed:
    """Return the encoder's features of all samples of a range, in order.

    Args:
        originals: the range.
        encoder: computes; every picture by itself, so that batches and shards change nothing.
        on_batch: called with the number of samples done; its exceptions stop the computation and propagate.

    """
    features_ND = np.empty((len(originals), encoder.width), dtype=np.float32)
    unreadable: list[Unreadable] = []
    decoding = encoding = 0.0
    done = 0
    with closing(run_in_order(_plan_batches(originals, encoder))) as batches:
        for batch in batches:
            began = perf_counter()
            encoded_BD = encoder.encode(torch.from_numpy(batch.pixels))
            features_ND[done : done + len(encoded_BD)] = encoded_BD.numpy()
            encoding += perf_counter() - began
            decoding += batch.seconds
            unreadable += batch.unreadable
            done += len(encoded_BD)
            on_batch(done)
    return Computed(
        features_ND=features_ND,
        unreadable=unreadable,
        decode_seconds=decoding,
        encode_seconds=encoding,
    )


def _plan_batches(originals: Originals, encoder: Encoder) -> Iterator[Callable[[], _Batch]]:
    for first in range(0, len(originals), BATCH):
        yield partial(_prepare_batch, originals, encoder, first, min(first + BATCH, len(originals)))


def _prepare_batch(originals: Originals, encoder: Encoder, first: int, last: int) -> _Batch:
    began = perf_counter()
    pixels = np.empty((last - first, encoder.side, encoder.side, 3), dtype=np.uint8)
    unreadable = []
    for row, (picture, problem) in enumerate(originals.load(first, last, encoder.side)):
        pixels[row] = encoder.prepare(picture)
        if problem is not None:
            unreadable.append(problem)
    return _Batch(pixels=pixels, unreadable=unreadable, seconds=perf_counter() - began)
