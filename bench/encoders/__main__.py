"""Rates of an encoder on one thread, and what plain detectors find on its features of photographs.

    OMP_NUM_THREADS=1 python -m bench.encoders --data DATA --sides 96 128 160 224

DATA holds flowers5/flowers5.zip: 4,317 photographs of 128 pixels. Two kinds of noise are planted, by seed 0.
The detectors are the share of the 10 nearest neighbours with another label, weighted by similarity, and an
out-of-sample linear probe, 1 - p(given label) in 5 folds. Nothing here is LIMIT; docs/photographs.md has the
figures: ROC AUC / average precision.
"""

import argparse
import io
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from time import perf_counter
from typing import TypeVar

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image
from sklearn.datasets import load_sample_image
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score, roc_auc_score
from sklearn.model_selection import cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from bench.peers.data import flower_files
from models.encoders.encoder_loading import load_encoder
from models.encoders.picture_preparation import PictureEncoder
from models.paper.label_noise import add_pair_noise, add_uniform_noise
from worker.formats.pictures.picture_decoding import decode_rgb

BATCH, NEIGHBOURS, FOLDS, SEED = 64, 10, 5, 0
PIXELS_MAX = 10**8
TIMED = 300
"""Pictures of a measurement of rates alone."""
Result = TypeVar("Result")


def main(arguments: Sequence[str]) -> None:
    """Print one row for each side."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--encoder", default="efficientnet_lite0")
    parser.add_argument("--folder", type=Path, help="of encoders that were added")
    parser.add_argument("--sides", type=int, nargs="+", default=[128])
    parser.add_argument("--only-rates", action="store_true")
    options = parser.parse_args(arguments)
    torch.set_num_threads(1)
    files, labels_N = flower_files(options.data)
    if options.only_rates:
        files = files[:: len(files) // TIMED]
    pictures, decoding = _time(lambda: [decode_rgb(file, PIXELS_MAX) for file in files])
    print(f"decoded a second: {len(files) / decoding:.0f} of 128 pixels")  # noqa: T201 - the command's output
    large = _encode_large()
    for side in options.sides:
        encoder = load_encoder(f"{options.encoder}@{side}", options.folder, "cpu")
        assert isinstance(encoder, PictureEncoder)
        features_ND = _compute(encoder, pictures)
        _time_large(encoder, large)
        if not options.only_rates:
            _judge(features_ND, labels_N)


def _encode_large() -> bytes:
    """Return scikit-learn's photograph of a palace, 640 x 427 pixels, as a JPEG twice as wide."""
    buffer = io.BytesIO()
    photograph = Image.fromarray(load_sample_image("china.jpg"))
    photograph.resize((1_280, 854)).save(buffer, "JPEG", quality=90)
    return buffer.getvalue()


def _compute(encoder: PictureEncoder, pictures: list[Image.Image]) -> npt.NDArray[np.float32]:
    """Return the features and print the rates."""
    prepared, preparing = _time(lambda: np.stack([encoder.prepare(picture) for picture in pictures]))
    batches = torch.split(torch.from_numpy(prepared), BATCH)
    encoder.encode(batches[0])
    features, encoding = _time(lambda: torch.cat([encoder.encode(batch) for batch in batches]))
    rates = f"prepared {len(pictures) / preparing:.0f}, encoded {len(pictures) / encoding:.0f}"
    print(f"{encoder.name}, a second: {rates}")  # noqa: T201 - the command's output
    return np.asarray(features.numpy())


def _time_large(encoder: PictureEncoder, large: bytes) -> None:
    """Print the rates at which a large photograph is decoded, as the service does it, and prepared."""
    count = TIMED // 10
    pictures, decoding = _time(
        lambda: [decode_rgb(large, PIXELS_MAX, least_side=2 * encoder.side) for _ in range(count)]
    )
    _, preparing = _time(lambda: [encoder.prepare(picture) for picture in pictures])
    rates = f"decoded {count / decoding:.0f}, prepared {count / preparing:.0f}"
    print(f"    of 1,280 x 854 pixels: {rates}")  # noqa: T201 - the command's output


def _judge(features_ND: npt.NDArray[np.float32], labels_N: npt.NDArray[np.int64]) -> None:
    count = int(labels_N.max()) + 1
    pairs = {label: (label + 1) % count for label in range(count)}
    for title, (noisy_N, wrong_N) in (
        ("uniform 20 %", add_uniform_noise(labels_N, class_count=count, rate=0.2, seed=SEED)),
        ("pair 40 %", add_pair_noise(labels_N, mapping=pairs, class_count=count, rate=0.4, seed=SEED)),
    ):
        for detector, scores_N in _detect(features_ND, noisy_N).items():
            figures = (
                f"{roc_auc_score(wrong_N, scores_N):.3f} / {average_precision_score(wrong_N, scores_N):.3f}"
            )
            print(f"    {title}, {detector}: {figures}")  # noqa: T201 - the command's output


def _detect(
    features_ND: npt.NDArray[np.float32], labels_N: npt.NDArray[np.int64]
) -> dict[str, npt.NDArray[np.float64]]:
    """Return the scores of both detectors, high = suspicious."""
    unit_ND = features_ND / np.linalg.norm(features_ND, axis=1, keepdims=True)
    similar_NN = unit_ND @ unit_ND.T
    np.fill_diagonal(similar_NN, -1)
    nearest_NK = np.argpartition(-similar_NN, NEIGHBOURS, axis=1)[:, :NEIGHBOURS]
    weights_NK = np.take_along_axis(similar_NN, nearest_NK, axis=1)
    others_NK = labels_N[nearest_NK] != labels_N[:, None]
    probe = make_pipeline(StandardScaler(), LogisticRegression(C=0.01, max_iter=300))
    probabilities_NK = cross_val_predict(probe, features_ND, labels_N, cv=FOLDS, method="predict_proba")
    return {
        "nearest neighbours": np.asarray((weights_NK * others_NK).sum(1) / weights_NK.sum(1), np.float64),
        "linear probe": 1 - probabilities_NK[np.arange(len(labels_N)), labels_N],
    }


def _time(function: Callable[[], Result]) -> tuple[Result, float]:
    began = perf_counter()
    result = function()
    return result, perf_counter() - began


if __name__ == "__main__":
    main(sys.argv[1:])
