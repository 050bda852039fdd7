"""Settings from the environment and from secret files."""

from pathlib import Path

import pytest

from app.infra.settings import read_secret_files


def test_only_our_variables_are_taken() -> None:
    assert read_secret_files({"LIMIT_AUDIT_HOST": "a", "PATH": "/bin"}) == {"LIMIT_AUDIT_HOST": "a"}


def test_a_secret_file_stands_for_its_content(tmp_path: Path) -> None:
    file = tmp_path / "url"
    file.write_text("postgresql://secret\n")
    found = read_secret_files({"LIMIT_AUDIT_DATABASE_URL_FILE": str(file)})
    assert found == {"LIMIT_AUDIT_DATABASE_URL": "postgresql://secret"}


def test_a_secret_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="LIMIT_AUDIT_BROKER_URL_FILE must name a readable file"):
        read_secret_files({"LIMIT_AUDIT_BROKER_URL_FILE": str(tmp_path / "missing")})
