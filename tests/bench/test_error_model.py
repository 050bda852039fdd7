import numpy as np
import pytest

from bench.error_model.cases import development, held_back
from bench.error_model.estimators import anchors, confident_joint
from bench.error_model.measure import calibration_error
from bench.error_model.report import holds_centre, holds_interval, table


def test_the_confident_joint_by_hand() -> None:
    probabilities_NK = np.array([[0.9, 0.1], [0.7, 0.3], [0.1, 0.9], [0.2, 0.8], [0.95, 0.05]])
    labels_N = np.array([0, 0, 1, 1, 1])
    # Thresholds: 0.8 and (0.9 + 0.8 + 0.05) / 3 = 0.583. Counted: sample 0 as (0, 0), 2 and 3 as (1, 1),
    # 4 as (0, 1); sample 1 as none. Of the three labels 1 a third is wrong: one of five.
    assert confident_joint(probabilities_NK, labels_N) == pytest.approx(0.2)


def test_anchors_take_the_surest_of_each_class() -> None:
    sure_N = np.linspace(0.99, 0.6, 20)
    prior_NK = np.column_stack([sure_N, 1 - sure_N])
    labels_N = np.zeros(20, dtype=np.int64)
    labels_N[1] = 1
    # The surest tenth are two samples, of which one is labelled otherwise.
    assert anchors(prior_NK, labels_N) == 0.5


def test_held_back_cases_share_no_seed_with_those_of_development() -> None:
    seen, unseen = development(), held_back()
    assert not {case.seed for case in seen} & {case.seed for case in unseen}
    assert len({case.name for case in seen + unseen}) == len(seen) + len(unseen)
    assert len(unseen) >= 100


def test_the_calibration_error_by_hand() -> None:
    probability_N = np.array([0.05, 0.05, 0.95, 0.95])
    is_error_N = np.array([False, True, True, True])
    # Bins: two samples expect 0.1 and have 1; two expect 1.9 and have 2.
    assert calibration_error(probability_N, is_error_N) == pytest.approx((0.9 + 0.1) / 4)


def line(**changes: object) -> dict[str, object]:
    key = {"data": "digits", "count": 700, "noise": "uniform-20", "learner": "mlp", "seed": 0}
    figures = {
        "truth": 0.2, "centre": 0.23, "low": 0.18, "high": 0.26, "reasons": [], "accuracy": 0.9,
        "calibration_error": 0.02, "certain_share": 0.1, "certain_wrong": 1.0, "f1": 0.9,
        "views": dict.fromkeys(["forward", "consensus", "disagreement", "confident_joint", "anchors"], 0.2),
    }  # fmt: skip
    return {"key": {**key, "noise": changes.pop("noise", "uniform-20")}, **figures, **changes}


def test_a_centre_holds_within_a_fifth_and_on_peoples_labels_within_15_percent() -> None:
    assert holds_centre(line())
    assert not holds_centre(line(noise="worse", centre=0.235))
    assert not holds_centre(line(centre=0.25))
    assert holds_centre(line(truth=0.0, centre=0.009))
    assert not holds_centre(line(truth=0.0, centre=0.011))
    assert not holds_interval(line(low=0.21))


def test_the_report_names_every_claim_that_missed_and_none_that_was_not_made() -> None:
    text = table([line(), line(centre=0.3), line(centre=0.4, reasons=["views_disagree"])])
    assert "| **all** | 3 | 0.33 | 0.50 | 1.32 (1.15 to 1.50) | 1.00 |" in text
    missed = text.partition("missed")[2]
    assert missed.count("digits-700-uniform-20") == 1
    assert "0.300" in missed
