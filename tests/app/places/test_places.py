"""Pictures that stay where they lie: in a bucket (moto's S3 server), a folder, on a web server."""

import gzip
import http.server
import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar
from uuid import UUID, uuid4

import httpx
import numpy as np
import pytest
from fastapi.testclient import TestClient
from moto.server import ThreadedMotoServer
from sqlalchemy import select

from app.infra.database import Database
from app.infra.settings import Settings
from app.infra.storage import Storage
from app.routes.shared.callers import provide_settings
from app.tables import Dataset, FeatureSet, FeatureShard
from tests.app.places.hub_server import Hub, serve_hub
from tests.builders.pictures import encode_png
from tests.worker.job_steps import compute_features, plan_audit, read_row
from worker.ingest.ingestion_job import ingest
from worker.train.training_job import execute

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

    def show(self, dataset: dict[str, Any], key: str, variant: str = "original") -> Any:  # noqa: ANN401 - a client's answer
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
def served_hub() -> Iterator[Hub]:
    with serve_hub() as served:
        yield served


@pytest.fixture
def allowed(s3: str, served_hub: Hub, tmp_path: Path) -> dict[str, Any]:
    """Return the settings of places."""
    return {
        "place_folders": [tmp_path / "shared"],
        "place_endpoints": [s3],
        "hub_endpoint": served_hub.endpoint,
        "outbound_private": True,
    }


@pytest.fixture
def service(api: TestClient, database: Database, chosen: Settings, allowed: dict[str, Any]) -> Service:
    storage = Storage(chosen.storage_dir)
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
        httpx.request(method, address, content=content, headers=HEADERS, trust_env=False).raise_for_status()

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


@pytest.fixture
def hub(service: Service, served_hub: Hub) -> tuple[str, Put]:
    """Return a folder of a repository that only the workspace's token may read."""
    served_hub.token = uuid4().hex
    stored = service.api.put("/v1/hub-token", json={"token": served_hub.token})
    assert stored.status_code == 200, stored.text
    assert served_hub.token not in stored.text
    files = served_hub.repositories.setdefault("acme/flowers", {"README.md": b"# Flowers"})

    def put(name: str, content: bytes | None) -> None:
        if content is None:
            del files[f"data/{name}"]
        else:
            files[f"data/{name}"] = content

    return "hf://datasets/acme/flowers/data", put


@pytest.mark.parametrize("kind", ["bucket", "folder", "hub"])
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

    if kind == "folder":
        assert encode(service, first)["originals"] == CLASSES * EACH
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
    assert (lineage["origin"]["added"], lineage["origin"]["dropped"], lineage["origin"]["carried"]) == (
        3,
        2,
        1,
    )
    if kind == "folder":
        known = encode(service, second)["known"]
        assert known == CLASSES * EACH - 2, "what did not change is not encoded again"
    assert service.show(second, "class1/03.png").status_code == 200
    assert service.api.get(f"/v1/datasets/{second['id']}/exports/dataset").status_code == 200
    assert service.sync(first)["dataset_id"] == second["id"], "the newest that was read is compared"
    assert "flowers" in service.api.get(f"/datasets/{second['id']}").text


def encode(service: Service, dataset: dict[str, Any]) -> dict[str, Any]:
    """Compute the features of a dataset as an audit does, and return the report of its one shard."""
    row = read_row(service.database, Dataset, UUID(dataset["id"]))
    _, (run, *_) = plan_audit(
        service.database, row, network=None, input_size=None, backbone="efficientnet_lite0", epochs=1
    )
    execute(service.database, service.storage, service.settings, run.id)
    assert compute_features(service.database, service.storage, service.settings) == 1
    with service.database.transaction() as session:
        (found,) = session.scalars(select(FeatureSet).where(FeatureSet.dataset_id == row.id))
        (shard,) = session.scalars(select(FeatureShard).where(FeatureShard.set_id == found.id))
        assert shard.report is not None
        return shard.report


def review(service: Service, dataset: dict[str, Any], key: str) -> None:
    samples = service.api.get(f"/v1/datasets/{dataset['id']}/samples?limit=100").json()["items"]
    position = next(each["position"] for each in samples if each["key"] == key)
    saved = service.api.put(
        f"/v1/datasets/{dataset['id']}/samples/{position}/review", json={"verdict": "unsure"}
    )
    assert saved.status_code < 300, saved.text


def test_only_what_is_allowed_is_read(service: Service, folder: tuple[str, Put], tmp_path: Path) -> None:
    place, put = folder
    for name, content in make_pictures().items():
        put(name, content)
    secret = tmp_path / "secret.png"
    secret.write_bytes(encode_png(np.zeros((8, 8))))
    (Path(place) / "class0" / "linked.png").symlink_to(secret)
    (Path(place) / "class9").symlink_to(tmp_path)
    linked = tmp_path / "shared" / "out"
    linked.symlink_to(tmp_path / "elsewhere")
    foreign = "http://169.254.169.254/latest/list.csv"
    for refused in (
        str(tmp_path),
        f"{place}/../../elsewhere",
        str(linked),
        "ftp://host/x",
        "photos",
        foreign,
        "s3://host\\x/y",
        "hf://[",
        "http://[::1/x.csv",
    ):
        answer = service.api.post("/v1/datasets", json={"name": "flowers", "place": refused})
        assert answer.status_code == 422, refused
    dataset = service.add(place)
    assert dataset["sample_count"] == CLASSES * EACH, "links are not followed"
    problems = service.api.get(f"/v1/datasets/{dataset['id']}/problems").json()["items"]
    assert [(each["key"], each["code"]) for each in problems] == [
        ("class0/linked.png", "link_not_followed"),
        ("class9", "link_not_followed"),
    ]
    assert "left out: 2, such as" in str(dataset["understood"]["notes"])
    assert service.sync(dataset, only=True)["new"] == 0, "links are none of the files"
    moved = Path(place) / "class0" / "00.png"
    moved.unlink()
    moved.symlink_to(secret)
    assert service.show(dataset, "class0/00.png").json()["code"] == "original_gone"
    unknown = service.api.put("/v1/buckets/photographs", json={"endpoint": "http://127.0.0.1:1"})
    assert (unknown.status_code, unknown.json()["code"]) == (422, "unusable_place")
    region = service.api.put("/v1/buckets/photographs", json={"region": "example.org/#"})
    assert region.status_code == 422, "a region is no host"
    forbidden = service.settings.model_copy(update={"place_folders": []})
    service.api.app.dependency_overrides[provide_settings] = lambda: forbidden  # type: ignore[attr-defined]
    assert service.show(dataset, "class0/01.png").status_code == 422, "what is no longer allowed is not read"


class Handler(http.server.BaseHTTPRequestHandler):
    """Serves files by path, with ETags."""

    files: ClassVar[dict[str, bytes]] = {}
    compressed: ClassVar[set[str]] = set()
    """Paths that are sent as gzip, whatever was asked for."""

    def do_GET(self) -> None:
        content = self.files.get(self.path.lstrip("/").partition("?")[0])
        self.send_response(404 if content is None else 200)
        self.send_header("ETag", f'"{hash(content)}"')
        self.send_header("Content-Length", str(len(content or b"")))
        if self.path.lstrip("/") in self.compressed:
            self.send_header("Content-Encoding", "gzip")
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(content or b"")

    do_HEAD = do_GET

    def log_message(self, *_: object) -> None:
        """Print nothing."""


@pytest.fixture
def web() -> Iterator[tuple[str, dict[str, bytes]]]:
    Handler.files = {}
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}", Handler.files
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_list_of_addresses_is_read(service: Service, web: tuple[str, dict[str, bytes]]) -> None:
    address, files = web
    files |= {f"pictures/{name}": content for name, content in make_pictures().items()}
    names = sorted(files)
    written = [f"{address}/{name}?v=1" if number % 2 else f"../{name}" for number, name in enumerate(names)]
    rows = [f"{url},{name.split('/')[1]}" for url, name in zip(written, names, strict=True)]
    rows.append("http://169.254.169.254/latest/meta-data.png,class0")
    files["lists/list.csv"] = "\n".join(["url,label", *rows]).encode()
    dataset = service.add(f"{address}/lists/list.csv?token=hidden")
    assert (dataset["status"], dataset["sample_count"]) == ("ready", CLASSES * EACH), dataset["error"]
    assert dataset["place"]["url"].endswith("list.csv"), "a signature is not shown"
    problems = service.api.get(f"/v1/datasets/{dataset['id']}/problems").json()["items"]
    assert [each["code"] for each in problems] == ["forbidden_address"]
    del files[names[3]]
    files[names[4]] = encode_png(np.zeros((8, 8)))
    found = service.sync(dataset, only=True)
    assert [found[kind] for kind in ("new", "changed", "gone")] == [0, 1, 1]
    bare = [name.partition("?")[0] for name in written]
    assert found["examples"] == {"new": [], "changed": [bare[4]], "gone": [bare[3]]}


def test_signed_addresses_of_rows_are_shown_nowhere(
    service: Service, web: tuple[str, dict[str, bytes]]
) -> None:
    address, files = web
    files |= {f"pictures/{name}": content for name, content in make_pictures().items()}
    rows = [f"{address}/{name}?sig=ROWSECRET,{name.split('/')[1]}" for name in sorted(files)]
    rows.append(f"{address}/pictures/class1/00.png?sig=ROWSECRET&again=1,class1")
    rows.append(f"{address}/pictures/class1/gone.png?sig=ROWSECRET,class1")
    files["list.csv"] = "\n".join(["url,label", *rows]).encode()
    dataset = service.add(f"{address}/list.csv?sig=ROWSECRET")
    assert dataset["status"] == "ready", dataset["error"]
    samples = service.api.get(f"/v1/datasets/{dataset['id']}/samples?limit=100")
    keys = {each["key"] for each in samples.json()["items"]}
    assert {"class1/00.png", "class1/00.png~2"} <= keys, "the key is the path"
    problems = service.api.get(f"/v1/datasets/{dataset['id']}/problems")
    assert "original_gone" in problems.text
    assert "left out: 1, see" in str(dataset["understood"]["notes"])
    del files["pictures/class2/00.png"]
    found = service.sync(dataset, only=True)
    assert found["gone"] == 2, "the one that never was is not in its place either"
    missing = service.show(dataset, "class2/00.png")
    shown = [samples.text, problems.text, missing.text, str(found), str(service.read(dataset["id"]))]
    assert not [text for text in shown if "ROWSECRET" in text]


def test_a_table_that_was_never_there_is_not_said_to_be_gone(
    service: Service, web: tuple[str, dict[str, bytes]]
) -> None:
    dataset = service.add(f"{web[0]}/list.csv?sig=SECRET")
    assert dataset["status"] == "rejected"
    assert "the server has none" in dataset["error"]["detail"]
    assert "SECRET" not in str(dataset)


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/v1/hub-token", {"token": "hf_SECRET" * 100}),
        ("/v1/hub-token", {"tokens": "hf_SECRET"}),
        ("/v1/buckets/photographs", {"secret": ["hf_SECRET"]}),
        ("/v1/buckets/photographs", [{"secret": "hf_SECRET"}]),
        ("/v1/buckets/photographs", json.loads("[" * 800 + "]" * 800)),
    ],
)
def test_a_secret_that_is_refused_is_not_repeated(service: Service, path: str, body: object) -> None:
    answer = service.api.put(path, json=body)
    assert (answer.status_code, "SECRET" in answer.text) == (422, False)


def test_what_a_server_compresses_is_not_decompressed(
    service: Service, web: tuple[str, dict[str, bytes]], monkeypatch: pytest.MonkeyPatch
) -> None:
    address, files = web
    files["list.csv"] = gzip.compress(gzip.compress(b"url,label\n" * 1_000_000))
    monkeypatch.setattr(Handler, "compressed", {"list.csv"})
    dataset = service.add(f"{address}/list.csv")
    assert dataset["status"] == "rejected"
    assert "sent it compressed" in dataset["error"]["detail"]
