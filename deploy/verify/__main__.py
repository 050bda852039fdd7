"""Build both images, start every service of the compose file as written, and run audits over REST.

    sudo .venv/bin/python -m deploy.verify --folder /var/tmp/verify [--keep]

Needs root, about 30 GB in FOLDER, and Debian's packages buildah, debootstrap, docker-compose and iproute2.
Without a Docker daemon: buildah runs the services in chroots, in a separate network namespace.
"""

import argparse
import ctypes
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

from deploy.verify import compose, images
from deploy.verify.audit import AuditedDataset
from deploy.verify.compose import SECRETS, Host, Service
from deploy.verify.images import API, BASE, PGDATA, POSTGRES_HOME, ROOT, SERVERS, WORKER, Buildah
from deploy.verify.report import Report

CLONE_NEWNET = 0x40000000
PROGRAMS = ("buildah", "debootstrap", "docker-compose", "ip")
START_ORDER = (
    "postgres",
    "redis",
    "api",
    "worker-cpu",
    "worker-finish",
    "worker-light",
    "worker-train-cpu",
    "beat",
)
SERVERS_UID, SERVICE_UID = "999", "10001"
# Replaces the official image's entry point; the variables come from the compose file, PGDATA from the image.
POSTGRES = f"""
set -e
bin={POSTGRES_HOME}/bin
install --directory --owner=postgres /run/postgresql "$(dirname "$PGDATA")" "$PGDATA"
if [ ! -s "$PGDATA/PG_VERSION" ]; then
  install --owner=postgres --mode=400 "$POSTGRES_PASSWORD_FILE" /tmp/password
  su postgres -c "$bin/initdb -D $PGDATA -U $POSTGRES_USER --pwfile=/tmp/password -A scram-sha-256 -E UTF8"
  echo "CREATE DATABASE $POSTGRES_DB;" | su postgres -c "$bin/postgres --single -D $PGDATA postgres"
fi
exec su postgres -c "exec $bin/postgres -D $PGDATA -c listen_addresses=127.0.0.1"
"""
UNCHECKED = (
    "Docker itself: the order of depends_on, restart policies, log rotation, the published port's address",
    "the official images: Debian's python and redis, and PostgreSQL 18 from its wheel, replace them",
    "limits of cpus and memory, shm_size, ulimits, cap_drop, read_only, init: parsed, but not enforced",
    "worker-gpu on a GPU: only its error without a GPU is checked",
    "the parser of docker compose v2 (compose-go): docker-compose 1.29 is used",
)


def main() -> int:
    """Run all checks; the exit code is 1 if one failed."""
    arguments = _parse_arguments()
    report = Report()
    folder = arguments.folder.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    buildah = Buildah(folder=folder)
    try:
        definitions = _check_files(report)
        _check_images(report, buildah, reuse=arguments.keep)
        if not report.failed:
            _isolate_network()
            _check_services(report, buildah, folder / "host", definitions)
    finally:
        if not arguments.keep:
            buildah("rm", "--all")
            buildah("rmi", "--all", "--force")
            shutil.rmtree(folder, ignore_errors=True)
    for what in UNCHECKED:
        report.skip(what)
    return report.close()


def _parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--folder", type=Path, required=True, help="folder for images and volumes")
    parser.add_argument("--keep", action="store_true", help="keep the images, and reuse kept ones")
    missing = [program for program in PROGRAMS if shutil.which(program) is None]
    if os.geteuid() != 0 or missing:
        parser.error(f"this needs root and the programs {', '.join(missing or PROGRAMS)}")
    return parser.parse_args()


def _check_files(report: Report) -> dict[str, Any]:
    definitions: dict[str, Any] = {}
    for profile in ("gpu", "cpu"):
        with report.check(f"the compose file is valid, profile {profile}") as facts:
            services = compose.parse_services(profile)
            facts.append(", ".join(sorted(services)))
            definitions |= services
    with report.check("one GPU reservation, and only the API is published"):
        devices = definitions["worker-gpu"]["deploy"]["resources"]["reservations"]["devices"]
        assert devices == [
            {"driver": "nvidia", "count": "all", "capabilities": ["gpu", "utility", "compute"]}
        ]
        assert [name for name, service in definitions.items() if service.get("ports")] == ["api"]
    return definitions


def _check_images(report: Report, buildah: Buildah, *, reuse: bool) -> None:
    pip, volumes = images.write_pip_configuration(buildah.folder)
    if not (reuse and buildah.has(BASE)):
        with report.check("the base image is built from Debian bookworm"):
            images.build_base(buildah)
    if not (reuse and buildah.has(SERVERS)):
        with report.check("a substitute for the postgres and redis images is built"):
            images.build_servers(buildah)
    for target, image in (("api", API), ("worker", WORKER)):
        if reuse and buildah.has(image):
            continue
        with report.check(f"target {target} is built") as facts:
            images.build_target(buildah, target, image, volumes=volumes, pip=pip)
            facts.append(buildah.describe_size(image))


def _isolate_network() -> None:
    """Move this process and its children into a new network namespace with only loopback."""
    if ctypes.CDLL(None, use_errno=True).unshare(CLONE_NEWNET) != 0:
        raise OSError(ctypes.get_errno(), "cannot create a network namespace")
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)


def _check_services(report: Report, buildah: Buildah, folder: Path, definitions: dict[str, Any]) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    host = Host(folder, buildah)
    names = [part for name in ("postgres", "redis") for part in ("--add-host", f"{name}:127.0.0.1")]
    containers = {image: buildah("from", *names, image) for image in (API, WORKER, SERVERS)}
    for image in (API, WORKER):
        # If an image's volume is also mounted, Docker uses the mount, but buildah can use either.
        buildah("config", "--volume", "/data-", containers[image])
    services = {
        name: Service(name, _add_user(name, definition), containers[_choose_image(name, definition)], host)
        for name, definition in definitions.items()
    }
    services["postgres"].definition["command"] = ["sh", "-c", POSTGRES]
    try:
        _check_secrets(report, folder / "secrets")
        _check_contents(report, services)
        _check_start(report, services)
        if not report.failed:
            _check_audit(report, services)
    finally:
        _check_stop(report, services)
        for container in containers.values():
            buildah("rm", container)


def _choose_image(name: str, definition: dict[str, Any]) -> str:
    if name in {"postgres", "redis"}:
        return SERVERS
    return API if definition["build"]["target"] == "api" else WORKER


def _add_user(name: str, definition: dict[str, Any]) -> dict[str, Any]:
    return {**definition, "uid": SERVERS_UID if name in {"postgres", "redis"} else SERVICE_UID}


def _check_contents(report: Report, services: dict[str, Service]) -> None:
    with report.check("the api image has no torch and no worker, and loads without them") as facts:
        script = (
            "import importlib.util as u, sys, app.main;"
            "assert not any(u.find_spec(n) for n in ('torch', 'worker', 'models.training'));"
            "print(len(sys.modules), 'modules')"
        )
        facts.append(services["api"].run("python", "-c", script))
    with report.check("the worker image has the pinned torch and its CUDA libraries") as facts:
        script = (
            "import torch, torchvision, worker.processes.gpu; from importlib.metadata import version;"
            "print('torch', torch.__version__, 'torchvision', version('torchvision'), torch.version.cuda)"
        )
        versions = services["worker-train-cpu"].run("python", "-c", script)
        pins = dict(
            line.split("==") for line in (ROOT / "constraints.txt").read_text().split() if "==" in line
        )
        assert f"torch {pins['torch']}+cu" in versions or f"torch {pins['torch']} " in versions, versions
        assert f"torchvision {pins['torchvision']}" in versions, versions
        facts.append(versions)
    with report.check("the worker image can compile kernels for its device"):
        script = (
            "import torch; from models.acceleration.compiled_kernels import can_compile;"
            "assert can_compile(torch.device('cpu'))"
        )
        services["worker-train-cpu"].run("python", "-c", script)
    for name in ("api", "worker-cpu"):
        with report.check(f"{name} runs without root, and can write only to /data") as facts:
            script = "id -u; touch /data/probe && rm /data/probe; ! touch /srv/limit-audit/x 2> /dev/null"
            facts.append(f"uid {services[name].run('sh', '-c', script)}")
            assert facts[0] == f"uid {SERVICE_UID}"
    with report.check("no trace of this host's pip configuration is in the images"):
        for name in ("api", "worker-cpu"):
            services[name].run("sh", "-c", "! test -s /etc/pip.conf && ! ls /root/.cache/pip 2> /dev/null")


def _check_secrets(report: Report, folder: Path) -> None:
    with report.check("deploy/preflight --write-secrets creates the four secret files"):
        subprocess.run(
            [ROOT / "deploy/preflight", "--write-secrets"],
            env={**os.environ, "LIMIT_AUDIT_SECRETS": str(folder)},
            capture_output=True,
            check=False,  # it reports that Docker is missing
        )
        assert sorted(path.name for path in folder.iterdir()) == sorted(SECRETS)


def _check_start(report: Report, services: dict[str, Service]) -> None:
    for name in START_ORDER[:2]:
        _start_healthy(report, services[name])
    with report.check("the database is in its volume, at the path of postgres:18") as facts:
        target = services["postgres"].definition["volumes"][0].split(":")[1]
        path = services["postgres"].host.folder / "volumes/database" / Path(PGDATA).relative_to(target)
        facts.append(f"{PGDATA}, version {(path / 'PG_VERSION').read_text().strip()}")
    with report.check("migrate succeeds as written, also a second time"):
        for _ in range(2):
            services["migrate"].run(*services["migrate"].definition["command"])
    for name in START_ORDER[2:]:
        _start_healthy(report, services[name])
    with report.check("worker-gpu reports that it has no GPU"):
        try:
            services["worker-gpu"].run(*services["worker-gpu"].definition["command"])
        except RuntimeError as error:
            assert "deploy/preflight" in str(error), error  # noqa: PT017 - no test framework here
        else:
            raise AssertionError("it started without a GPU")


def _start_healthy(report: Report, service: Service) -> None:
    with report.check(f"{service.name} starts as written and its health check passes") as facts:
        service.start()
        facts.append(f"{service.wait_until_healthy()} tries")


def _check_audit(report: Report, services: dict[str, Service]) -> None:
    with report.check("a key is created in the api container"):
        key = services["api"].run("limit-audit", "keys", "create", "verify", "--scope", "write")
    audited = AuditedDataset("http://127.0.0.1:8000", key)
    with report.check("without a key the API answers 401"):
        audited.check_refusal()
    with report.check("a dataset with planted errors is uploaded and ingested") as facts:
        facts.append(audited.upload())
    with report.check("its audit succeeds and finds the errors") as facts:
        facts.append(audited.run_audit())
    with report.check("a stopped training worker returns its run, and after a restart finishes it") as facts:
        audited.start_long()
        facts.append(f"stopped in {services['worker-train-cpu'].stop():.1f} s")
        audited.check_handed_back()
        services["worker-train-cpu"].start().wait_until_healthy()
        facts.append(audited.finish_long())
    with report.check("audits and dataset are deleted, with all their files in the volume"):
        audited.delete()
        left = [path for path in services["api"].host.folder.glob("volumes/files/*/*") if path.is_dir()]
        assert not left, left


def _check_stop(report: Report, services: dict[str, Service]) -> None:
    for service in (services[name] for name in reversed(START_ORDER)):
        if service.process is not None and service.process.poll() is None:
            with report.check(f"{service.name} stops within its grace period") as facts:
                facts.append(f"{service.stop():.1f} s")
        elif service.process is not None:
            with report.check(f"{service.name} was still running"):
                raise RuntimeError(f"it ended by itself:\n{service.log.read_text()[-2000:]}")


if __name__ == "__main__":
    raise SystemExit(main())
