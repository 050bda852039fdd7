"""Copies and near duplicates that were planted are found, and nothing else."""

import numpy as np
import pytest

from models.data_issues import duplicates, fingerprints
from models.data_issues.fingerprints import take_fingerprints
from models.data_issues.neighbour_search import find_nearest
from models.data_issues.neighbours import Neighbours
from models.data_issues.outliers import is_outlier, measure_isolation
from models.kinds.image_likeness import LIKE, correlate


def pictures(count: int = 40, side: int = 24) -> np.ndarray:
    """Return smooth coloured pictures that have little in common."""
    coarse = np.random.default_rng(0).integers(0, 256, (count, 6, 6, 3))
    return coarse.repeat(side // 6, axis=1).repeat(side // 6, axis=2).astype(np.uint8)


def all_neighbours(count: int) -> Neighbours:
    """Return everybody as everybody's neighbour."""
    index = np.array([[other for other in range(count) if other != one] for one in range(count)])
    return Neighbours(index_Nk=index.astype(np.int32), similarity_Nk=np.ones(index.shape, dtype=np.float32))


def test_copies_are_grouped_by_their_first_position() -> None:
    rows = pictures()
    rows[[7, 30]], rows[12] = rows[3], rows[1]
    found = duplicates.find_exact_duplicates(take_fingerprints(rows))
    assert found.group.tolist() == [0, 0, 1, 1, 1]
    assert found.position.tolist() == [1, 12, 3, 7, 30]
    assert found.likeness.tolist() == [1.0] * 5


def test_a_single_level_makes_no_copy_and_equal_hashes_are_checked(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = pictures()
    rows[5] = rows[4]
    rows[5, 10, 10, 2] ^= 1
    assert len(duplicates.find_exact_duplicates(take_fingerprints(rows)).position) == 0
    monkeypatch.setattr(fingerprints, "_hash_rows", lambda block: np.zeros(len(block), dtype=np.uint64))
    assert len(duplicates.find_exact_duplicates(take_fingerprints(rows)).position) == 0


def test_rows_of_any_width_and_features_have_hashes() -> None:
    features = np.random.default_rng(0).normal(size=(9, 3)).astype(np.float32)
    features[8] = features[0]
    assert duplicates.find_exact_duplicates(take_fingerprints(features)).position.tolist() == [0, 8]
    assert not take_fingerprints(features).is_blank_N.any()


def test_blank_pictures_are_of_one_colour_but_for_noise() -> None:
    rows = pictures(4)
    rows[1] = [200, 10, 30]
    rows[2] = 100 + np.random.default_rng(0).integers(0, 8, rows[2].shape)
    assert take_fingerprints(rows).is_blank_N.tolist() == [False, True, True, False]


def test_near_duplicates_are_darker_noisier_or_mirrored_copies() -> None:
    rows = pictures()
    rng = np.random.default_rng(1)
    rows[10] = rows[2] * 0.7 + 20
    rows[11] = (rows[2] + rng.normal(0, 5, rows[2].shape)).clip(0, 255)
    rows[12] = rows[5][:, ::-1]
    rows[13] = rows[12]
    found = duplicates.find_near_duplicates(rows, take_fingerprints(rows), all_neighbours(40))
    assert found.group.tolist() == [0, 0, 0, 1, 1, 1]
    assert found.position.tolist() == [2, 10, 11, 5, 12, 13]
    assert (found.likeness >= LIKE).all()


def test_where_everything_is_alike_near_ones_must_be_nearer() -> None:
    rng = np.random.default_rng(0)
    rows = (pictures(1)[0] + rng.normal(0, 12, (40, 24, 24, 3))).clip(0, 255).astype(np.uint8)
    likeness = correlate(rows[:1], rows[1:2])
    assert likeness > LIKE
    assert (
        len(duplicates.find_near_duplicates(rows, take_fingerprints(rows), all_neighbours(40)).position) == 0
    )
    rows[30] = rows[20] // 2
    assert duplicates.find_near_duplicates(
        rows, take_fingerprints(rows), all_neighbours(40)
    ).position.tolist() == [20, 30]


def test_small_pictures_correlate_by_chance_and_must_be_nearer() -> None:
    rng = np.random.default_rng(0)
    rows = rng.integers(0, 200, (40, 8, 8, 1)).astype(np.uint8)
    rows[30] = (rows[20] + rng.normal(0, 10, rows[20].shape)).clip(0, 255)
    rows[31] = rows[21] // 2 + 20
    assert correlate(rows[30:31], rows[20:21]) > LIKE
    assert duplicates.find_near_duplicates(
        rows, take_fingerprints(rows), all_neighbours(40)
    ).position.tolist() == [21, 31]


def test_of_too_many_pairs_those_with_the_most_similar_thumbnails_are_compared(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(duplicates, "COMPARED_MAX", 3)
    compared: list[int] = []
    likeness = duplicates._compare  # noqa: SLF001 - how much it is given is the point

    def counting(inputs: np.ndarray, first_P: np.ndarray, second_P: np.ndarray) -> np.ndarray:
        compared.append(len(first_P))
        return likeness(inputs, first_P, second_P)

    monkeypatch.setattr(duplicates, "_compare", counting)
    rng = np.random.default_rng(0)
    plain = np.linspace(0, 200, 40 * 40).reshape(40, 40, 1)  # all alike by their thumbnails
    rows = np.clip(plain + rng.normal(0, 60, (30, 40, 40, 1)), 0, 255).astype(np.uint8)
    rows[17] = rows[4]
    rows[17, 0, 0] ^= 1
    found = duplicates.find_near_duplicates(rows, take_fingerprints(rows), all_neighbours(30))
    assert found.position.tolist() == [4, 17]
    assert compared[0] == 3


def test_copies_alone_are_no_near_duplicates() -> None:
    rows = pictures()
    rows[7] = rows[3]
    rows[8] = rows[9] = 50  # blank ones are like everything
    assert (
        len(duplicates.find_near_duplicates(rows, take_fingerprints(rows), all_neighbours(40)).position) == 0
    )


def test_features_are_near_within_a_fiftieth_of_a_standard_deviation() -> None:
    features = (np.random.default_rng(0).normal(size=(50, 8)) * 1000).astype(np.float32)
    features[20] = features[10] + 10
    features[21] = features[11] + 100
    found = duplicates.find_near_duplicates(features, take_fingerprints(features), all_neighbours(50))
    assert found.position.tolist() == [10, 20]


def test_a_stranger_is_an_outlier_and_a_crowd_has_none() -> None:
    rng = np.random.default_rng(0)
    crowd = rng.normal(size=(300, 16)) * 0.3
    crowd[:150, 0] += 5
    crowd[150:, 1] += 5
    assert not is_outlier(measure_isolation(find_nearest(crowd.astype(np.float16)))).any()
    crowd[7] = 0
    crowd[7, 5] = 8
    assert np.flatnonzero(is_outlier(measure_isolation(find_nearest(crowd.astype(np.float16))))).tolist() == [
        7
    ]


def test_identical_samples_are_no_outliers() -> None:
    assert not is_outlier(np.zeros(20, dtype=np.float32)).any()


def test_thumbnails_are_means_of_areas_whatever_the_side() -> None:
    rows = np.zeros((2, 28, 12, 1), dtype=np.uint8)
    rows[0, :14] = 200
    thumbnails = take_fingerprints(rows).thumbnails_NT
    assert thumbnails is not None
    assert thumbnails[0] == pytest.approx(np.repeat([0.125, -0.125], 32), abs=1e-3)
    assert not thumbnails[1].any()
