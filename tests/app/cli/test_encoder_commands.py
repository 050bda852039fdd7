"""`limit-audit encoders`, with its process."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from app.cli import encoder_commands
from app.cli.encoder_commands import app
from app.infra.settings import Settings
from tests.builders.text_encoders import write_sentence_folder

runner = CliRunner()


def test_encoders_are_listed_with_the_files_that_are_missing(tmp_path: Path) -> None:
    answer = runner.invoke(app, ["list", "--folder", str(tmp_path)])
    assert answer.exit_code == 0
    text = " ".join(answer.output.split())
    assert "efficientnet_lite0 pictures 1280 128 Apache-2.0" in text
    assert f"missing weights: put the file into {tmp_path}" in text


def test_a_refusal_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("no weights")
    answer = runner.invoke(app, ["add", str(tmp_path / "notes.txt"), "--folder", str(tmp_path / "e")])
    assert answer.exit_code == 1
    assert "error: Weights are a file .onnx, .pth, .safetensors; found notes.txt." in " ".join(
        answer.output.split()
    )


def test_an_encoder_of_texts_is_added_from_a_folder_listed_and_checked(tmp_path: Path) -> None:
    source, folder = write_sentence_folder(tmp_path / "sentences"), str(tmp_path / "e")
    answer = runner.invoke(app, ["add", str(source), "--folder", folder, "--length", "8"])
    assert answer.exit_code == 0, answer.output
    assert "sentences: 16 features of 8 tokens, licence not stated" in " ".join(answer.output.split())
    listed = " ".join(runner.invoke(app, ["list", "--folder", folder]).output.split())
    assert "sentences texts 16 8 not stated sentences" in listed
    checked = runner.invoke(app, ["check", "sentences", "--folder", folder, "--json"])
    (row,) = json.loads(checked.stdout)
    assert (row["takes"], row["pictures_per_second"]) == ("texts", None)
    assert row["texts_per_second"] > 0


@pytest.mark.parametrize(
    ("environment", "expected"),
    [
        ({"ENCODERS_DIR": "/a", "BACKBONES_DIR": "/b", "STORAGE_DIR": "/c"}, "/a"),
        ({"BACKBONES_DIR": "/b", "STORAGE_DIR": "/c"}, "/b"),
        ({"STORAGE_DIR": "/c"}, "/c/encoders"),
    ],
)
def test_the_commands_use_the_services_folder(
    monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], expected: str
) -> None:
    for name in ("ENCODERS_DIR", "BACKBONES_DIR", "STORAGE_DIR"):
        monkeypatch.delenv(f"LIMIT_AUDIT_{name}", raising=False)
        if name in environment:
            monkeypatch.setenv(f"LIMIT_AUDIT_{name}", environment[name])
    found = encoder_commands._choose_folder(None, Path("/data"))  # noqa: SLF001 - its choice is the promise
    settings = Settings(database_url="postgresql://", broker_url="redis://", storage_dir=Path("/c"))
    assert found == Path(expected) == settings.encoder_folder


def test_an_embedded_service_keeps_encoders_with_its_files(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("ENCODERS_DIR", "BACKBONES_DIR", "STORAGE_DIR"):
        monkeypatch.delenv(f"LIMIT_AUDIT_{name}", raising=False)
    found = encoder_commands._choose_folder(None, Path("/data"))  # noqa: SLF001 - its choice is the promise
    assert found == Path("/data/files/encoders")
