"""What the deployment files promise; deploy/verify starts them for real."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from app.infra.settings import Settings
from deploy.dependencies import list_requirements
from tests.test_imports import FREE

ROOT = Path(__file__).parents[2]
DOCKERFILE = (ROOT / "Dockerfile").read_text()


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    return yaml.safe_load((ROOT / "docker-compose.yml").read_text())  # type: ignore[no-any-return]


def stage(name: str) -> str:
    return re.split(r"^FROM ", DOCKERFILE.partition(f" AS {name}\n")[2], flags=re.MULTILINE)[0]


def test_only_the_api_is_published_and_on_loopback_unless_said_otherwise(compose: dict[str, Any]) -> None:
    published = {
        name: service["ports"] for name, service in compose["services"].items() if "ports" in service
    }
    assert list(published) == ["api"]
    assert published["api"][0].startswith("${LIMIT_AUDIT_BIND:-127.0.0.1}:")


def test_every_service_restarts_has_limits_and_a_health_check(compose: dict[str, Any]) -> None:
    for name, service in compose["services"].items():
        assert service["deploy"]["resources"]["limits"].keys() == {"cpus", "memory"}, name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        if name == "migrate":
            assert service["restart"] == "on-failure"
        else:
            assert service["restart"] == "unless-stopped", name
            assert service["healthcheck"]["test"][0] in {"CMD", "CMD-SHELL"}, name


def test_no_secret_stands_in_an_environment(compose: dict[str, Any]) -> None:
    for service in compose["services"].values():
        for variable, value in service.get("environment", {}).items():
            if re.search("PASSWORD|SECRET|_URL", variable):
                assert variable.endswith("_FILE"), variable
                assert value.removeprefix("/run/secrets/") in service["secrets"]


def test_every_setting_exists_and_those_of_mail_come_from_the_env_file(compose: dict[str, Any]) -> None:
    mail = {f"LIMIT_AUDIT_SMTP_{name}" for name in ("HOST", "PORT", "SECURITY", "USER", "SENDER", "DOMAINS")}
    for name in ("api", "worker-light"):
        environment = compose["services"][name]["environment"]
        assert {variable for variable, value in environment.items() if value is None} == mail
        for variable in environment:
            field = variable.removeprefix("LIMIT_AUDIT_").removesuffix("_FILE").lower()
            assert field in Settings.model_fields, variable


def test_each_profile_brings_one_training_worker(compose: dict[str, Any]) -> None:
    profiles = {name: service.get("profiles") for name, service in compose["services"].items()}
    assert profiles["worker-gpu"] == ["gpu"]
    assert profiles["worker-train-cpu"] == ["cpu"]
    device = compose["services"]["worker-gpu"]["deploy"]["resources"]["reservations"]["devices"][0]
    assert (device["driver"], device["count"]) == ("nvidia", "all")


def test_the_api_image_has_all_of_models_that_the_api_may_import() -> None:
    copied = set(re.findall(r"^COPY (models/\S+)", stage("api"), re.MULTILINE))
    assert copied == {"models/__init__.py", *(name.replace(".", "/") for name in FREE)}


def test_the_api_image_holds_no_torch_and_both_run_without_root() -> None:
    assert not any("torch" in wanted for wanted in list_requirements(ROOT / "pyproject.toml", ["server"]))
    assert any("torch" in wanted for wanted in list_requirements(ROOT / "pyproject.toml", ["worker"]))
    assert "COPY worker" not in stage("api")
    for name in ("api", "worker"):
        assert "USER limit-audit" in stage(name)
        assert "HEALTHCHECK" in stage(name)


def test_the_ignore_file_lets_every_copied_path_through() -> None:
    allowed = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line[0] == "!"}
    copied = {
        path for line in re.findall(r"^COPY (.+) \S+$", DOCKERFILE, re.MULTILINE) for path in line.split()
    }
    assert allowed <= copied
    assert all(any(path == root or path.startswith(f"{root}/") for root in allowed) for path in copied)
    assert all((ROOT / path).exists() for path in copied)
