"""The service's way with a table, and what it is compared with.

Array names: N rows, K classes.
"""

import csv
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.model_selection import StratifiedKFold, cross_val_predict

from bench.evidence.service_ranking import find_margin, measure_cut, rank, take_given
from bench.peers.figures import ranking
from bench.tables.tasks import Task, encode_plainly
from models.configuration.training_config import resolve
from models.table_views.cell_matrix import CellMatrix
from models.training.loop import train
from worker.ingest.pack_building import IngestLimits, IngestOptions, build_pack
from worker.train.training_evidence import EvidenceSearch, Trained

Floats = npt.NDArray[np.floating[Any]]
Figures = dict[str, dict[str, Any]]
BYTES_MAX = 2**29


def measure(task: Task, *, seed: int) -> Figures:
    """Return the figures of every ranking of a task."""
    with tempfile.TemporaryDirectory() as folder:
        start = time.monotonic()
        trained = audit_table(task, Path(folder), seed=seed)
        seconds = time.monotonic() - start
    assert trained.table is not None
    trees_NK = trained.table.view.probabilities_NK
    plain_NK = _predict_by_default_trees(task, trained.table.cells)
    views = {
        "**service**": rank(trained, task.given_N, trained.views),
        "LIMIT alone, on the encoded table": rank(trained, task.given_N, []),
        "same trees, self-confidence": 1 - take_given(trees_NK, task.given_N),
        "same trees, normalised margin": find_margin(trees_NK, task.given_N),
        "scikit-learn's trees, self-confidence": 1 - take_given(plain_NK, task.given_N),
        "scikit-learn's trees, normalised margin": find_margin(plain_NK, task.given_N),
        "LIMIT alone, on plain numbers": _audit_plainly(task, seed=seed),
    }
    found: Figures = {name: dict(ranking(score_N, task.is_error)) for name, score_N in views.items()}
    found["**service**"] |= {"seconds": seconds, **measure_cut(trained, task.given_N, task.is_error)}
    return found


def audit_table(task: Task, folder: Path, *, seed: int) -> Trained:
    """Read the table from a CSV file and train on it, as a worker does."""
    file, built = folder / "table.csv", folder / "built"
    built.mkdir()
    with file.open("w", newline="") as opened:
        rows = csv.writer(opened)
        rows.writerow([*task.table, "label"])
        names = [f"class {label}" for label in task.given_N]
        rows.writerows(zip(*task.table.values(), names, strict=True))
    found = build_pack([file], options=IngestOptions(), limits=IngestLimits(), destination=built)
    pack = np.load(found.pack_path)
    assert len(pack) == len(task.given_N)
    search = EvidenceSearch(
        find_near=None,
        class_count=task.class_count,
        device="cpu",
        seed=seed,
        bytes_max=BYTES_MAX,
        on_block=lambda: None,
        cells=found.pack_path.with_name("cells.parquet"),
    )
    return search.complete(_train(pack, task, seed=seed), found.pack_path, task.given_N)


def _train(inputs: Floats, task: Task, *, seed: int) -> Any:  # noqa: ANN401 - the result of a training
    config = resolve(
        {"seed": seed},
        shape=inputs.shape[1:],
        sample_count=len(inputs),
        class_count=task.class_count,
        device="cpu",
    )
    return train(inputs, task.given_N, class_count=task.class_count, config=config)


def _audit_plainly(task: Task, *, seed: int) -> npt.NDArray[np.int64]:
    result = _train(encode_plainly(task.table), task, seed=seed)
    return rank(Trained(result=result, evidence=None, opinions=None, near=None), task.given_N, [])


def _predict_by_default_trees(task: Task, cells: CellMatrix) -> Floats:
    """Return out-of-sample probabilities by scikit-learn's own defaults in five folds, as for cleanlab."""
    model = HistGradientBoostingClassifier(categorical_features=cells.is_category_C, random_state=0)
    folds = StratifiedKFold(5, shuffle=True, random_state=0)
    probabilities_NK: Floats = cross_val_predict(
        model, cells.values_NC, task.given_N, cv=folds, method="predict_proba"
    )
    return probabilities_NK
