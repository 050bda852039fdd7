"""Storage in a bucket, on a real S3 server (moto's) on loopback; the folder behaves the same."""

import os
import shutil
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from uuid import UUID, uuid4

import httpx
import pytest
from fastapi.testclient import TestClient
from moto.server import ThreadedMotoServer

from app.infra.bucket import Bucket
from app.infra.database import Database
from app.infra.queue import Task
from app.infra.settings import Settings
from app.infra.storage import PACK, Storage
from app.tables import Dataset
from tests.builders.pictures import write_digits_zip
from worker.finish.finishing_job import finish
from worker.ingest.ingestion_job import ingest
from worker.train.training_job import execute

pytestmark = pytest.mark.service

LARGE = 12_000_000  # more than one part of a multipart upload
HEADERS = {"Authorization": "AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/s3/aws4_request"}


@pytest.fixture(scope="module")
def s3() -> Iterator[str]:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def bucket_name(s3: str) -> str:
    name = f"audits-{uuid4().hex}"
    httpx.put(f"{s3}/{name}", headers=HEADERS, trust_env=False).raise_for_status()
    return name


@pytest.fixture
def bucket(s3: str, bucket_name: str) -> Bucket:
    secret = uuid4().hex  # the server takes any
    return Bucket(
        f"s3://{bucket_name}/some/prefix", endpoint=s3, region="us-east-1", key_id="test", secret=secret
    )


def keys(s3: str, bucket_name: str) -> list[str]:
    """List a bucket without our own code."""
    answer = httpx.get(f"{s3}/{bucket_name}?list-type=2", headers=HEADERS, trust_env=False)
    return [part.split("</Key>")[0] for part in answer.text.split("<Key>")[1:]]


@pytest.fixture(params=["folder", "bucket"])
def either(request: pytest.FixtureRequest, tmp_path: Path) -> Storage:
    bucket = request.getfixturevalue("bucket") if request.param == "bucket" else None
    return Storage(tmp_path / "files", bucket, cache_bytes=10**9)


def write(path: Path, content: bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
    return path


def test_a_published_file_is_read_whole_in_ranges_and_as_a_stream(either: Storage) -> None:
    content = os.urandom(LARGE)
    path = write(either.locate_upload(uuid4(), "a b%ä.zip"), content)
    either.publish(path)
    assert either.is_local == path.exists()
    assert either.exists(path)
    assert either.measure_size(path) == LARGE
    assert either.read(path, start=5, length=7) == content[5:12]
    assert either.read(path, start=LARGE - 3, length=100) == content[-3:]
    assert b"".join(either.stream(path)) == content
    blocks = list(either.stream(path, start=1, stop=LARGE - 1))
    assert b"".join(blocks) == content[1:-1]
    assert len(blocks) > 1
    with either.open(path) as opened:
        assert opened.read() == content
    fetched = either.fetch(path, either.root / "mine")
    assert fetched.read_bytes() == content
    assert either.is_local == (fetched == path)


def test_a_missing_file_is_missing_and_removing_it_is_fine(either: Storage) -> None:
    path = either.locate_audit(uuid4()) / "nothing"
    assert not either.exists(path)
    with pytest.raises(FileNotFoundError):
        either.fetch(path, either.root / "mine")
    with pytest.raises(FileNotFoundError):
        either.open(path)
    with pytest.raises(FileNotFoundError):
        either.fetch_cached(path, name="nothing").open()
    with pytest.raises(FileNotFoundError):
        either.read(path, start=0, length=1)
    either.remove(path)
    either.check()


def test_removing_a_folder_removes_all_below_it_and_nothing_beside_it(either: Storage) -> None:
    audit = either.locate_audit(uuid4())
    beside = write(audit.with_name(f"{audit.name}-2") / "x", b"1")
    inside = [write(audit / name, b"2") for name in ("a", "runs/0/b")]
    for path in [beside, *inside]:
        either.publish(path)
    either.remove(audit)
    assert [either.exists(path) for path in inside] == [False, False]
    assert either.exists(beside)


def test_a_folder_that_is_deleted_while_files_are_looked_for_does_not_end_the_search(tmp_path: Path) -> None:
    storage = Storage(tmp_path / "files")
    folders = [write(storage.locate_incoming(UUID(int=number), ".x"), b"1").parent for number in range(3)]
    search = storage.find("datasets/*/incoming/.*")
    first, found = next(search)
    assert found.st_size == 1
    folders.remove(first.parent)
    shutil.rmtree(folders[0].parent)
    assert [path for path, _ in search] == [folders[1] / ".x"]


def dataset_with_pack(storage: Storage, *, sha256: str, content: bytes = b"pixels") -> Dataset:
    dataset = Dataset(id=uuid4(), pack_sha256=sha256)
    for name, data in ((PACK, content), ("labels.npy", dataset.id.bytes)):
        storage.publish(write(storage.locate_pack(dataset.id) / name, data))
    return dataset


def test_packs_are_cached_by_content(bucket: Bucket, tmp_path: Path) -> None:
    storage = Storage(tmp_path / "files", bucket, cache_bytes=10**9)
    first, second = (dataset_with_pack(storage, sha256="aa") for _ in range(2))
    pack = storage.fetch_pack_file(first, PACK)
    bucket.remove(storage.locate_pack(second.id).relative_to(storage.root).as_posix() + f"/{PACK}")
    assert storage.fetch_pack_file(second, PACK) == pack, "the same content is not fetched twice"
    assert storage.fetch_pack_file(first, "labels.npy").read_bytes() == first.id.bytes
    assert storage.fetch_pack_file(second, "labels.npy").read_bytes() == second.id.bytes


def test_the_cache_lets_go_of_what_was_used_longest_ago(bucket: Bucket, tmp_path: Path) -> None:
    storage = Storage(tmp_path / "files", bucket, cache_bytes=250)
    datasets = [dataset_with_pack(storage, sha256=name, content=bytes(100)) for name in ("aa", "bb", "cc")]
    first, second, third = (storage.root / "cache" / name for name in ("aa", "bb", "cc"))
    for age, dataset in ((300, datasets[0]), (200, datasets[1])):
        path = storage.fetch_pack_file(dataset, PACK)
        os.utime(path, (path.stat().st_mtime - age,) * 2)
    storage.fetch_pack_file(datasets[0], PACK)  # used again: the second is older now
    storage.fetch_pack_file(datasets[2], PACK)
    assert (first.exists(), second.exists(), third.exists()) == (True, False, True)
    storage.fetch_pack_file(datasets[1], PACK)
    assert (first.exists(), third.exists()) == (True, True), "both were asked for a moment ago"


def test_whoever_asks_for_the_same_file_at_once_waits_for_one_download(
    bucket: Bucket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    storages = [Storage(tmp_path / "files", bucket, cache_bytes=10**9) for _ in range(4)]
    dataset = dataset_with_pack(storages[0], sha256="aa")
    downloads: list[str] = []
    get = bucket.get

    def slowly(key: str, path: Path) -> None:
        downloads.append(key)
        time.sleep(0.2)
        get(key, path)

    monkeypatch.setattr(bucket, "get", slowly)
    with ThreadPoolExecutor() as threads:
        found = list(
            threads.map(lambda storage: storage.fetch_pack_file(dataset, PACK).read_bytes(), storages)
        )
    assert found == [b"pixels"] * 4
    assert len(downloads) == 1


@pytest.mark.parametrize("url", ["https://x/y", "s3://", "bucket"])
def test_a_bucket_must_be_named_as_one(url: str) -> None:
    with pytest.raises(ValueError, match="s3://bucket"):
        Bucket(url)


class TestService:
    """The whole life of a dataset with its files in a bucket."""

    @pytest.fixture
    def storage(self, bucket: Bucket, tmp_path: Path) -> Storage:
        return Storage(tmp_path / "files", bucket, cache_bytes=10**9)

    def test_upload_audit_downloads_and_an_empty_bucket_afterwards(  # noqa: PLR0917 - fixtures
        self,
        api: TestClient,
        database: Database,
        storage: Storage,
        chosen: Settings,
        sent: list[tuple[Task, UUID]],
        tmp_path: Path,
        s3: str,
        bucket_name: str,
    ) -> None:
        dataset = api.post("/v1/datasets", json={"name": "digits"}).json()
        body = write_digits_zip(tmp_path / "digits.zip").read_bytes()
        api.put(f"/v1/datasets/{dataset['id']}/files/digits.zip", content=body).raise_for_status()
        ingest(database, storage, chosen, UUID(dataset["id"]))
        files_here = [path for path in storage.root.rglob("*") if path.is_file()]
        assert files_here == [], "the workspace keeps nothing of what the bucket holds"

        for variant in ("pack", "original"):
            picture = api.get(f"/v1/datasets/{dataset['id']}/samples/3/image", params={"variant": variant})
            assert picture.headers["content-type"] == "image/png"

        settings = {"network": "mnist_cnn", "input_size": 28, "epochs": 1, "method": "limit_g"}
        request = {"dataset_id": dataset["id"], "configuration": settings}
        audit = api.post("/v1/audits", json=request).raise_for_status().json()
        run_id = next(identifier for task, identifier in sent if task == Task.TRAIN)
        execute(database, storage, chosen, run_id)
        finish(database, storage, UUID(audit["id"]))
        self.check_download(api, f"/v1/audits/{audit['id']}/ranking.csv")

        assert api.get("/v1/health/ready").json()["checks"]["storage"] == "ok"
        assert any("some/prefix/audits/" in key for key in keys(s3, bucket_name))
        api.delete(f"/v1/audits/{audit['id']}").raise_for_status()
        api.delete(f"/v1/datasets/{dataset['id']}").raise_for_status()
        assert keys(s3, bucket_name) == []

    def check_download(self, api: TestClient, url: str) -> None:
        whole = api.get(url)
        assert whole.text.count("\r\n") == 121
        assert whole.headers["content-length"] == str(len(whole.content))
        part = api.get(url, headers={"Range": "bytes=10-19"})
        assert (part.status_code, part.content) == (206, whole.content[10:20])
        assert part.headers["content-range"] == f"bytes 10-19/{len(whole.content)}"
        assert api.get(url, headers={"Range": "bytes=-5"}).content == whole.content[-5:]
        assert api.get(url, headers={"Range": "bytes=900000-"}).status_code == 416
        assert api.get(url, headers={"Range": "bytes=0-4", "If-Range": '"old"'}).content == whole.content
        assert api.get(url, headers={"If-None-Match": whole.headers["etag"]}).status_code == 304
        head = api.head(url)
        assert (head.headers["content-length"], head.content) == (str(len(whole.content)), b"")
