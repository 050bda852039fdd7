"""The service with its files in a bucket: API and workers share nothing but database, broker and bucket."""

import io
import time
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import psutil
import pyarrow as pa
import pytest
from pyarrow import parquet

from app.client import Audit, Client, Dataset
from app.embedded.child_processes import Part
from app.embedded.local_stack import LocalStack
from tests import patience
from tests.builders.pictures import write_digits_zip
from tests.end_to_end import buckets
from tests.end_to_end.buckets import Bucket

PREFIX = "some/prefix"
OTHER_HOSTS = ("worker-cpu", "worker-finish", "worker-light", "worker-train")
CLASSES, PER_CLASS = 4, 40
ROWS, COLUMNS = 12_000, 2_000
PACK_BYTES, PIECE_BYTES = ROWS * COLUMNS * 4, 2**23
QUICK: dict[str, Any] = {"method": "limit_g", "epochs": 2, "seed": 1, "folds": 1}


class Hosts(LocalStack):
    """A service whose workers keep files on disks of their own, as on other hosts."""

    def _spawn(self, name: str, command: list[str], **options: Any) -> Part:  # noqa: ANN401 - as in the base
        if name in OTHER_HOSTS:
            disk = {"LIMIT_AUDIT_STORAGE_DIR": str(self.data_dir / f"disk of {name}")}
            options["environment"] = {**self.environment, **disk}
        return super()._spawn(name, command, **options)


@pytest.fixture(scope="module")
def bucket() -> Iterator[Bucket]:
    with buckets.serving() as made:
        yield made


@pytest.fixture(scope="module")
def stack(open_folder: Path, bucket: Bucket) -> Iterator[LocalStack]:
    settings = {
        **bucket.settings(PREFIX),
        "LIMIT_AUDIT_CHECKPOINT_SECONDS": "2",
        "OMP_NUM_THREADS": "1",
    }
    with Hosts(open_folder / "bucket", overrides=settings) as running:
        yield running


@pytest.fixture
def client(stack: LocalStack) -> Iterator[Client]:
    with Client(stack.url) as opened:
        yield opened


def fetched(client: Client, path: str, **params: object) -> bytes:
    answer = httpx.get(f"{client.url}/v1{path}", params=params, timeout=patience.scale(120), trust_env=False)  # type: ignore[arg-type]
    assert answer.status_code == 200, answer.text
    return answer.content


def left_on_disks(stack: LocalStack) -> list[str]:
    """Return the files of all hosts that are no cache."""
    roots = [stack.data_dir / "files", *(stack.data_dir / f"disk of {name}" for name in OTHER_HOSTS)]
    files = [file.relative_to(root) for root in roots for file in root.rglob("*") if file.is_file()]
    return [str(file) for file in files if file.parts[0] not in {"cache", "locks"}]


def delete_all(client: Client, bucket: Bucket, dataset: Dataset, *audits: Audit) -> None:
    assert all(key.startswith(f"{PREFIX}/") for key in bucket.objects())
    for audit in audits:
        audit.delete()
    assert all("/audits/" not in key for key in bucket.objects())
    dataset.delete()
    assert bucket.objects() == []
    assert bucket.unfinished_uploads() == []
    assert list(client.audits()) == []


def test_pictures_from_upload_to_deletion(
    stack: LocalStack, client: Client, bucket: Bucket, tmp_path: Path
) -> None:
    file = write_digits_zip(tmp_path / "digits.zip", per_class=PER_CLASS, classes=CLASSES)
    dataset = client.upload(file, name="digits", progress=False).wait(progress=False)
    samples = f"/datasets/{dataset.id}/samples"
    assert left_on_disks(stack) == []

    # Two runs start from the network of each of two others: both fetch it, at about the same time.
    audit = dataset.audit(
        compare=["limit_g", "fw"], initialise="ce", repeats=2, epochs=2, network="mnist_cnn", input_size=28
    ).wait(progress=False)
    assert [run["status"] for run in audit["runs"]] == ["succeeded"] * len(audit["runs"])
    assert left_on_disks(stack) == []
    suspects = audit.suspects().first(20)
    worst = suspects[0]
    place = f"{samples}/{worst['position']}"
    assert fetched(client, f"{place}/image")[1:4] == b"PNG"
    assert fetched(client, f"{place}/image", variant="original") in _members(file).values()

    alike = client.get(f"/v1/audits/{audit.id}/samples/{worst['position']}/similar")
    assert len(alike["given"]["samples"]) == 6
    assert all(found["given_label"] == worst["given_label"] for found in alike["given"]["samples"])
    assert bucket.downloads("features.npy") == 1
    assert bucket.downloads("pack.npy") >= 1, "the worker's"

    relabelled, dropped = suspects[0], suspects[1]
    verdicts = [
        {"position": relabelled["position"], "verdict": "relabel", "label": relabelled["suggested_label"]},
        {"position": dropped["position"], "verdict": "drop"},
    ]
    assert audit.review(verdicts, reviewer="ada") == []
    labels = fetched(client, f"/datasets/{dataset.id}/exports/labels.csv")
    assert labels.count(b"\n") == CLASSES * PER_CLASS + 1
    assert dropped["key"].encode() in fetched(client, f"/datasets/{dataset.id}/exports/drops.csv")
    cleaned = _members(io.BytesIO(fetched(client, f"/datasets/{dataset.id}/exports/dataset")))
    assert len(cleaned) == CLASSES * PER_CLASS - 1
    assert set(cleaned.values()) <= set(_members(file).values())
    arrays = np.load(io.BytesIO(fetched(client, f"/datasets/{dataset.id}/exports/dataset", format="npz")))
    assert len(arrays["x"]) == len(arrays["y"]) == CLASSES * PER_CLASS - 1

    check_audit_files(client, audit)
    truth = "key,true_label\n" + "".join(f"{row['key']},{row['key'].split('/')[1][0]}\n" for row in suspects)
    (tmp_path / "truth.csv").write_text(truth)
    dataset.attach_truth(tmp_path / "truth.csv")
    _wait_for_truth(client, audit)
    assert left_on_disks(stack) == []
    delete_all(client, bucket, dataset, audit)


def _members(file: Path | io.BytesIO) -> dict[str, bytes]:
    with zipfile.ZipFile(file) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def check_audit_files(client: Client, audit: Audit) -> None:
    rows = CLASSES * PER_CLASS
    path = f"/audits/{audit.id}"
    assert fetched(client, f"{path}/ranking.csv").count(b"\r\n") == rows + 1
    table = parquet.read_table(pa.BufferReader(fetched(client, f"{path}/ranking.parquet")))
    assert table["rank"].to_pylist() == list(range(1, rows + 1))
    assert fetched(client, f"{path}/issues.csv").startswith(b'"kind"')
    report = fetched(client, f"{path}/exports/report.html").decode()
    assert report.count("data:image/png;base64,") >= 60
    assert client.get(f"/v1{path}/exports/label-studio.json")[0]["data"]["image"].startswith("data:image/png")
    assert b"<View>" in fetched(client, f"{path}/exports/label-studio.xml")
    arrays = np.load(io.BytesIO(fetched(client, f"{path}/exports/cleanlab.npz")))
    assert arrays["pred_probs"].shape == (rows, CLASSES)
    for figure in client.get(f"/v1{path}/figures"):
        assert b"<svg" in fetched(client, f"{path}/figures/{figure['name']}.svg")


def _wait_for_truth(client: Client, audit: Audit) -> None:
    deadline = time.monotonic() + patience.scale(60)
    while time.monotonic() < deadline:
        if b"true_label" in fetched(client, f"/audits/{audit.id}/ranking.csv")[:400]:
            return
        time.sleep(0.1)
    raise AssertionError("the ranking was not made anew")


def test_features_with_own_probabilities_and_a_pack_that_the_api_fetches_once(
    stack: LocalStack, client: Client, bucket: Bucket, tmp_path: Path
) -> None:
    rng = np.random.default_rng(0)
    labels = np.arange(ROWS) % CLASSES
    points = rng.normal(size=(ROWS, COLUMNS)).astype(np.float32) + 2 * np.eye(CLASSES, COLUMNS)[labels]
    np.savez(tmp_path / "points.npz", x=points.astype(np.float32), y=labels)
    dataset = client.upload(tmp_path / "points.npz", name="points", progress=False).wait(progress=False)

    probabilities = np.full((ROWS, CLASSES), 0.1, np.float32)
    probabilities[np.arange(ROWS), labels] = 0.7
    probabilities[7] = np.roll(probabilities[7], 1)
    np.savez(tmp_path / "mine.npz", probabilities=probabilities)
    sent = httpx.put(
        f"{client.url}/v1/datasets/{dataset.id}/probabilities",
        content=(tmp_path / "mine.npz").read_bytes(),
        timeout=patience.scale(60),
        trust_env=False,
    )
    assert sent.json() == {"attached": ROWS}
    ranked = dataset.audit(method="probabilities").wait(progress=False)
    (worst,) = ranked.suspects().first(1)
    assert worst["position"] == 7

    api = psutil.Process(stack.find_part("api").process.pid)
    before, held = bucket.downloads("pack.npy"), _own_memory(api)
    for position in (7, 8, 9):
        alike = client.get(f"/v1/audits/{ranked.id}/samples/{position}/similar")
        assert np.allclose(alike["features"], points[position], atol=1e-6)
    for _ in range(2):
        arrays = np.load(io.BytesIO(fetched(client, f"/datasets/{dataset.id}/exports/dataset", format="npz")))
        assert np.array_equal(arrays["x"], points.astype(np.float32))
    assert bucket.downloads("pack.npy") - before == -(-PACK_BYTES // PIECE_BYTES), "once, in pieces"
    assert _own_memory(api) - held < PACK_BYTES / 2

    trained = dataset.audit(**QUICK).wait(progress=False)
    assert trained["summary"] is not None
    assert left_on_disks(stack) == []
    delete_all(client, bucket, dataset, ranked, trained)


def _own_memory(process: psutil.Process) -> int:
    """Return the bytes that a process holds for itself; pages of mapped files are the kernel's."""
    memory = process.memory_info()
    return int(memory.rss - memory.shared)


def test_a_rejected_upload_leaves_nothing_on_the_worker_s_disk(
    stack: LocalStack, client: Client, bucket: Bucket, tmp_path: Path
) -> None:
    (tmp_path / "broken.zip").write_bytes(write_digits_zip(tmp_path / "digits.zip").read_bytes()[:-2000])
    dataset = client.upload(tmp_path / "broken.zip", name="broken", progress=False)
    while dataset.refresh().status == "ingesting":
        time.sleep(0.1)
    assert dataset.status == "rejected"
    assert left_on_disks(stack) == []
    delete_all(client, bucket, dataset)
