"""Audits by an encoder's features: what is stored about the encoder, and what is said if it is missing."""

import hashlib
from pathlib import Path
from unittest.mock import Mock
from urllib.error import URLError

import pytest
import torch
from torchvision.models import get_model

from app.infra.database import Database
from app.infra.settings import Settings
from app.infra.storage import Storage
from app.tables import AuditStatus, Dataset, Run, Score
from models.catalogue.encoders import find_encoder
from tests.worker.job_steps import count_rows, plan_audit, read_row, train_and_finish

FEATURES_ONLY: dict[str, str | int | None] = {
    "network": "mlp",
    "input_size": None,
    "augmentation": None,
    "epochs": 5,
}


@pytest.fixture
def settings(chosen: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Return settings with an empty folder of encoders, on a host without a network."""
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path / "cache"))
    monkeypatch.setattr(torch.hub, "download_url_to_file", Mock(side_effect=URLError("no such host")))
    (tmp_path / "encoders").mkdir()
    return chosen.model_copy(update={"encoders_dir": tmp_path / "encoders"})


@pytest.mark.parametrize("asked", [{"encoder": "resnet18@64"}, {"backbone": "resnet18"}])
def test_an_audit_by_the_features_of_an_encoder(
    database: Database, digits: Dataset, storage: Storage, settings: Settings, asked: dict[str, str]
) -> None:
    weights = settings.encoder_folder / "resnet18.pth"
    torch.save(get_model("resnet18", weights=None).state_dict(), weights)
    audit, runs = plan_audit(database, digits, **FEATURES_ONLY, **asked)
    done = train_and_finish(database, storage, settings, audit, runs)
    assert (done.status, count_rows(database, Score)) == (AuditStatus.SUCCEEDED, 120)
    trained = (done.provenance or {})["runs"][0]["configuration"]
    name = next(iter(asked.values()))
    sha256 = hashlib.sha256(weights.read_bytes()).hexdigest()
    stored = {field: trained[field] for field in trained if field.startswith(("encoder", "network"))}
    assert stored == {
        "network": "mlp",
        "encoder": name,
        "encoder_sha256": find_encoder(name, None).compute_digest(sha256),
        "encoder_weights_sha256": sha256,
        "encoder_licence": "BSD-3-Clause",
    }


def test_a_missing_encoder_ends_the_audit_with_one_sentence(
    database: Database, digits: Dataset, storage: Storage, settings: Settings
) -> None:
    audit, runs = plan_audit(database, digits, **FEATURES_ONLY, encoder="resnet18")
    done = train_and_finish(database, storage, settings, audit, runs)
    assert done.status == AuditStatus.FAILED
    error = read_row(database, Run, runs[0].id).error or {}
    assert f"put resnet18.safetensors or resnet18.pth into {settings.encoder_folder}" in error["detail"]
