"""Layouts in two dimensions: neighbours stay neighbours, odd data have points, time ends them."""

import numpy as np
import pytest

from models.maps import neighbour_layout
from models.maps.neighbour_layout import Layout, lay_out


def draw(points_ND: np.ndarray, *, first: int = 0, seconds: float = 600) -> Layout:
    return lay_out(
        points_ND.astype(np.float32),
        first=first,
        seed=0,
        threads=1,
        seconds=seconds,
        on_progress=lambda _: None,
    )


def make_groups(per_group: int) -> tuple[np.ndarray, np.ndarray]:
    """Return points around three far places [3n, 8], and the group of each."""
    group_N = np.arange(3 * per_group) % 3
    noise_ND = np.random.default_rng(0).normal(size=(3 * per_group, 8))
    return noise_ND + 30 * np.eye(8)[group_N], group_N


def count_faithful(layout: Layout, group_N: np.ndarray) -> float:
    """Return the share of points whose nearest other point is of their group."""
    points_N2 = layout.points_N2
    distance_NN = np.linalg.norm(points_N2[:, None] - points_N2[None], axis=2)
    np.fill_diagonal(distance_NN, np.inf)
    return float((group_N[distance_NN.argmin(1)] == group_N).mean())


def test_neighbours_are_neighbours_and_the_same_seed_makes_the_same_points() -> None:
    points_ND, group_N = make_groups(20)
    layout = draw(points_ND)
    assert layout.is_complete
    assert layout.landmarks == 60
    assert count_faithful(layout, group_N) == 1
    assert np.array_equal(layout.points_N2, draw(points_ND).points_N2)


def test_of_many_samples_the_first_and_some_others_are_landmarks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(neighbour_layout, "LANDMARKS", 40)
    points_ND, group_N = make_groups(60)
    layout = draw(points_ND, first=10)
    assert layout.landmarks == 40
    assert count_faithful(layout, group_N) > 0.98


@pytest.mark.parametrize(
    "points_ND",
    [np.zeros((1, 4)), np.ones((2, 4)), np.arange(3)[:, None], np.full((40, 3), 7.0), np.eye(4)],
    ids=["one", "two", "one feature", "all the same", "four"],
)
def test_odd_data_have_finite_points(points_ND: np.ndarray) -> None:
    layout = draw(points_ND)
    assert layout.points_N2.shape == (len(points_ND), 2)
    assert np.isfinite(layout.points_N2).all()


def test_it_ends_as_it_is_when_the_time_is_up() -> None:
    layout = draw(make_groups(20)[0], seconds=0)
    assert not layout.is_complete
    assert np.isfinite(layout.points_N2).all()


def test_progress_grows_and_its_exceptions_stop_the_layout() -> None:
    seen: list[float] = []

    def stop(share: float) -> None:
        seen.append(share)
        if share > 0.2:
            raise InterruptedError

    with pytest.raises(InterruptedError):
        lay_out(
            make_groups(20)[0].astype(np.float32), first=0, seed=0, threads=1, seconds=600, on_progress=stop
        )
    assert seen == sorted(seen)
    assert seen[-1] < 0.3
