"""Which service is used where none is named."""

import json
import os
from pathlib import Path

import pytest

from app.client import Client
from app.client.service.client_errors import NoServiceError
from app.embedded import running_services

TOKEN = "t" * 64


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder for data folders; services there answer if their token is known."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("LIMIT_AUDIT_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(running_services, "is_ours", lambda _, token, __: token == TOKEN)
    return tmp_path


def note(folder: Path, url: str, *, is_proven: bool = True) -> None:
    folder.mkdir()
    (folder / "service.json").write_text(json.dumps({"url": url, "token": TOKEN if is_proven else "x"}))
    running_services.announce(folder)


def test_the_service_of_another_data_folder_is_found(place: Path) -> None:
    note(place / "trial", "http://127.0.0.1:8123")
    assert Client().url == "http://127.0.0.1:8123"
    assert repr(Client()) == "<Client of http://127.0.0.1:8123>"


def test_the_home_comes_first(place: Path) -> None:
    note(place / "trial", "http://127.0.0.1:8123")
    note(place / "home", "http://127.0.0.1:8000")
    assert Client().url == "http://127.0.0.1:8000"


def test_a_program_that_cannot_prove_itself_is_not_used(place: Path) -> None:
    note(place / "trial", "http://127.0.0.1:8123", is_proven=False)
    with pytest.raises(NoServiceError, match="limit-audit up"):
        Client()


def test_of_several_none_is_guessed(place: Path) -> None:
    note(place / "one", "http://127.0.0.1:8123")
    note(place / "two", "http://127.0.0.1:8124")
    with pytest.raises(NoServiceError, match=r"8123.*8124|8124.*8123"):
        Client()


def test_a_service_that_has_ended_is_forgotten(place: Path) -> None:
    note(place / "trial", "http://127.0.0.1:8123")
    (place / "trial" / "service.json").unlink()
    assert running_services.find_services() == []
    assert list((place / "state/limit-audit/services").iterdir()) == []
    running_services.announce(place / "trial")
    running_services.withdraw(place / "trial")
    assert list((place / "state/limit-audit/services").iterdir()) == []


def test_the_note_of_somebody_else_is_not_believed(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    note(place / "home", "http://127.0.0.1:8000")
    monkeypatch.setattr(os, "getuid", lambda: -1)
    assert running_services.find_services() == []
