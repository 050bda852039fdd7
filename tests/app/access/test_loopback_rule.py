"""Without keys the API does not begin to listen beyond this machine, however it is started."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from app.access.loopback_rule import explain_refusal, find_listening_host
from tests import patience

UVICORN = [sys.executable, "-m", "uvicorn", "--factory", "app.main:create_app"]


@pytest.mark.parametrize(
    ("arguments", "environment", "host"),
    [
        (["uvicorn", "app", "--host", "0.0.0.0"], {}, "0.0.0.0"),  # noqa: S104
        (["uvicorn", "app", "--host=::"], {}, "::"),
        (["uvicorn", "app"], {"UVICORN_HOST": "10.0.0.1"}, "10.0.0.1"),
        (["uvicorn", "app", "--host", "127.0.0.1"], {"UVICORN_HOST": "10.0.0.1"}, "127.0.0.1"),
        (["uvicorn", "app"], {}, None),
    ],
)
def test_the_address_is_the_one_that_uvicorn_takes(
    arguments: list[str], environment: dict[str, str], host: str | None
) -> None:
    assert find_listening_host(arguments, environment) == host


def test_loopback_needs_no_keys_and_keys_may_listen_anywhere() -> None:
    for host in (None, "127.0.0.1", "127.8.0.1", "::1", "localhost"):
        assert explain_refusal("none", host) is None
    for host in ("0.0.0.0", "::", "192.168.0.9", "example.org", ""):  # noqa: S104
        assert "LIMIT_AUDIT_AUTHENTICATION=keys" in str(explain_refusal("none", host))
        assert explain_refusal("keys", host) is None


@pytest.mark.service
@pytest.mark.parametrize("more", [[], ["--workers", "2"]], ids=["one process", "two processes"])
def test_uvicorn_is_stopped_before_it_listens(more: list[str]) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [*UVICORN, "--host", "0.0.0.0", "--port", str(port), *more]  # noqa: S104
    done = subprocess.run(command, capture_output=True, text=True, timeout=patience.scale(120), check=False)
    assert done.returncode != 0 or more, done.stderr
    assert "refusing to listen on 0.0.0.0" in done.stderr
    assert "Traceback" not in done.stderr


def test_up_refuses_before_it_starts_anything(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "app.cli.root", "up", "--host", "0.0.0.0"]  # noqa: S104
    environment = {name: value for name, value in os.environ.items() if name != "LIMIT_AUDIT_AUTHENTICATION"}
    done = subprocess.run(
        [*command, "--data-dir", str(tmp_path / "home")],
        capture_output=True, text=True, timeout=patience.scale(120), check=False, env=environment,
    )  # fmt: skip
    assert done.returncode != 0
    assert "refusing to listen on 0.0.0.0" in done.stderr
    assert not (tmp_path / "home").exists()
