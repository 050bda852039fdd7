from pathlib import Path

import numpy as np
import pytest

from bench.peers import __main__ as peers
from bench.peers import rehearse, report, weights
from bench.peers.data import Samples, digits
from bench.peers.detectors import DETECTORS, Finding, as_cross_entropy
from bench.peers.figures import calibration_error, cut, figures, ranking
from bench.peers.tasks import NEXT_DIGIT, TASKS, Task, class_dependent, pair, planted, uniform
from bench.peers.unseen import UNSEEN
from models.configuration.training_config import resolve
from models.label_errors.label_asymmetry import CONSTANTS

NOWHERE = Path()


def noise_rate(plant: object, seed: int = 0) -> float:
    true = np.arange(10_000) % 10
    return float((plant(true, 10, seed) != true).mean())  # type: ignore[operator]


def test_tasks_plant_the_noise_their_names_say() -> None:
    assert noise_rate(uniform(0.4)) == pytest.approx(0.4, abs=0.02)
    assert noise_rate(pair(0.4, NEXT_DIGIT)) == pytest.approx(0.4, abs=0.02)
    assert noise_rate(pair(0.4, {9: 1})) == pytest.approx(0.04, abs=0.01)
    rates = [noise_rate(class_dependent, seed) for seed in range(3)]
    assert all(0.1 < rate < 0.35 for rate in rates)
    assert len(set(rates)) == 3


def test_hard_samples_are_the_ones_that_are_mislabelled() -> None:
    task = UNSEEN["digits-hard-20"](Path(), 0, None)
    assert task.is_error.mean() == pytest.approx(0.2, abs=0.03)
    # Eights look like much else, fours like nothing else.
    assert task.is_error[task.true_N == 8].mean() > 3 * task.is_error[task.true_N == 4].mean()
    again = UNSEEN["digits-hard-20"](Path(), 0, None)
    np.testing.assert_array_equal(task.given_N, again.given_N)


def test_tasks_of_the_comparison_are_not_called_unseen() -> None:
    assert not set(TASKS) & set(UNSEEN)
    tumours = UNSEEN["tumours-uniform-10"](Path(), 0, None)
    assert (tumours.class_count, tumours.inputs.shape) == (2, (569, 30))


def test_chance_knows_nothing_of_the_noise_of_its_seed() -> None:
    true = np.arange(10_000) % 10
    given = pair(0.4, NEXT_DIGIT)(true, 10, 0)
    task = Task(inputs=np.zeros((10_000, 2), np.float32), given_N=given, true_N=true, class_count=10)
    config = resolve({"seed": 0}, shape=(2,), sample_count=10_000, class_count=10, device="cpu")
    drawn = DETECTORS["random"](task, config, "cpu").scores["random"]
    assert ranking(drawn, task.is_error)["auroc"] == pytest.approx(0.5, abs=0.02)


def test_a_part_of_a_dataset_is_the_same_for_the_same_seed() -> None:
    samples = Samples(inputs=np.arange(100)[:, None], labels_N=np.arange(100) % 2)
    first, again, other = (samples.part(10, seed).inputs[:, 0] for seed in (1, 1, 2))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)
    assert samples.part(None, 1) is samples


def test_figures_of_a_ranking_and_a_cut_by_hand() -> None:
    is_error = np.array([True, False, True, False])
    found = ranking(np.array([4.0, 3.0, 2.0, 1.0]), is_error)
    # Of four pairs of a wrong and a right label three are in order; precisions at the errors are 1, 2/3.
    assert found["auroc"] == 0.75
    assert found["ap"] == pytest.approx(5 / 6, abs=1e-5)
    assert found["precision_at_noise_rate"] == 0.5
    # One of two is found, one of two flagged is wrong.
    assert cut(np.array([True, True, False, False]), is_error) == {"f1": 0.5, "flagged": 0.5}
    assert calibration_error(np.full(4, 0.5), is_error) == 0
    assert calibration_error(np.full(4, 0.8), is_error) == pytest.approx(0.3)


@pytest.mark.parametrize("detector", ["limit", "aum", "cleanlab", "random"])
def test_every_detector_answers_on_few_samples(detector: str) -> None:
    samples = digits(NOWHERE).part(200, 0)
    given = uniform(0.2)(samples.labels_N, 10, 0)
    task = Task(inputs=samples.inputs, given_N=given, true_N=samples.labels_N, class_count=10)
    config = resolve(
        {"seed": 0, "epochs": 4, "folds": 1}, shape=(8, 8, 1), sample_count=200, class_count=10, device="cpu"
    )
    finding = DETECTORS[detector](task, config if detector == "limit" else as_cross_entropy(config), "cpu")
    line = {"key": {"task": "digits", "detector": detector, "seed": 0}, **figures(task, finding)}
    assert all(score.shape == (200,) and np.isfinite(score).all() for score in finding.scores.values())
    assert all(flags.dtype == bool for flags in finding.cuts.values())
    networks = {"limit": 2, "aum": 1, "cleanlab": 4, "random": 0}[detector]
    assert finding.network_samples == networks * 4 * 200
    table = report.table([line])
    assert all(f"| {name} |" in table for name in finding.scores)


def test_other_weights_of_the_asymmetry_are_measured_on_a_kept_training(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(peers.EVERY_TASK, "digits-pair-40", planted(digits, pair(0.4, NEXT_DIGIT)))
    key = {"task": "digits-pair-40", "seed": 0, "count": 600, "epochs": 8, "detector": "limit"}
    line = peers.measured(NOWHERE, key, tmp_path)
    (kept,) = tmp_path.glob("*.npz")
    found = weights.measured(NOWHERE, kept)
    assert len(found) == len(weights.WEIGHTS)
    as_it_is = found[weights.WEIGHTS.index(CONSTANTS.weight)]
    expected = line["scores"]["limit score (default)"]
    assert as_it_is == {name: expected[name] for name in as_it_is}
    assert found[0] != as_it_is, "without the asymmetry another ranking"


def test_a_rehearsal_is_held_against_the_errors_it_does_not_see() -> None:
    true = np.arange(600) % 3
    given = uniform(0.2)(true, 3, 0)
    task = Task(inputs=np.zeros((600, 2), np.float32), given_N=given, true_N=true, class_count=3)
    rehearsed = rehearse.planted(task, 0)
    assert 0.03 < rehearsed.is_error.mean() < 0.07
    assert np.array_equal(rehearsed.true_N, given)
    # A detector that knows everything: the labels that differ from the true class, and those alone.
    is_wrong = rehearsed.given_N != true
    finding = Finding(
        scores={"limit score (default)": is_wrong.astype(float)},
        cuts={"limit cut": is_wrong},
        noise_rates={},
        network_samples=0,
        seconds=0.0,
        error_probability_N=is_wrong.astype(float),
    )
    found = rehearse.figures(task, rehearsed, finding)
    assert found["roc_auc"]["real"] == found["cut_recall"]["real"] == found["cut_precision"]["real"] == 1
    assert found["roc_auc"]["estimate"] == pytest.approx(1, abs=0.06)
    assert "| nothing | 0 | " in rehearse.table([{"key": {"task": "nothing", "seed": 0}, **found}])
