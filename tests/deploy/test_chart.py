"""What the Helm chart promises, as far as it needs no Helm; `make chart` renders and validates it."""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml
from fastapi.testclient import TestClient
from sqlalchemy import text

from app.infra.database import Database
from app.infra.queue import Queue
from app.infra.settings import Settings

ROOT = Path(__file__).parents[2]
CHART = ROOT / "deploy" / "helm" / "limit-audit"
TEMPLATES = {file.name: file.read_text() for file in (CHART / "templates").iterdir()}


@pytest.fixture(scope="module")
def values() -> dict[str, Any]:
    return yaml.safe_load((CHART / "values.yaml").read_text())  # type: ignore[no-any-return]


def test_the_chart_has_the_version_of_the_project() -> None:
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text())
    project = re.search(r'^version = "(.*)"', (ROOT / "pyproject.toml").read_text(), flags=re.MULTILINE)
    assert project is not None
    assert {chart["version"], chart["appVersion"]} == {project.group(1)}


def test_workers_take_the_queues_that_exist(values: dict[str, Any]) -> None:
    compose = yaml.safe_load((ROOT / "docker-compose.yml").read_text())["services"]
    for name, worker in values["workers"].items():
        command = compose[f"worker-{name}"]["command"]
        assert worker["application"] in command
        assert worker["queue"] in command
    trained_or_beaten = {Queue.TRAIN, Queue.CONTROL}
    assert {worker["queue"] for worker in values["workers"].values()} == set(Queue) - trained_or_beaten


def test_every_setting_and_path_that_is_named_exists(api: TestClient) -> None:
    written = "\n".join(TEMPLATES.values())
    for name in re.findall(r"LIMIT_AUDIT_([A-Z_]+)", written):
        assert name.removesuffix("_FILE").lower() in Settings.model_fields, name
    paths = set(re.findall(r"httpGet: \{path: ([^,]+),", written))
    assert paths == {"/v1/health/live", "/v1/health/ready"}
    assert api.get("/v1/health/live").status_code == 200


def test_no_secret_stands_in_an_environment() -> None:
    for variable, value in re.findall(
        r"name: (LIMIT_AUDIT_\w+), value: (\S+?)\}", "\n".join(TEMPLATES.values())
    ):
        if re.search("DATABASE_URL|BROKER_URL|KEY_ID|SECRET", variable):
            assert variable.endswith("_FILE")
            assert value.startswith("/run/secrets/limit-audit/")


def test_the_queries_that_scale_count_work(values: dict[str, Any], database: Database) -> None:
    training = re.search(r"^SELECT .*\{\{ \$where \}\}.*$", TEMPLATES["_helpers.tpl"], flags=re.MULTILINE)
    assert training is not None
    queries = [worker["waiting"] for worker in values["workers"].values() if "waiting" in worker]
    queries += [
        training.group().replace("{{ $where }}", each) for each in ("", " AND queue IN ('train.gpu')")
    ]
    with database.transaction() as session:
        assert [session.scalar(text(query)) for query in queries] == [0, 0, 0]
