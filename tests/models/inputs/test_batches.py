from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from models.configuration.training_config import TrainingConfig
from models.inputs import batches, standardisation
from models.inputs.batches import ResidentRows, StreamedRows, split_batches
from models.kinds import image_augmentation
from models.kinds.image_inputs import resize
from models.kinds.preparation import OUTLIER_LIMIT
from models.kinds.trained_kinds import find_trained_kind

CPU = torch.device("cpu")


@given(st.integers(2, 5_000), st.integers(2, 600))
def test_batches_cover_everything_evenly_and_none_is_a_single_sample(count: int, size: int) -> None:
    bounds = split_batches(count, size)
    sizes = np.diff(bounds)
    assert (bounds[0], bounds[-1]) == (0, count)
    assert sizes.min() >= 2
    assert sizes.max() - sizes.min() <= 1
    assert sizes.max() <= max(size, 3)


def test_streamed_rows_are_the_resident_ones(tmp_path: Path) -> None:
    rows = np.random.default_rng(0).integers(0, 255, (50, 4, 4, 3)).astype(np.uint8)
    np.save(tmp_path / "rows.npy", rows)
    mapped = np.load(tmp_path / "rows.npy", mmap_mode="r")
    order = torch.randperm(50, generator=torch.Generator().manual_seed(0))
    streamed = list(StreamedRows(mapped, CPU).read(order, [0, 20, 40, 50]))
    resident = list(ResidentRows(torch.from_numpy(rows)).read(order, [0, 20, 40, 50]))
    assert len(streamed) == 3
    for (index, values), (expected_index, expected) in zip(streamed, resident, strict=True):
        assert torch.equal(index, expected_index)
        assert torch.equal(values, expected)
        assert np.array_equal(values.numpy(), rows[index.numpy()])


def test_samples_beyond_the_share_of_memory_are_streamed(
    blobs: tuple[np.ndarray, np.ndarray],
    configure: Callable[..., TrainingConfig],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    config = configure(blobs[0], 3)
    assert isinstance(batches.place(blobs[0], config, CPU), ResidentRows)
    monkeypatch.setattr(batches, "limit_resident_bytes", lambda _: blobs[0].nbytes - 1)
    assert isinstance(batches.place(blobs[0], config, CPU), StreamedRows)


def test_standardised_images_have_mean_0_and_deviation_1_per_channel() -> None:
    images = np.random.default_rng(1).integers(0, 255, (40, 6, 6, 3)).astype(np.uint8)
    images[..., 1] //= 4
    standard = standardisation.measure(images, CPU)(torch.from_numpy(images)).double()
    np.testing.assert_allclose(standard.mean((0, 1, 2)), 0, atol=1e-5)
    np.testing.assert_allclose(standard.std((0, 1, 2), correction=0), 1, atol=1e-5)


def test_features_keep_their_digits_constants_become_0_and_outliers_are_cut() -> None:
    rng = np.random.default_rng(2)
    features = rng.normal(size=(3_000, 3)).astype(np.float32)
    features[:, 0] = 4_096 + features[:, 0]
    features[:, 1] = 7
    features[0, 2] = 1e6
    standard = standardisation.measure(features, CPU)(torch.from_numpy(features)).numpy()
    assert standard[:, 0].std() == pytest.approx(1, rel=1e-3)
    assert (standard[:, 1] == 0).all()
    assert standard[0, 2] == OUTLIER_LIMIT


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_features_that_are_not_finite_are_refused_by_column(value: float) -> None:
    features = np.zeros((2_500, 3), dtype=np.float32)
    features[2_400, 1] = value
    with np.errstate(invalid="ignore"), pytest.raises(ValueError, match=r"columns \[1\]"):
        standardisation.measure(features, CPU)


def test_random_crops_are_windows_of_their_own_images_some_mirrored() -> None:
    images = torch.arange(200 * 6 * 6).reshape(200, 6, 6, 1)
    crops = image_augmentation.take_random_crops(images, 4, torch.Generator().manual_seed(0))
    seen = set()
    for image, crop in zip(images, crops, strict=True):
        windows = {
            (top, left, mirrored): window.flip(1) if mirrored else window
            for top in range(3)
            for left in range(3)
            for window in [image[top : top + 4, left : left + 4]]
            for mirrored in (False, True)
        }
        matches = [place for place, window in windows.items() if torch.equal(window, crop)]
        assert len(matches) == 1
        seen.update(matches)
    assert len(seen) == 18  # every offset occurs, straight and mirrored


def test_flip_crop_pads_with_the_mean_and_keeps_the_size(configure: Callable[..., TrainingConfig]) -> None:
    images = np.full((4, 32, 32, 3), 10, dtype=np.uint8)
    images[:2] = 30
    config = configure(images, 2, network="small_cnn", augmentation="flip_crop", input_size=32)
    scale = standardisation.measure(images, CPU)
    prepare = find_trained_kind(images).make_preparation(config, scale, CPU)
    batch = prepare.prepare_training(torch.from_numpy(images), torch.Generator().manual_seed(0))
    assert batch.shape == (4, 3, 32, 32)
    assert (batch[:, :, :2] == 0).all()
    assert (batch[:2, :, 2:30, 2:30] == 1).all()
    assert (prepare.prepare_plain(torch.from_numpy(images))[:2] == 1).all()


def test_paper_sizes_of_photographs() -> None:
    assert image_augmentation.compute_stored_size("resize_crop_flip", 224) == 256
    assert image_augmentation.compute_crop_size("resize_crop_flip", 224) == 224
    assert image_augmentation.compute_crop_size("flip_crop", 32) == 28


def test_resizing_keeps_a_flat_image_flat_and_halves_by_averaging() -> None:
    images = torch.zeros(1, 8, 8, 1, dtype=torch.uint8)
    images[:, :, 4:] = 200
    half = resize(images, 4)[0, :, :, 0]
    assert half[:, 0].unique().tolist() == [0]
    assert half[:, -1].unique().tolist() == [200]
    assert resize(images, 8) is images
