"""The vectors by which samples are compared before any network has seen them."""

import numpy as np
import pytest

from models.kinds.feature_likeness import FeatureLikeness
from models.kinds.image_likeness import ImageLikeness


def test_features_are_standardised_and_a_constant_one_is_nothing() -> None:
    rows = np.array([[1, 100, 7], [3, 300, 7]], dtype=np.float32)
    points = FeatureLikeness().make_points(rows, width=16)
    assert points.dtype == np.float16
    assert points.tolist() == [[-1, -1, 0], [1, 1, 0]]


def test_more_features_than_fit_are_projected_and_keep_their_distances() -> None:
    rows = np.random.default_rng(0).normal(size=(60, 3_000)).astype(np.float32)
    rows[30:] += 0.5
    points = FeatureLikeness().make_points(rows, width=400).astype(np.float64)
    assert points.shape == (60, 400)
    scaled = (rows - rows.mean(0)) / rows.std(0)
    before = np.linalg.norm(scaled[0] - scaled[1:], axis=1)
    after = np.linalg.norm(points[0] - points[1:], axis=1)
    assert after / before == pytest.approx(1, abs=0.15)


def test_small_pictures_are_their_pixels_and_large_ones_averages_of_squares() -> None:
    pixels = np.arange(2 * 4 * 6 * 3, dtype=np.uint8).reshape(2, 4, 6, 3)
    whole = ImageLikeness().make_points(pixels, width=1_024)
    assert whole == pytest.approx(pixels.reshape(2, -1) / 255, abs=1e-3)
    # 4 x 6 x 3 = 72 values; squares of 2 leave 18, the least that is at most 20.
    small = ImageLikeness().make_points(pixels, width=20)
    assert small.shape == (2, 18)
    square = pixels[0, :2, :2, 1].mean() / 255
    assert small[0, 1] == pytest.approx(square, abs=1e-3)


def test_squares_at_the_border_are_averages_of_what_is_there() -> None:
    pixels = np.full((1, 5, 5, 1), 255, dtype=np.uint8)
    assert ImageLikeness().make_points(pixels, width=9).tolist() == [[1.0] * 9]
