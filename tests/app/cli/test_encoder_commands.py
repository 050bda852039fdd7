"""`limit-audit encoders`, with its process."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from app.cli import encoder_commands
from app.cli.encoder_commands import app
from app.infra.settings import Settings

runner = CliRunner()


def test_encoders_are_listed_with_the_files_that_are_missing(tmp_path: Path) -> None:
    answer = runner.invoke(app, ["list", "--folder", str(tmp_path)])
    assert answer.exit_code == 0
    text = " ".join(answer.output.split())
    assert "efficientnet_lite0 1280 128 Apache-2.0" in text
    assert f"missing weights: put the file into {tmp_path}" in text


def test_a_refusal_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("no weights")
    answer = runner.invoke(app, ["add", str(tmp_path / "notes.txt"), "--folder", str(tmp_path / "e")])
    assert answer.exit_code == 1
    assert "error: Weights are a file .onnx, .pth, .safetensors; found notes.txt." in " ".join(
        answer.output.split()
    )


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
