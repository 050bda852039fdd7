"""The compose file, read by its own parser, and its services run by buildah as written."""

import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import psutil
import yaml

from deploy.verify.images import ROOT, Buildah

SECRETS = ("postgres_password", "redis_password", "database_url", "broker_url")
POLL_SECONDS = 0.5


def parse_services(profile: str, *, parser: tuple[str, ...] = ("docker-compose",)) -> dict[str, Any]:
    """Return the services of a profile; RuntimeError with the parser's message if it refuses the file."""
    command = [*parser, "--env-file", ".env.example", "config"]
    environment = {"COMPOSE_PROFILES": profile, "PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": "/root"}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(done.stderr.strip())
    services: dict[str, Any] = yaml.safe_load(done.stdout)["services"]
    return {
        name: service for name, service in services.items() if profile in service.get("profiles", [profile])
    }


@dataclass
class Host:
    """Folders of the services: volumes, secrets and logs."""

    folder: Path
    buildah: Buildah

    def __post_init__(self) -> None:
        for name in ("logs", "volumes", "secrets"):
            (self.folder / name).mkdir(parents=True, exist_ok=True)

    def list_mounts(self, service: dict[str, Any]) -> list[str]:
        """Return buildah's options for the service's volumes, temporary folders and secrets."""
        pairs: list[tuple[Path, str]] = []
        for volume in service.get("volumes", []):
            name, _, target = volume.partition(":")
            pairs.append((self.make_volume(name, service), target.removesuffix(":rw")))
        for number, temporary in enumerate(service.get("tmpfs", [])):
            name = f"tmpfs-{number}-{service['name']}"
            pairs.append((self.make_volume(name, service), temporary.partition(":")[0]))
        for secret in (each["source"] for each in service.get("secrets", [])):
            pairs += [(self.folder / "secrets" / secret, f"/run/secrets/{secret}")]
        return [part for source, target in pairs for part in ("--volume", f"{source}:{target}:rw")]

    def make_volume(self, name: str, service: dict[str, Any]) -> Path:
        """Return a volume's folder; a new one belongs to the service's user, as in Docker."""
        path = self.folder / "volumes" / name
        if not path.exists():
            path.mkdir()
            subprocess.run(["chown", service["uid"], path], check=True)
        return path


@dataclass
class Service:
    """A service of the compose file in a container of its image."""

    name: str
    definition: dict[str, Any]
    container: str
    host: Host
    process: subprocess.Popen[bytes] | None = field(default=None)

    @property
    def log(self) -> Path:
        """Return the path of its log."""
        return self.host.folder / "logs" / f"{self.name}.log"

    def build_command(self, *arguments: str) -> list[str]:
        """Return the buildah command for a program in it, with user, environment, volumes and secrets."""
        environment = self.definition.get("environment", {})
        flags = [part for name, value in environment.items() for part in ("--env", f"{name}={value}")]
        user = ["--user", self.definition["user"]] if "user" in self.definition else []
        mounts = self.host.list_mounts({**self.definition, "name": self.name})
        return self.host.buildah.build_command(
            "run", *user, *flags, *mounts, self.container, "--", *map(unescape, arguments)
        )

    def start(self) -> Self:
        """Start the service with its command as written."""
        with self.log.open("ab") as output:
            self.process = subprocess.Popen(
                self.build_command(*self.definition["command"]),
                env=self.host.buildah.build_environment(),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        return self

    def run(self, *arguments: str) -> str:
        """Run a command in it, like `docker compose exec` or `run`; RuntimeError if it fails."""
        done = subprocess.run(
            self.build_command(*arguments),
            env=self.host.buildah.build_environment(),
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            raise RuntimeError(f"exit code {done.returncode}: {(done.stdout + done.stderr)[-2000:].strip()}")
        return done.stdout.strip()

    def wait_until_healthy(self) -> int:
        """Run the health check until it passes, like Docker; return the number of tries."""
        check = self.definition["healthcheck"]
        kind, *arguments = check["test"]
        words = ["sh", "-c", *arguments] if kind == "CMD-SHELL" else arguments
        tries, deadline = 0, time.monotonic() + 120
        while True:
            tries += 1
            try:
                self.run(*words)
            except RuntimeError:
                if time.monotonic() > deadline:
                    raise
                if self.process is not None and self.process.poll() is not None:
                    raise RuntimeError(f"the service ended:\n{self.log.read_text()[-2000:]}") from None
                time.sleep(POLL_SECONDS)
            else:
                return tries

    def stop(self) -> float:
        """Send SIGTERM to the first process and return the seconds until it ended."""
        assert self.process is not None
        started = time.monotonic()
        first = self._find_first_process()
        if first is not None:
            first.terminate()
        self.process.wait(parse_seconds(self.definition.get("stop_grace_period", "10s")))
        return time.monotonic() - started

    def _find_first_process(self) -> psutil.Process | None:
        """Return the process that would be the container's first in Docker."""
        assert self.process is not None
        process = psutil.Process(self.process.pid)
        while "buildah" in process.name() or process.name() == "exe":
            children = process.children()
            if not children:
                return None
            process = children[0]
        return process


def unescape(word: str) -> str:
    """Return a word with single dollars: the parser doubles them."""
    return word.replace("$$", "$")


def parse_seconds(duration: str) -> float:
    """Return a duration of the compose file, such as 2m or 1m30s, in seconds."""
    total, number = 0.0, ""
    for character in duration:
        if character.isdigit():
            number += character
        else:
            total += float(number) * {"h": 3600, "m": 60, "s": 1}[character]
            number = ""
    return total
