"""From a configuration to its runs, by hand."""

from typing import Any

import pytest

from app.audits.audit_configuration import AuditConfiguration
from app.audits.run_plans import plan_runs
from app.audits.variants import list_variants
from app.infra.errors import Invalid
from app.tables import Run


def planned(**configuration: Any) -> list[dict[str, Any]]:  # noqa: ANN401
    plans = plan_runs(AuditConfiguration.read({"seed": 3, "initialise": "none", **configuration}))
    names = ("number", "parent_number", "variant", "seed")
    return [
        {**{name: getattr(plan, name) for name in names}, "request": plan.request.list_given()}
        for plan in plans
    ]


def shown(runs: list[dict[str, Any]]) -> list[tuple[Any, ...]]:
    return [(run["number"], run["parent_number"], run["variant"], run["seed"]) for run in runs]


def test_a_plain_audit_has_one_run_of_one_variant() -> None:
    runs = planned(method="limit_l", beta=2.0)
    assert shown(runs) == [(0, None, 0, 3)]
    assert runs[0]["request"] == {"method": "limit_l", "beta": 2.0}


def test_an_ensemble_repeats_with_other_seeds_and_other_parents() -> None:
    assert shown(planned(repeats=3)) == [(0, None, 0, 3), (1, None, 0, 4), (2, None, 0, 5)]
    assert shown(planned(method="fw", repeats=2)) == [
        (0, None, None, 3),
        (1, 0, 0, 3),
        (2, None, None, 4),
        (3, 2, 0, 4),
    ]


def test_a_parent_never_sees_what_its_child_holds_out() -> None:
    parent, child = planned(method="dmi", validation_fraction=0.3, learning_rate=1e-4, epochs=7, patience=2)
    assert parent["request"] == {
        "method": "ce", "validation_fraction": 0.3, "epochs": 7, "patience": 2,
    }  # fmt: skip
    assert child["request"]["learning_rate"] == 1e-4


def test_the_papers_grids_are_searched() -> None:
    betas = [run["request"]["beta"] for run in planned(method="limit_g", search="paper")]
    assert betas == [0.03, 0.1, 0.3, 1, 3, 10]
    assert len(planned(method="limit_l", search="paper", sample_gradients=True)) == 6 * 4
    assert len(planned(method="soft_regularisation", search="paper")) == 4 * 5
    assert len(planned(method="mae", search="paper")) == 1
    dmi = planned(method="dmi", search="paper", repeats=2)
    assert [run["parent_number"] for run in dmi] == [None, 0, 0, 0, 0, None, 5, 5, 5, 5]


def test_variants_hold_samples_out_to_be_chosen_by() -> None:
    runs = planned(search={"beta": [1, 2], "noise_std": None})
    assert [run["request"] for run in runs] == [
        {"beta": 1, "validation_fraction": 0.2},
        {"beta": 2, "validation_fraction": 0.2},
    ]
    with pytest.raises(Invalid, match="validation_fraction must be above 0"):
        planned(search={"beta": [1, 2]}, validation_fraction=0)


def test_a_comparison_trains_a_shared_parent_once() -> None:
    compare = ["ce", "fw", "dmi", {"method": "limit_l", "initialise": "ce", "beta": None}, "limit_g"]
    runs = planned(compare=compare, beta=3.0, epochs=5)
    assert shown(runs) == [(0, None, 0, 3), (1, 0, 1, 3), (2, 0, 2, 3), (3, 0, 3, 3), (4, None, 4, 3)]
    assert "beta" not in runs[0]["request"]
    assert runs[3]["request"] == {"method": "limit_l", "beta": 3.0, "epochs": 5, "validation_fraction": 0.2}


def test_a_searched_comparison_gives_each_method_what_it_knows() -> None:
    runs = planned(compare=["ce", "limit_l"], search={"beta": [0.3, 3.0]})
    assert [run["request"].get("beta") for run in runs] == [None, 0.3, 3.0]


def test_too_many_runs_are_refused() -> None:
    twenty = [n / 40 for n in range(20)]
    fields = ("beta", "noise_lambda", "noise_std", "soft_lambda", "learning_rate", "dropout", "weight_decay")
    with pytest.raises(Invalid, match="1280000000 variants, 1 runs each, exceed the 500 runs"):
        planned(search=dict.fromkeys(fields, twenty))
    with pytest.raises(Invalid, match="exceed the 500 runs"):
        planned(compare=["soft_regularisation"] * 2, search="paper", repeats=20)


def test_variants_are_called_as_in_the_paper_with_mean_and_deviation() -> None:
    compare = ["mae", "fw", {"method": "limit_l", "initialise": "ce"}]
    runs = [Run(**each) for each in planned(compare=compare, search={"beta": [1.0, 3.0]}, repeats=2)]
    mae = [run for run in runs if run.variant == 0]
    mae[0].result, mae[1].result = {"roc_auc": 0.5, "epochs": 4}, {"roc_auc": 0.7, "epochs": 4}
    found = list_variants(runs)
    assert [variant["label"] for variant in found] == [
        "MAE", "FW", "LIMIT_L - S + init., beta 1", "LIMIT_L - S + init., beta 3",
    ]  # fmt: skip
    assert found[0]["figures"]["roc_auc"] == {
        "mean": pytest.approx(0.6),
        "standard_deviation": pytest.approx(0.02**0.5),  # (0.01 + 0.01) / (2 - 1)
    }
    assert found[1]["figures"] == {}
