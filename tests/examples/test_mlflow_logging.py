"""What an audit becomes in MLflow; the logging itself needs mlflow and was run by hand."""

from examples.mlflow_logging import collect_chosen, collect_metrics, collect_params

SUMMARY = {"sample_count": 1797, "disagreement_count": 400}


def test_a_count_is_a_metric_only_where_the_audit_may_claim_it() -> None:
    claimed = {"may_claim": True, "count": 359.5, "interval": [297, 416], "sample_count": 1797}
    assert collect_metrics({**SUMMARY, "estimate": claimed}, None) == {
        "samples": 1797.0,
        "other_label_suggested": 400.0,
        "wrong_labels": 359.5,
        "wrong_labels_low": 297.0,
        "wrong_labels_high": 416.0,
    }
    untold = {"may_claim": False, "count": 359.5, "interval": [1, 900], "reasons": []}
    assert collect_metrics({**SUMMARY, "estimate": untold}, None).keys() == {
        "samples",
        "other_label_suggested",
    }


def test_roc_is_logged_where_correct_labels_are_known() -> None:
    truth = {"roc_auc": 0.98, "average_precision": None, "precision_at_noise_rate": 0.9, "error_count": 3}
    logged = collect_metrics(SUMMARY, truth)
    assert (logged["roc_auc"], logged["precision_at_noise_rate"]) == (0.98, 0.9)
    assert "average_precision" not in logged


def test_nested_fields_are_parameters_with_dots() -> None:
    found = collect_params(
        {"seed": 3, "rehearsal": {"noise": {"rate": 0.1}}, "note": "x" * 900, "epochs": None}
    )
    assert found == {"seed": "3", "rehearsal.noise.rate": "0.1", "note": "x" * 500}


def test_what_was_chosen_is_logged_beside_what_was_asked_for() -> None:
    runs = [
        {"is_chosen": False, "configuration": {"epochs": 1}},
        {"is_chosen": True, "configuration": {"epochs": 30, "encoder": None}},
    ]
    assert collect_chosen({"runs": runs}) == {"chosen.epochs": "30"}
    assert collect_chosen({"runs": []}) == {}
