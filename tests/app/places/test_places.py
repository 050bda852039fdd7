"""Datasets whose pictures stay where they lie: a bucket (moto's S3 server), a folder, a list on a web server."""

import http.server
import os
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, ClassVar
from uuid import UUID, uuid4

import httpx
import numpy as np
import pytest
from fastapi.testclient import TestClient
from moto.server import ThreadedMotoServer

from app.infra.database import Database
from app.infra.settings import Settings
from app.infra.storage import Storage
from app.routes.shared.callers import provide_settings
from app.tables import Dataset
from tests.builders.pictures import encode_png
from tests.worker.job_steps import compute_features, plan_audit
from worker.ingest.ingestion_job import ingest

pytestmark = pytest.mark.service

HEADERS = {"Authorization": "AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/s3/aws4_request"}
CLASSES, EACH = 3, 12
Put = Callable[[str, bytes | None], None]
"""Stores a file in a place under a name; None deletes it."""


def make_pictures(seed: int = 0) -> dict[str, bytes]:
    """Return small pictures by name, in class folders."""
    drawn = np.random.default_rng(seed)
    return {
        f"class{label}/{number:02}.png": encode_png(drawn.integers(0, 80, (8, 8)) + 80 * label)
        for label in range(CLASSES)
        for number in range(EACH)
    }


@dataclass(frozen=True, kw_only=True)
class Service:
    """The API and the jobs behind it."""

    api: TestClient
    database: Database
    storage: Storage
    settings: Settings

    def add(self, place: str, **options: object) -> dict[str, Any]:
        made = self.api.post("/v1/datasets", json={"name": "flowers", "place": place, **options})
        assert made.status_code == 201, made.text
        return self.read(made.json()["id"])

    def read(self, dataset_id: str) -> dict[str, Any]:
        ingest(self.database, self.storage, self.settings, UUID(dataset_id))
        answer: dict[str, Any] = self.api.get(f"/v1/datasets/{dataset_id}").json()
        return answer

    def sync(self, dataset: dict[str, Any], *, only: bool = False) -> dict[str, Any]:
        answer = self.api.post(f"/v1/datasets/{dataset['id']}/sync?compare_only={only}")
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    def show(self, dataset: dict[str, Any], key: str, variant: str = "original") -> httpx.Response:
        samples = self.api.get(f"/v1/datasets/{dataset['id']}/samples?limit=100").json()["items"]
        position = next(each["position"] for each in samples if each["key"] == key)
        return self.api.get(f"/v1/datasets/{dataset['id']}/samples/{position}/image?variant={variant}")


@pytest.fixture(scope="module")
def s3() -> Iterator[str]:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def service(
    api: TestClient, database: Database, storage: Storage, chosen: Settings, s3: str, tmp_path: Path
) -> Service:
    allowed = {"place_folders": [tmp_path / "shared"], "place_endpoints": [s3], "outbound_private": True}
    settings = chosen.model_copy(update=allowed)
    api.app.dependency_overrides[provide_settings] = lambda: settings  # type: ignore[attr-defined]
    return Service(api=api, database=database, storage=storage, settings=settings)


@pytest.fixture
def bucket(service: Service, s3: str) -> tuple[str, Put]:
    """Return a place in a new bucket that the workspace has a key for."""
    name = f"photographs-{uuid4().hex}"
    httpx.put(f"{s3}/{name}", headers=HEADERS, trust_env=False).raise_for_status()

    def put(key: str, content: bytes | None) -> None:
        method, address = ("DELETE" if content is None else "PUT"), f"{s3}/{name}/flowers/{key}"
        httpx.request(
            method, address, content=content, headers=HEADERS, trust_env=False
        ).raise_for_status()

    access = {"endpoint": s3, "key_id": "test", "secret": uuid4().hex}
    stored = service.api.put(f"/v1/buckets/{name}", json=access)
    assert stored.status_code == 200, stored.text
    assert access["secret"] not in stored.text
    return f"s3://{name}/flowers", put


@pytest.fixture
def folder(tmp_path: Path) -> tuple[str, Put]:
    place = tmp_path / "shared" / "flowers"

    def put(name: str, content: bytes | None) -> None:
        file = place / name
        if content is None:
            file.unlink()
            return
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)

    return str(place), put


@pytest.mark.parametrize("kind", ["bucket", "folder"])
def test_a_place_is_read_and_synchronised(
    service: Service, kind: str, request: pytest.FixtureRequest
) -> None:
    place, put = request.getfixturevalue(kind)
    pictures = make_pictures()
    for name, content in pictures.items():
        put(name, content)
    first = service.add(place)
    assert (first["status"], first["sample_count"]) == ("ready", CLASSES * EACH), first["error"]
    assert first["place"] == {"kind": kind, "url": place}
    assert first["files"] == []
    assert not (service.storage.locate_dataset(UUID(first["id"])) / "files").exists(), "nothing is copied"
    assert service.show(first, "class1/03.png").content == pictures["class1/03.png"]
    assert service.show(first, "class1/03.png", "display").content == pictures["class1/03.png"]
    assert service.sync(first)["version"] is None

    encode(service, first)
    review(service, first, "class0/00.png")
    put("class0/05.png", pictures["class0/05.png"])  # copied anew, the same bytes
    put("class1/03.png", encode_png(np.full((8, 8), 7)))
    put("class2/00.png", None)
    for number in range(EACH, EACH + 2):
        put(f"class2/{number}.png", make_pictures(1)["class2/01.png"][:-1] + bytes([number]))
    compared = service.sync(first, only=True)
    counts = {"new": 2, "changed": 1, "gone": 1, "unchanged": CLASSES * EACH - 2}
    assert {name: compared[name] for name in counts} == counts
    assert compared["examples"] == {
        "new": ["class2/12.png", "class2/13.png"],
        "changed": ["class1/03.png"],
        "gone": ["class2/00.png"],
    }
    assert compared["version"] is None
    for variant in ("original", "display"):
        changed, gone = (service.show(first, key, variant) for key in ("class1/03.png", "class2/00.png"))
        assert (changed.status_code, changed.json()["code"]) == (409, "original_changed")
        assert (gone.status_code, gone.json()["code"]) == (410, "original_gone")
    assert service.show(first, "class0/05.png").content == pictures["class0/05.png"]
    export = service.api.get(f"/v1/datasets/{first['id']}/exports/dataset")
    assert export.status_code == 409, "the old labels never go with the new bytes"

    second = service.read(service.sync(first)["version"]["id"])
    assert second["sample_count"] == CLASSES * EACH + 1
    lineage = second["lineage"]
    assert (lineage["version"], lineage["parent_id"]) == (2, first["id"])
    assert lineage["origin"]["place"] == {"new": 2, "changed": 1, "gone": 1}
    assert (lineage["origin"]["added"], lineage["origin"]["dropped"], lineage["origin"]["carried"]) == (3, 2, 1)
    assert service.show(second, "class1/03.png").status_code == 200
    assert service.api.get(f"/v1/datasets/{second['id']}/exports/dataset").status_code == 200
    assert service.sync(first)["dataset_id"] == second["id"], "the newest that was read is compared"
    assert "flowers" in service.api.get(f"/datasets/{second['id']}").text


def encode(service: Service, dataset: dict[str, Any]) -> None:
    """Compute the features of a dataset."""


def review(service: Service, dataset: dict[str, Any], key: str) -> None:
    samples = service.api.get(f"/v1/datasets/{dataset['id']}/samples?limit=100").json()["items"]
    position = next(each["position"] for each in samples if each["key"] == key)
    saved = service.api.put(
        f"/v1/datasets/{dataset['id']}/samples/{position}/review", json={"verdict": "unsure"}
    )
    assert saved.status_code < 300, saved.text
