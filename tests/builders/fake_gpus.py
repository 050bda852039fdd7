"""A host with GPUs, as far as its driver's program tells."""

from pathlib import Path

import pytest

from worker.processes import fleet


def write_nvidia_smi(folder: Path, monkeypatch: pytest.MonkeyPatch, script: str) -> Path:
    """Put a script in the place of nvidia-smi and return its path."""
    program = folder / "nvidia-smi"
    program.write_text(script)
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")
    monkeypatch.delenv(fleet.VISIBLE, raising=False)
    return program
