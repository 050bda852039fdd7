import os
import shutil
import subprocess
from pathlib import Path

import pytest

PREFLIGHT = Path(__file__).parents[2] / "deploy" / "preflight"
WORKING_DOCKER = """
case "$*" in
  "compose version --short") echo 2.29.1 ;;
  "info --format {{.DockerRootDir}}") echo / ;;
  "info --format {{json .Runtimes}}") echo "$RUNTIMES" ;;
esac
"""


class Host:
    """A checkout on a host whose programs are made up; nothing but coreutils is real."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.programs = folder, folder / "programs"
        (folder / "deploy").mkdir()
        shutil.copy(PREFLIGHT, folder / "deploy")
        self.programs.mkdir()
        for name in (
            "bash", "sh", "dirname", "sed", "tail", "sort", "head", "od", "tr", "mkdir", "chmod", "cat",
            "grep", "paste", "ls", "stat", "df",
        ):  # fmt: skip
            (self.programs / name).symlink_to(shutil.which(name) or name)

    def has(self, program: str, script: str) -> None:
        path = self.programs / program
        path.write_text(f"#!/bin/sh\n{script}")
        path.chmod(0o755)

    def look(self, *arguments: str, profile: str = "cpu", runtimes: str = "{}") -> tuple[int, str]:
        environment = {
            "PATH": str(self.programs),
            "COMPOSE_PROFILES": profile,
            "LIMIT_AUDIT_PORT": "1",
            "RUNTIMES": runtimes,
        }
        command = [str(self.folder / "deploy/preflight"), *map(str, arguments)]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        assert not done.stderr
        return done.returncode, done.stdout


@pytest.fixture
def host(tmp_path: Path) -> Host:
    return Host(tmp_path)


def test_a_bare_host_is_told_what_to_install(host: Host) -> None:
    code, said = host.look(profile="gpu")
    assert code == 1
    assert "missing  Docker is not installed" in said
    assert "missing  no NVIDIA driver" in said
    assert "deploy/preflight --write-secrets" in said


def test_a_complete_host_is_ready_once_it_has_secrets(host: Host) -> None:
    host.has("docker", WORKING_DOCKER)
    code, said = host.look("--write-secrets")
    assert code == 0, said
    assert "Ready" in said
    secrets = host.folder / "secrets"
    assert secrets.stat().st_mode & 0o777 == 0o700
    password = (secrets / "postgres_password").read_text()
    assert len(password) == 48
    url = (secrets / "database_url").read_text()
    assert url == f"postgresql+psycopg://limit_audit:{password}@postgres:5432/limit_audit"
    host.look("--write-secrets")
    assert (secrets / "postgres_password").read_text() == password, "what exists is kept"


@pytest.mark.parametrize(
    ("toolkit", "runtimes", "word"),
    [
        (False, "{}", "missing  the NVIDIA container toolkit is not installed"),
        (True, "{}", "missing  the NVIDIA container toolkit is installed, but not configured in Docker"),
        (True, '{"nvidia":{}}', "ok       the NVIDIA container toolkit is installed and configured"),
    ],
)
def test_it_explains_what_keeps_containers_from_the_gpus(
    host: Host, *, toolkit: bool, runtimes: str, word: str
) -> None:
    if Path("/etc/cdi").exists() or Path("/var/run/cdi").exists():
        pytest.skip("this host describes real devices by CDI")
    host.has("docker", WORKING_DOCKER)
    host.has("nvidia-smi", "echo 'NVIDIA L4, 23034 MiB'")
    if toolkit:
        host.has("nvidia-ctk", "")
    code, said = host.look("--write-secrets", profile="gpu", runtimes=runtimes)
    assert word in said
    assert "GPUs: NVIDIA L4, 23034 MiB" in said
    assert (code == 0) == word.startswith("ok")


def test_an_old_compose_and_passwords_that_differ_are_found(host: Host) -> None:
    host.has("docker", WORKING_DOCKER.replace("2.29.1", "2.3.0"))
    host.look("--write-secrets")
    secret = host.folder / "secrets/postgres_password"
    secret.chmod(0o600)
    secret.write_text("another")
    code, said = host.look()
    assert code == 1
    assert "docker compose 2.3.0 is too old" in said
    assert "database_url does not contain the password" in said


def test_an_unknown_word_prints_how_it_is_used(host: Host) -> None:
    code, said = host.look("--help")
    assert code == 2
    assert "deploy/preflight --write-secrets" in said


def test_the_script_is_executable() -> None:
    assert os.access(PREFLIGHT, os.X_OK)
