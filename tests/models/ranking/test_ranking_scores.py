import numpy as np
import pytest

from models.catalogue.choices import DEFAULT_SCORE, SCORES
from models.ranking.ranking_scores import (
    ASYMMETRY,
    NEIGHBOUR_DISAGREEMENT,
    RANKING_SCORES,
    TIE_BREAK,
    rank_by_signals,
    rank_samples,
    read_score,
)

ROOT = np.float32(2**0.5)
SIGNALS = {
    "margin": np.array([4 * np.log(3), 0.0, -4 * np.log(3)], np.float32),
    "distance_average": np.array([0.0, ROOT / 2, ROOT], np.float32),
    "distance_last": np.array([ROOT, ROOT / 4, 0.0], np.float32),
}


def test_every_score_of_the_catalogue_is_computed_by_one_class() -> None:
    assert set(RANKING_SCORES) == set(SCORES)
    assert DEFAULT_SCORE in SCORES
    assert len({type(score) for score in RANKING_SCORES.values()}) == len(SCORES)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("margin", [0.25, 0.5, 0.75]),
        ("neighbours", [0.25, 0.5, 0.75]),  # before the neighbours are known
        ("average", [0, 0.5, 1]),
        ("last", [1, 0.25, 0]),
    ],
)
def test_scores_by_hand_and_their_order_while_training_runs(name: str, expected: list[float]) -> None:
    score = RANKING_SCORES[name]
    found = score.compute(SIGNALS)
    assert found == pytest.approx(expected)
    assert found.dtype == np.float32
    assert rank_samples(score.order_by(SIGNALS)).tolist() == rank_samples(found).tolist()


def test_only_the_last_distance_is_reported_as_the_distance_of_its_own_score() -> None:
    assert {name: score.distance for name, score in RANKING_SCORES.items()} == {
        "margin": "distance_average",
        "average": "distance_average",
        "last": "distance_last",
        "neighbours": "distance_average",
    }


def test_the_asymmetry_is_taken_off_the_margin() -> None:
    asymmetry = {ASYMMETRY: np.array([4 * np.log(3), 0.0, 0.0])}
    assert RANKING_SCORES["margin"].compute(SIGNALS | asymmetry) == pytest.approx([0.5, 0.5, 0.75])
    for name in ("average", "last", "neighbours"):
        score = RANKING_SCORES[name]
        assert not score.uses_asymmetry
        assert score.compute(SIGNALS | asymmetry).tolist() == score.compute(SIGNALS).tolist()


def test_among_samples_with_the_same_neighbours_the_margin_ranks() -> None:
    margin_scores = np.array([0.2, 0.9, 1 - 1e-6, 0.5])
    found = RANKING_SCORES["neighbours"].compute(
        {
            "margin": (4 * np.log(1 / margin_scores - 1)).astype(np.float32),
            NEIGHBOUR_DISAGREEMENT: np.array([1.0, 1.0, 0.9, 0.0], np.float32),
        }
    )
    assert rank_samples(found).tolist() == [1, 0, 2, 3]
    assert found == pytest.approx([0.992, 0.999, 0.901, 0.005])


@pytest.mark.parametrize("name", ["margin", "average", "neighbours"])
def test_labels_are_told_apart_where_the_score_in_single_precision_is_one(name: str) -> None:
    signals = {
        "margin": np.array([-75, -400, -90, 20, -80], np.float32),
        "distance_average": np.array([ROOT, ROOT, ROOT, 0, ROOT], np.float32),
        NEIGHBOUR_DISAGREEMENT: np.array([1, 1, 1, 0, 1], np.float32),
    }
    found = RANKING_SCORES[name].compute_arrays(signals)
    assert len(set(found["score"].tolist())) == 2, "four equal scores"
    assert rank_by_signals(found).tolist() == [1, 2, 4, 0, 3]
    assert rank_by_signals({"score": found["score"], "margin": signals["margin"]}).tolist() == [1, 2, 4, 0, 3]
    if name == "margin":  # an asymmetry of 20 moves the last above the third
        moved = {**signals, ASYMMETRY: np.array([0, 0, 0, 0, 20.0])}
        assert rank_by_signals(RANKING_SCORES[name].compute_arrays(moved)).tolist() == [1, 4, 2, 0, 3]


def test_the_stored_score_ranks_before_what_breaks_its_ties() -> None:
    signals = {
        "score": np.array([0.5, 0.75, 0.5, 0.5], np.float32),
        TIE_BREAK: np.array([0.0, -9.0, 1.0, 0.0]),
    }
    assert rank_by_signals(signals).tolist() == [1, 2, 0, 3]


def test_a_run_of_an_old_version_is_ranked_by_its_distance() -> None:
    assert read_score({"distance": np.array([0, ROOT], np.float32)}) == pytest.approx([0, 1])
    assert read_score({"distance": np.zeros(1), "score": np.ones(1)}).tolist() == [1]
