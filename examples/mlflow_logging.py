"""Log an audit to MLflow: its configuration, the count with its interval, ROC where known, the ranking.

`python -m examples.mlflow_logging AUDIT`, with mlflow or mlflow-skinny installed beside limit-audit's client.
MLflow's own variables say where it is logged: MLFLOW_TRACKING_URI, MLFLOW_EXPERIMENT_NAME. For a folder
(file:///...) mlflow 3.17 wants MLFLOW_ALLOW_FILE_STORE=true.
"""

import argparse
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from app.client import Audit, Client, ClientError
from models.checks.count_words import describe_count

TRUTH_METRICS = ("roc_auc", "average_precision", "precision_at_noise_rate")
WITHOUT_TRUTH = (404, 409)
"""Status of the answer about an audit whose dataset has no correct labels, or not yet."""
LONGEST_PARAM = 500
"""Older MLflow servers refuse longer values."""


def collect_metrics(summary: Mapping[str, Any], truth: Mapping[str, Any] | None) -> dict[str, float]:
    """Return the figures of an audit as MLflow's metrics.

    Args:
        summary: of the audit.
        truth: the audit's metrics, where correct labels are known; None: they are not.

    Returns:
        the count of wrong labels and its interval only where the audit may claim them: a metric has no room
        for doubt.

    """
    metrics = {"samples": summary["sample_count"], "other_label_suggested": summary["disagreement_count"]}
    estimate = summary.get("estimate") or {}
    if estimate.get("may_claim"):
        low, high = estimate["interval"]
        metrics |= {"wrong_labels": estimate["count"], "wrong_labels_low": low, "wrong_labels_high": high}
    known = truth or {}
    metrics |= {name: known[name] for name in TRUTH_METRICS if known.get(name) is not None}
    return {name: float(value) for name, value in metrics.items()}


def collect_params(configuration: Mapping[str, Any], prefix: str = "") -> dict[str, str]:
    """Return a configuration as MLflow's parameters: nested fields with dots, none left open."""
    params: dict[str, str] = {}
    for name, value in configuration.items():
        if value is None:
            continue
        nested = isinstance(value, Mapping)
        params |= collect_params(value, f"{prefix}{name}.") if nested else {f"{prefix}{name}": str(value)}
    return {name: value[:LONGEST_PARAM] for name, value in params.items()}


def collect_chosen(audit: Mapping[str, Any]) -> dict[str, str]:
    """Return what the service chose for the run whose signals the scores come from."""
    runs = [run for run in audit["runs"] if run["is_chosen"] and run["configuration"]]
    return collect_params(runs[0]["configuration"], "chosen.") if runs else {}


def log_audit(audit: Audit) -> str:
    """Log an audit that has succeeded and return the id of MLflow's run."""
    import mlflow  # noqa: PLC0415 - no requirement of limit-audit

    with mlflow.start_run(run_name=audit.name) as run, tempfile.TemporaryDirectory() as folder:
        mlflow.log_params(collect_params(audit["configuration"]) | collect_chosen(audit.document))
        mlflow.set_tags(
            {
                "limit_audit.audit_id": audit.id,
                "limit_audit.dataset_id": audit["dataset_id"],
                "limit_audit.finding": describe_count(audit.summary),
            }
        )
        mlflow.log_metrics(collect_metrics(audit.summary, _read_truth(audit)))
        mlflow.log_artifact(str(audit.download(Path(folder) / "ranking.csv")))
        return str(run.info.run_id)


def _read_truth(audit: Audit) -> dict[str, Any] | None:
    try:
        return audit.metrics()
    except ClientError as error:
        if error.status not in WITHOUT_TRUTH:
            raise
        return None


def main() -> None:
    """Log the audit that the command line names."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("audit", nargs="?", default="@last", help="id or name of the audit, or @last")
    parser.add_argument("--server", help="its address; default: LIMIT_AUDIT_SERVER, or this machine's")
    options = parser.parse_args()
    with Client(options.server) as client:
        print(log_audit(client.get_audit(options.audit)))  # noqa: T201 - its output


if __name__ == "__main__":
    main()
