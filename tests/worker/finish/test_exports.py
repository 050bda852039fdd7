"""Every format there and back: read, reviewed, exported as it came, read again."""

import csv
import gzip
import io
import json
import pickle
import struct
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from uuid import UUID

import numpy as np
import pyarrow as pa
import pytest
from fastapi.testclient import TestClient
from pyarrow import parquet

from app.datasets import dataset_service
from app.infra.database import Database
from app.infra.settings import Settings
from app.infra.storage import Storage
from app.tables import Dataset, DatasetStatus
from tests.builders.pictures import encode_png
from tests.builders.stored_rows import store_finished_audit
from worker.ingest.ingestion_job import ingest

COUNT = 12
PIXELS = np.random.default_rng(0).integers(0, 256, (COUNT, 8, 8), dtype=np.uint8)
NAMES = ["ant", "bee", "cat"]
TEXTS = [NAMES[number % 3] for number in range(COUNT)]
NUMBERS = np.arange(COUNT) % 3
RELABELLED, DROPPED = 1, 4
Write = Callable[[Path], list[Path]]


def archive(path: Path, members: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> list[Path]:
    with zipfile.ZipFile(path, "w", method) as opened:
        for name, content in members.items():
            opened.writestr(name, content)
    return [path]


def tarred(path: Path, members: dict[str, bytes]) -> list[Path]:
    with tarfile.open(path, "w:gz" if path.suffix == ".gz" else "w") as opened:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            opened.addfile(info, io.BytesIO(content))
    return [path]


def folders(root: str = "", *, same_name: bool = False) -> dict[str, bytes]:
    """Class folders; with `same_name` every class has its own 0.png, 1.png, ..."""
    return {
        f"{root}{label}/{number // 3 if same_name else number}.png": encode_png(PIXELS[number])
        for number, label in enumerate(TEXTS)
    }


def manifest(path: Path) -> list[Path]:
    lines = ["file_name,label,true_label,split,id"]
    lines += [
        f"images/{number}.png,{label},{label},{'test' if number > 9 else 'train'},r{number}"
        for number, label in enumerate(TEXTS)
    ]
    pictures = {f"images/{number}.png": encode_png(PIXELS[number]) for number in range(COUNT)}
    return archive(path / "data.zip", {"metadata.csv": "\n".join(lines).encode(), **pictures})


def list_files(path: Path) -> list[Path]:
    lists = {
        f"{split}.txt": "".join(f"images/{n}.png {TEXTS[n]}\n" for n in numbers).encode()
        for split, numbers in (("train", range(9)), ("test", range(9, COUNT)))
    }
    return archive(
        path / "data.zip", {**{f"images/{n}.png": encode_png(PIXELS[n]) for n in range(COUNT)}, **lists}
    )


def npz(path: Path, **arrays: object) -> list[Path]:
    np.savez_compressed(path / "data.npz", **arrays)  # type: ignore[arg-type]
    return [path / "data.npz"]


def table(path: Path, *, name: str = "data.csv") -> list[Path]:
    """Write a CSV with a broken line, an empty one, and one that ingestion leaves out."""
    lines = [f"{number};{number / 2};{label};k{number}" for number, label in enumerate(TEXTS)]
    lines[6:6] = [";;ant;gone", ""]
    data = "\n".join(["a;b;label;id", *lines[:2], "broken;1", *lines[2:]]).encode()
    (path / name).write_bytes(gzip.compress(data) if name.endswith(".gz") else data)
    return [path / name]


def frame(path: Path) -> list[Path]:
    columns = {"a": np.arange(COUNT) * 1.5, "b": np.arange(COUNT), "target": TEXTS}
    parquet.write_table(pa.table(columns), path / "data.parquet")
    return [path / "data.parquet"]


def hugging_face(path: Path) -> list[Path]:
    info = {"info": {"features": {"label": {"names": NAMES, "_type": "ClassLabel"}}}}
    schema = pa.schema(
        [("image", pa.struct([("bytes", pa.binary()), ("path", pa.string())])), ("label", pa.int64())],
        metadata={"huggingface": json.dumps(info)},
    )
    shards = []
    for split, numbers in (("train", range(8)), ("test", range(8, COUNT))):
        pictures = [{"bytes": encode_png(PIXELS[n]), "path": f"{n}.png"} for n in numbers]
        shard = path / f"{split}-00000-of-00001.parquet"
        parquet.write_table(
            pa.table({"image": pictures, "label": [int(NUMBERS[n]) for n in numbers]}, schema), shard
        )
        shards.append(shard)
    return shards


def idx(path: Path) -> list[Path]:
    files = []
    for prefix, part in (("train", slice(8)), ("t10k", slice(8, None))):
        for kind, array in (("images-idx3", PIXELS[part]), ("labels-idx1", NUMBERS[part].astype(np.uint8))):
            head = struct.pack(f">4B{array.ndim}I", 0, 0, 8, array.ndim, *array.shape)
            files.append(path / f"{prefix}-{kind}-ubyte.gz")
            files[-1].write_bytes(gzip.compress(head + array.tobytes()))
    return files


COLOURS = np.random.default_rng(1).integers(0, 256, (COUNT, 32, 32, 3), dtype=np.uint8)
PLANES = COLOURS.transpose(0, 3, 1, 2).reshape(COUNT, -1)


def cifar_python(path: Path) -> list[Path]:
    batch = {b"data": PLANES, b"labels": NUMBERS.tolist(), b"filenames": [f"{n}.png" for n in range(COUNT)]}
    (path / "data_batch_1").write_bytes(pickle.dumps(batch, protocol=2))
    (path / "batches.meta").write_bytes(pickle.dumps({b"label_names": [n.encode() for n in NAMES]}))
    return [path / "data_batch_1", path / "batches.meta"]


def cifar_binary(path: Path) -> list[Path]:
    records = np.concatenate([NUMBERS.astype(np.uint8)[:, None], PLANES], axis=1)
    (path / "data_batch_1.bin").write_bytes(records.tobytes())
    return [path / "data_batch_1.bin"]


FORMATS: dict[str, Write] = {
    "class_folders_deflated": lambda path: archive(path / "data.zip", folders("pets/")),
    "class_folders_stored": lambda path: archive(path / "data.zip", folders(), zipfile.ZIP_STORED),
    "class_folders_split": lambda path: archive(path / "data.zip", folders("pets/train/")),
    "class_folders_same_names": lambda path: archive(path / "data.zip", folders(same_name=True)),
    "class_folders_tar": lambda path: tarred(path / "data.tar", folders("pets/")),
    "class_folders_tar_gz": lambda path: tarred(path / "data.tar.gz", folders("./pets/")),
    "manifest": manifest,
    "list_files": list_files,
    "npz_text": lambda path: npz(path, x=PIXELS, y=np.array(TEXTS), other=np.arange(3)),
    "npz_numbered": lambda path: npz(
        path, images=PIXELS, labels=NUMBERS, class_names=np.array(NAMES), ids=np.arange(COUNT) + 100
    ),
    "npz_fortran": lambda path: npz(path, x=np.asfortranarray(np.arange(24.0).reshape(12, 2)), y=NUMBERS + 5),
    "csv": table,
    "csv_gz": lambda path: table(path, name="data.csv.gz"),
    "parquet_features": frame,
    "parquet_images": hugging_face,
    "idx": idx,
    "cifar_python": cifar_python,
    "cifar_binary": cifar_binary,
}


class Service:
    """What the tests ask of the service."""

    def __init__(self, api: TestClient, database: Database, storage: Storage, chosen: Settings) -> None:
        self.api, self.database, self.storage, self.chosen = api, database, storage, chosen

    def read(self, files: list[Path], **options: object) -> Dataset:
        with self.database.transaction() as session:
            dataset = dataset_service.create(session, name="data.zip", options=options)
            for file in files:
                dataset_service.put_file(
                    session, dataset, name=file.name, size=file.stat().st_size, sha256=""
                )
                target = self.storage.locate_upload(dataset.id, file.name)
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(file.read_bytes())
            session.flush()
            dataset_service.start_ingestion(session, dataset)
        ingest(self.database, self.storage, self.chosen, dataset.id)
        with self.database.transaction() as session:
            found = session.get_one(Dataset, dataset.id)
            assert found.status == DatasetStatus.READY, found.error
        return found

    def review(self, dataset: Dataset, position: int, verdict: str, label: str | None = None) -> None:
        body = {"verdict": verdict, "reviewer": "ada", **({"label": label} if label else {})}
        answer = self.api.put(f"/v1/datasets/{dataset.id}/samples/{position}/review", json=body)
        assert answer.status_code == 200, answer.json()

    def make_version(self, dataset: Dataset, **body: object) -> Dataset:
        answer = self.api.post(f"/v1/datasets/{dataset.id}/versions", json=body)
        assert answer.status_code == 202, answer.json()
        ingest(self.database, self.storage, self.chosen, UUID(answer.json()["id"]))
        with self.database.transaction() as session:
            found = session.get_one(Dataset, UUID(answer.json()["id"]))
            assert found.status == DatasetStatus.READY, found.error
        return found

    def export(self, dataset: Dataset, folder: Path, name: str = "dataset", **params: str) -> Path:
        answer = self.api.get(f"/v1/datasets/{dataset.id}/exports/{name}", params=params)
        assert answer.status_code == 200, answer.json()
        target = folder / answer.headers["content-disposition"].partition('filename="')[2].partition('"')[0]
        target.write_bytes(answer.content)
        return target

    def content(self, dataset: Dataset) -> tuple[list[str], list[str], list[str | None], np.ndarray]:
        """Return keys, labels, splits and the pack."""
        folder = self.storage.locate_pack(dataset.id)
        rows = parquet.read_table(folder / "samples.parquet")
        names = dataset.class_names or []
        labels = [names[label] for label in rows["given_label"].to_pylist()]
        return rows["key"].to_pylist(), labels, rows["split"].to_pylist(), np.load(folder / "pack.npy")


@pytest.mark.parametrize(
    ("text", "name"),
    [("\n\n{rows}", "data-corrected.jsonl"), (" [{rows}]", "data-corrected.json")],
)
def test_json_comes_back_with_the_ending_of_what_it_is(
    service: Service, tmp_path: Path, text: str, name: str
) -> None:
    separator = ",\n" if "[" in text else "\n"
    rows = separator.join(json.dumps({"a": n, "b": n / 2, "label": label}) for n, label in enumerate(TEXTS))
    file = tmp_path / "data.json"
    file.write_text(text.replace("{rows}", rows))
    dataset = service.read([file])
    written = service.export(dataset, tmp_path)
    assert (written.name, written.read_text()) == (name, file.read_text())


def lines(file: Path) -> list[dict[str, str]]:
    with file.open(newline="") as opened:
        return list(csv.DictReader(opened))


@pytest.fixture
def service(api: TestClient, database: Database, storage: Storage, chosen: Settings) -> Service:
    return Service(api, database, storage, chosen)


def corrected(service: Service, dataset: Dataset) -> str:
    """Review four samples and return the new label of the relabelled one."""
    _, labels, _, _ = service.content(dataset)
    new = next(name for name in reversed(dataset.class_names or []) if name != labels[RELABELLED])
    service.review(dataset, RELABELLED, "relabel", new)
    service.review(dataset, 2, "keep")
    service.review(dataset, 3, "unsure")
    service.review(dataset, DROPPED, "drop")
    return new


@pytest.mark.parametrize("name", sorted(FORMATS))
def test_a_corrected_dataset_is_read_again_with_the_verdicts_and_nothing_else(
    service: Service, tmp_path: Path, name: str
) -> None:
    (tmp_path / "out").mkdir()
    first = service.read(FORMATS[name](tmp_path))
    new = corrected(service, first)
    again = service.read([service.export(first, tmp_path / "out")])
    assert again.format == first.format
    assert (again.parent_id, again.version) == (first.id, 2), "the export finds its parent by content"
    keys, labels, splits, pack = service.content(first)
    labels[RELABELLED] = new
    expected = [
        (keys[at], labels[at], splits[at], pack[at].tobytes()) for at in range(len(keys)) if at != DROPPED
    ]
    version = service.make_version(first)
    keys, labels, splits, pack = service.content(version)
    assert [(keys[at], labels[at], splits[at], pack[at].tobytes()) for at in range(len(keys))] == expected
    exports = [service.export(each, tmp_path / "out").read_bytes() for each in (first, version)]
    assert exports[0] == exports[1], "a version is exported as its parent with the same decisions"
    keys, labels, splits, pack = service.content(again)
    found = [(keys[at], labels[at], splits[at], pack[at].tobytes()) for at in range(len(keys))]
    if name.startswith("class_folders"):
        # The folder is the label, so that the key of a relabelled picture changes with it.
        assert sorted(entry[1:] for entry in found) == sorted(entry[1:] for entry in expected)
        assert len({entry[0] for entry in found} - {entry[0] for entry in expected}) == 1
        return
    if name in {"idx", "cifar_binary", "npz_text", "npz_fortran", "parquet_features"}:
        # Keys are row numbers there, and rows have gone.
        assert [entry[1:] for entry in found] == [entry[1:] for entry in expected]
        return
    assert found == expected


def test_a_moved_picture_takes_no_other_ones_place(service: Service, tmp_path: Path) -> None:
    dataset = service.read(FORMATS["class_folders_same_names"](tmp_path))
    service.review(dataset, RELABELLED, "relabel", "cat")
    with zipfile.ZipFile(service.export(dataset, tmp_path)) as archive:
        assert archive.testzip() is None
        names = set(archive.namelist())
    assert names == {f"{label}/{number}.png" for label in NAMES for number in range(4)} - {"bee/0.png"} | {
        "cat/0~2.png"
    }


def test_other_columns_and_arrays_stay_as_they_are(service: Service, tmp_path: Path) -> None:
    dataset = service.read(FORMATS["npz_text"](tmp_path))
    service.review(dataset, RELABELLED, "relabel", "cat")
    service.review(dataset, DROPPED, "drop")
    with np.load(service.export(dataset, tmp_path), allow_pickle=False) as found:
        assert sorted(found.files) == ["other", "x", "y"]
        assert found["other"].tolist() == [0, 1, 2]
        assert found["y"].tolist() == [
            label for at, label in enumerate(["ant", "cat", *TEXTS[2:]]) if at != DROPPED
        ]


@pytest.mark.parametrize("name", ["class_folders_tar_gz", "csv", "idx"])
def test_every_dataset_can_go_as_what_is_trained_on(service: Service, tmp_path: Path, name: str) -> None:
    (tmp_path / "out").mkdir()
    first = service.read(FORMATS[name](tmp_path))
    new = corrected(service, first)
    again = service.read([service.export(first, tmp_path / "out", format="npz")])
    keys, labels, splits, pack = service.content(first)
    labels[RELABELLED] = new
    kept = [at for at in range(len(keys)) if at != DROPPED]
    assert again.format == "npz"
    found_keys, found_labels, found_splits, found = service.content(again)
    assert (found_keys, found_labels) == ([keys[at] for at in kept], [labels[at] for at in kept])
    assert [split or None for split in found_splits] == [splits[at] for at in kept]
    np.testing.assert_array_equal(found, pack[kept])


def test_data_in_an_archive_in_an_archive_is_refused_with_a_way_out(service: Service, tmp_path: Path) -> None:
    inner = frame(tmp_path)[0]
    dataset = service.read(archive(tmp_path / "outer.zip", {"data.parquet": inner.read_bytes()}))
    answer = service.api.get(f"/v1/datasets/{dataset.id}/exports/dataset")
    assert answer.status_code == 422
    assert "format=npz" in answer.json()["detail"]


def test_the_labels_say_who_decided(service: Service, tmp_path: Path) -> None:
    dataset = service.read(FORMATS["class_folders_stored"](tmp_path))
    corrected(service, dataset)
    keys, labels, _, _ = service.content(dataset)
    rows = lines(service.export(dataset, tmp_path, "labels.csv"))
    assert list(rows[0]) == [
        "key", "given", "final", "source", "reviewer", "time", "carried_from", "note", "second_reviewer",
        "agreement",
    ]  # fmt: skip
    assert [row["key"] for row in rows] == keys
    assert [row["given"] for row in rows] == labels
    assert [(row["final"], row["source"], row["reviewer"]) for row in rows[:5]] == [
        ("ant", "", ""),
        ("cat", "relabel", "ada"),
        ("cat", "keep", "ada"),
        ("ant", "unsure", "ada"),
        ("", "drop", "ada"),
    ]
    assert rows[1]["time"].startswith("20")
    drops = lines(service.export(dataset, tmp_path, "drops.csv"))
    assert [(row["key"], row["position"], row["given"]) for row in drops] == [(keys[4], "4", "bee")]


def test_issues_of_an_audit_are_changed_where_nobody_has_said_otherwise(
    service: Service, tmp_path: Path
) -> None:
    dataset = service.read(FORMATS["class_folders_stored"](tmp_path))
    audit = store_finished_audit(service.database, dataset)  # flags the last sample alone
    keys = service.content(dataset)[0]

    def last(issues: str) -> tuple[str, str]:
        chosen = {"audit_id": str(audit.id), "issues": issues, "confirmed": str(issues == "relabel")}
        row = lines(service.export(dataset, tmp_path, "labels.csv", **chosen))[-1]
        assert row["key"] == keys[-1]
        return row["final"], row["source"]

    assert last("keep") == ("cat", "")
    assert last("relabel") == ("ant", "audit")
    assert last("drop") == ("", "audit")
    service.review(dataset, COUNT - 1, "keep")
    assert last("drop") == ("cat", "keep")
    refused = service.api.get(f"/v1/datasets/{dataset.id}/exports/labels.csv", params={"issues": "drop"})
    assert refused.status_code == 422
    assert "audit_id" in refused.json()["detail"]


@pytest.mark.parametrize("name", ["npz_text", "csv", "class_folders_stored"])
def test_a_dataset_that_an_earlier_version_read_is_refused_with_a_way_out(
    service: Service, tmp_path: Path, name: str
) -> None:
    dataset = service.read(FORMATS[name](tmp_path))
    with service.database.transaction() as session:
        session.get_one(Dataset, dataset.id).statistics = {}
    answer = service.api.get(f"/v1/datasets/{dataset.id}/exports/dataset")
    assert answer.status_code == 422
    assert "upload it again" in answer.json()["detail"]


def test_an_unknown_dataset_is_a_problem_document(service: Service) -> None:
    answer = service.api.get(f"/v1/datasets/{UUID(int=1)}/exports/labels.csv")
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


def test_a_table_is_not_written_again_where_the_disk_has_no_room(
    service: Service, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dataset = service.read(frame(tmp_path))
    monkeypatch.setattr(Storage, "measure_free_bytes", lambda _: 100)
    answer = service.api.get(f"/v1/datasets/{dataset.id}/exports/dataset")
    assert (answer.status_code, answer.json()["code"]) == (507, "no_space")
    assert "there is room for 100 bytes, the corrected Parquet file needs about" in answer.json()["detail"]
    assert not [path for path in service.storage.root.iterdir() if path.name.startswith("export.")]
