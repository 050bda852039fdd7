"""The provenance of an audit: data, configuration, code, libraries, and the files that its runs left."""

import hashlib
import platform
from collections.abc import Sequence
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

from sqlalchemy.orm import Session

from app.infra.storage import Storage
from app.tables import Audit, Dataset, Json, Run, RunStatus
from worker.finish import feature_provenance
from worker.jobs import evidence_files, signal_files

LIBRARIES = ("limit-audit", "torch", "torchvision", "numpy", "celery", "sqlalchemy")
PACKAGES = ("app", "models", "worker")
ROOT = Path(__file__).parents[2]
NETWORK = "network.pt"
"""As `worker.train.checkpoints` names it, which loads torch; this job does without."""


def collect_provenance(
    session: Session, storage: Storage, dataset: Dataset, audit: Audit, runs: Sequence[Run]
) -> dict[str, Any]:
    """Return what an audit was made of; it is stored with its results."""
    return {
        "dataset_pack_sha256": dataset.pack_sha256,
        "requested_configuration": audit.configuration,
        "features": feature_provenance.describe_features(session, runs),
        "runs": [_describe_run(storage, audit, run) for run in runs],
        "versions": {name: version(name) for name in LIBRARIES} | {"python": platform.python_version()},
        "code": digest_code(),
    }


def _describe_run(storage: Storage, audit: Audit, run: Run) -> Json:
    return {
        "number": run.number,
        "variant": run.variant,
        "is_chosen": run.is_chosen,
        "seed": run.seed,
        "configuration": run.configuration,
        "device": run.device,
        "attempts": run.attempt,
        "seconds": _measure_seconds(run),
        "files": _digest_files(storage, storage.locate_run(audit.id, run.number))
        if run.status == RunStatus.SUCCEEDED
        else {},
    }


def _measure_seconds(run: Run) -> float | None:
    if run.started_at is None or run.finished_at is None:
        return None
    return (run.finished_at - run.started_at).total_seconds()


def _digest_files(storage: Storage, folder: Path) -> dict[str, str]:
    """Return the SHA-256 of what a run left: its network, signals and out-of-sample evidence."""
    names = (NETWORK, signal_files.SIGNALS, evidence_files.EVIDENCE)
    return {name: _digest(storage, folder / name) for name in names if storage.exists(folder / name)}


def _digest(storage: Storage, path: Path) -> str:
    found = hashlib.sha256()
    for block in storage.stream(path):
        found.update(block)
    return found.hexdigest()


@cache
def digest_code() -> Json:
    """Return the SHA-256 of this worker's code: of what `sha256sum` prints for its modules by path."""
    paths = [
        file.relative_to(ROOT).as_posix() for package in PACKAGES for file in (ROOT / package).rglob("*.py")
    ]
    lines = [f"{hashlib.sha256((ROOT / path).read_bytes()).hexdigest()}  {path}\n" for path in sorted(paths)]
    return {"sha256": hashlib.sha256("".join(lines).encode()).hexdigest(), "files": len(lines)}
