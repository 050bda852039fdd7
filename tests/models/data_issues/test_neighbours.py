"""Neighbours against numbers worked out by hand and against a full comparison."""

import numpy as np
import pytest

from models.data_issues import neighbour_search
from models.data_issues.neighbour_search import find_nearest, find_nearest_inputs
from models.data_issues.neighbours import NEIGHBOURS, Neighbours, measure_disagreement


def test_the_nearest_are_others_in_order_of_their_cosine() -> None:
    # Centred at the origin: two rays right and left, each with a sample a little off.
    features = np.array([[4, 0], [4, 1], [-4, 0], [-4, -1]], dtype=np.float16)
    found = find_nearest(features)
    assert found.index_Nk.tolist() == [[1, 3, 2], [0, 2, 3], [3, 1, 0], [2, 0, 1]]
    cosine = 4 / np.sqrt(17)
    assert found.similarity_Nk[0] == pytest.approx([cosine, -cosine, -1], abs=1e-3)


def test_exact_copies_are_each_others_neighbours_and_never_their_own() -> None:
    features = np.repeat(np.random.default_rng(0).normal(size=(4, 8)), 3, axis=0).astype(np.float16)
    found = find_nearest(features)
    for position, row in enumerate(found.index_Nk.tolist()):
        assert position not in row
        assert {other // 3 for other in row[:2]} == {position // 3}


def clustered(count: int) -> np.ndarray:
    rng = np.random.default_rng(1)
    middles = rng.normal(size=(50, 16))
    return (middles[rng.integers(0, 50, count)] + 0.3 * rng.normal(size=(count, 16))).astype(np.float16)


def test_cells_find_nearly_what_a_full_comparison_finds(monkeypatch: pytest.MonkeyPatch) -> None:
    features = clustered(3_000)
    exact = find_nearest(features).index_Nk
    monkeypatch.setattr(neighbour_search, "EXACT_MAX", 100)
    by_cells = find_nearest(features).index_Nk
    shared = [
        len(set(one) & set(other)) for one, other in zip(exact.tolist(), by_cells.tolist(), strict=True)
    ]
    assert np.mean(shared) / exact.shape[1] > 0.9
    assert (by_cells != np.arange(3_000)[:, None]).all()


def test_crowds_of_copies_are_searched_in_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(neighbour_search, "EXACT_MAX", 100)
    monkeypatch.setattr(neighbour_search, "CANDIDATES_MAX", 64)
    features = np.concatenate([np.ones((900, 16)), clustered(100)]).astype(np.float16)
    found = find_nearest(features)
    assert found.index_Nk.shape == (1_000, NEIGHBOURS)
    assert (found.similarity_Nk <= 1.001).all()


def test_what_the_caller_raises_ends_the_search() -> None:
    def stop() -> None:
        raise InterruptedError

    with pytest.raises(InterruptedError):
        find_nearest(clustered(50), on_block=stop)


def test_disagreement_is_the_weighted_share_of_other_labels() -> None:
    found = Neighbours(
        index_Nk=np.array([[1, 2], [0, 2], [1, 0]], dtype=np.int32),
        similarity_Nk=np.array([[0.9, 0.3], [0.9, 0.6], [0.6, 0.3]], dtype=np.float32),
    )
    assert measure_disagreement(found, np.array([0, 0, 1])) == pytest.approx([0.25, 0.4, 1.0])


@pytest.mark.parametrize("exact_max", [10_000, 100])
def test_inputs_are_compared_by_their_euclidean_distance(
    exact_max: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(neighbour_search, "EXACT_MAX", exact_max)
    points = clustered(1_500) * np.float16(3) + np.float16(2)
    found = find_nearest_inputs(points, count=20)
    distance = np.linalg.norm(points.astype(float)[:, None] - points.astype(float)[None], axis=2)
    np.fill_diagonal(distance, np.inf)
    wanted = np.argsort(distance, axis=1)[:, :20]
    shared = [
        len(set(one) & set(other)) / 20 for one, other in zip(found.tolist(), wanted.tolist(), strict=True)
    ]
    assert np.mean(shared) > (0.99 if exact_max > len(points) else 0.9)
    assert (found != np.arange(1_500)[:, None]).all()
    assert found.shape == (1_500, 20)


def test_few_inputs_have_all_others_as_neighbours() -> None:
    found = find_nearest_inputs(np.array([[0.0], [1.0], [3.0]], np.float16), count=20)
    assert found.tolist() == [[1, 2], [0, 2], [1, 0]]
