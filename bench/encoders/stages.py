"""Processor seconds of an audit of photographs by stage, beside bare decoding and a bare forward pass.

    OMP_NUM_THREADS=1 python -m bench.encoders.stages --data DATA --count 1500

Seconds of a processor and not of a clock, on one thread, so that other programs change them little. The floor
is decoding, preparing and encoding the same pictures in one loop; the stages are the worker's own functions,
from the uploaded zip to the count. What a worker does beside them (its start, the database, files) is not in.
"""

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from time import process_time
from typing import TypeVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import torch
from PIL import Image

from bench.peers.data import flower_files
from models.configuration.training_config import resolve
from models.data_issues.neighbour_search import find_nearest
from models.encoders.encoder_loading import load_encoder
from models.encoders.picture_preparation import PictureEncoder
from models.error_model.estimate import fit
from models.error_model.sample_evidence import Evidence
from models.feature_views.neighbour_votes import NEIGHBOURS
from models.feature_views.ridge_probe import predict_out_of_sample
from models.training.loop import train
from worker.features.original_pictures import OriginalPictures
from worker.features.shard_computation import BATCH, compute_features
from worker.formats.pictures.picture_decoding import decode_rgb
from worker.train.input_neighbours import find_input_neighbours

SIDE, BYTES_MAX, PIXELS_MAX = 8, 2**29, 10**8
Result = TypeVar("Result")


def main(arguments: Sequence[str]) -> None:
    """Print one row for each stage."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--count", type=int, default=1_500)
    parser.add_argument("--encoder", default="efficientnet_lite0")
    options = parser.parse_args(arguments)
    torch.set_num_threads(1)
    files, labels_N = flower_files(options.data)
    chosen = np.sort(np.random.default_rng(0).permutation(len(files))[: options.count])
    files, labels_N = [files[place] for place in chosen], labels_N[chosen]
    encoder = load_encoder(options.encoder, None, "cpu")
    assert isinstance(encoder, PictureEncoder)
    encoder.encode(torch.zeros((BATCH, encoder.side, encoder.side, 3), dtype=torch.uint8))
    _measure("floor: decode, prepare and encode in one loop", lambda: _encode_bare(encoder, files))
    features_ND = _measure(
        "features, as a shard computes them",
        lambda: compute_features(_open_originals(files, encoder.side), encoder).features_ND,
    )
    _measure_judging(features_ND, labels_N)


def _measure_judging(features_ND: npt.NDArray[np.float32], labels_N: npt.NDArray[np.int64]) -> None:
    """Print the stages from features to the count."""
    classes = int(labels_N.max()) + 1
    config = resolve(
        {"seed": 0},
        shape=features_ND.shape[1:],
        sample_count=len(labels_N),
        class_count=classes,
        device="cpu",
    )
    title = f"training: {config.folds} folds, {config.epochs} epochs, {config.precision}"
    _measure(title, lambda: train(features_ND, labels_N, class_count=classes, config=config))
    _measure("nearest by the cosine", lambda: find_nearest(features_ND.astype(np.float16), count=NEIGHBOURS))
    near_Nk = _measure(
        "nearest by the standardised distance",
        lambda: find_input_neighbours(
            features_ND, device="cpu", seed=0, bytes_max=BYTES_MAX, on_block=lambda: None
        ),
    )
    probe_NK = _measure(
        "linear probe", lambda: predict_out_of_sample(features_ND, labels_N, class_count=classes)
    )
    evidence = Evidence(labels_N=labels_N, probabilities_NK=probe_NK, neighbours_Nk=near_Nk)
    _measure("count", lambda: fit(evidence))


def _encode_bare(encoder: PictureEncoder, files: Sequence[bytes]) -> npt.NDArray[np.float32]:
    parts = []
    for start in range(0, len(files), BATCH):
        pictures: list[Image.Image] = [
            decode_rgb(file, PIXELS_MAX, least_side=2 * encoder.side) for file in files[start : start + BATCH]
        ]
        prepared = torch.from_numpy(np.stack([encoder.prepare(picture) for picture in pictures]))
        parts.append(encoder.encode(prepared).numpy())
    return np.concatenate(parts)


def _open_originals(files: Sequence[bytes], side: int) -> OriginalPictures:
    """Return the pictures as they lie in an uploaded zip that stores them."""
    upload, lengths = b"".join(files), [len(file) for file in files]
    offsets = np.cumsum([0, *lengths])[:-1]
    methods = pa.array([0] * len(files), pa.int16())
    return OriginalPictures(
        start=0,
        side=side,
        samples=pa.table({"source_offset": offsets, "source_length": lengths, "source_method": methods}),
        read_upload=lambda first, length: upload[first : first + length],
        pack=np.zeros((len(files), SIDE, SIDE, 3), dtype=np.uint8),
        max_pixels=PIXELS_MAX,
        max_bytes=PIXELS_MAX,
    )


def _measure(title: str, function: Callable[[], Result]) -> Result:
    began = process_time()
    result = function()
    print(f"| {title} | {process_time() - began:.1f} |", flush=True)  # noqa: T201 - the command's output
    return result


if __name__ == "__main__":
    main(sys.argv[1:])
