"""LIMIT, a linear probe and neighbours on the same features, alone and together."""

from typing import Any

import numpy as np
import numpy.typing as npt

from bench.peers.figures import calibration_error, ranking
from bench.peers.tasks import Task
from models.configuration.training_config import resolve
from models.cross_fitting.ranking_evidence import balance_classes, compute_log_odds, measure_confusion
from models.data_issues.neighbour_search import find_nearest
from models.error_model.class_confusions import count_confusions
from models.error_model.estimate import fit
from models.error_model.sample_evidence import Evidence
from models.feature_views.combined_probabilities import combine_probabilities
from models.feature_views.neighbour_votes import NEIGHBOURS, count_weighted_votes
from models.feature_views.ridge_probe import predict_out_of_sample
from models.training.loop import train
from worker.train.input_neighbours import find_input_neighbours

SURE = 0.9
BYTES_MAX = 2**29
"""As the setting `features_max_bytes` has it by default."""
Opinions = dict[str, npt.NDArray[Any]]


def rank(task: Task, *, seed: int, epochs: int) -> tuple[dict[str, dict[str, float]], Opinions]:
    """Return the figures of every ranking, and the probabilities [N, K] by source."""
    opinions = _collect(task, seed=seed, epochs=epochs)
    if not task.is_error.any():
        return {}, opinions
    limit, probe, votes = "LIMIT", "probe", f"{NEIGHBOURS} neighbours"
    together = {
        **{name: [name] for name in opinions},
        "LIMIT and probe": [limit, probe],
        f"LIMIT and {votes}": [limit, votes],
        f"probe and {votes}": [probe, votes],
        "LIMIT, probe and 10 neighbours": [limit, probe, "10 neighbours"],
        f"**LIMIT, probe and {votes}**": [limit, probe, votes],
        "LIMIT, probe and 100 neighbours": [limit, probe, "100 neighbours"],
    }
    confusions = count_confusions(opinions["LIMIT out of sample"], task.given_N)
    confusion_KK = measure_confusion(confusions.counts_KK, confusions.variance_KK)
    balanced = {**opinions, limit: balance_classes(opinions[limit], confusions.bias_K)}
    found = {}
    for name, parts in together.items():
        mean_NK = combine_probabilities([balanced[part] for part in parts])
        found[name] = ranking(compute_log_odds(mean_NK, task.given_N, confusion_KK), task.is_error)
        if len(parts) > 2:  # noqa: PLR2004
            plain_N = compute_log_odds(mean_NK, task.given_N, np.zeros_like(confusion_KK))
            found[f"{name}, without confusions"] = ranking(plain_N, task.is_error)
    return found, opinions


def count(task: Task, opinions: Opinions) -> dict[str, dict[str, Any]]:
    """Return the estimate of the number of errors by different evidence, with a worker's neighbours."""
    neighbours_Nk = find_input_neighbours(
        task.inputs, device="cpu", seed=0, bytes_max=BYTES_MAX, on_block=lambda: None
    )
    limit_NK, probe_NK = opinions["LIMIT out of sample"], opinions["probe"]
    sources = {"LIMIT": limit_NK, "probe": probe_NK, "both": combine_probabilities([limit_NK, probe_NK])}
    return {name: count_by(task, found_NK, neighbours_Nk) for name, found_NK in sources.items()}


def _collect(task: Task, *, seed: int, epochs: int) -> Opinions:
    config = resolve(
        {"seed": seed, "folds": 4, "epochs": epochs},
        shape=task.inputs.shape[1:],
        sample_count=len(task.inputs),
        class_count=task.class_count,
        device="cpu",
    )
    fitted = train(task.inputs, task.given_N, class_count=task.class_count, config=config).cross_fitted
    assert fitted is not None
    assert fitted.in_sample_probabilities_NK is not None
    blind_share = 1 / config.folds
    seen_NK, blind_NK = fitted.in_sample_probabilities_NK, fitted.probabilities_NK
    opinions: Opinions = {
        "LIMIT": combine_probabilities([seen_NK, blind_NK], [1 - blind_share, blind_share]),
        "LIMIT in sample": seen_NK,
        "LIMIT out of sample": blind_NK,
        "probe": predict_out_of_sample(task.inputs, task.given_N, class_count=task.class_count),
    }
    near = find_nearest(task.inputs.astype(np.float16), count=100)
    for kept in (10, NEIGHBOURS, 100):
        opinions[f"{kept} neighbours"] = count_weighted_votes(
            near.index_Nk[:, :kept], near.similarity_Nk[:, :kept], task.given_N, class_count=task.class_count
        )
    return opinions


def count_by(
    task: Task, probabilities_NK: npt.NDArray[np.float32], neighbours_Nk: npt.NDArray[np.int32] | None
) -> dict[str, Any]:
    """Return the estimate of the number of errors by this evidence, and how it compares with the truth."""
    evidence = Evidence(labels_N=task.given_N, probabilities_NK=probabilities_NK, neighbours_Nk=neighbours_Nk)
    estimate, total = fit(evidence), len(task.given_N)
    is_sure_N = estimate.error_probability_N >= SURE
    return {
        "share": round(estimate.error_count / total, 5),
        "interval": [round(end / total, 5) for end in estimate.error_count_interval],
        "may_claim": estimate.may_claim,
        "calibration_error": calibration_error(estimate.error_probability_N, task.is_error),
        "sure": float(is_sure_N.mean()),
        "sure_wrong": float(task.is_error[is_sure_N].mean()) if is_sure_N.any() else None,
    }
