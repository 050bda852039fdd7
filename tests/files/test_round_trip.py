"""Upload, relabel a random few, export, upload again: all else is equal, in bytes where formats allow it."""

import io
import itertools
import json
import pickle
import tarfile
import tempfile
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path
from uuid import uuid4

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.exports.corrected_dataset import write_dataset
from app.exports.final_labels import Decisions
from app.infra.storage import Storage
from app.tables import Dataset, DatasetStatus
from tests.files.array_shapes import idx
from tests.files.shapes import COUNT, PIXELS, VALUES, npz, parquet, png, tarred, zipped
from tests.files.shard_shapes import shard
from tests.files.workbook_shapes import workbook
from worker.formats.archives.tars import RECORD, is_tar_header
from worker.ingest.pack_building import IngestLimits, IngestOptions, IngestResult, build_pack

Labels = Sequence[int]
Make = Callable[[Labels], dict[str, bytes]]
TEXTS = ("cat", "big dog", "2.0", "caf\u00e9", "True", 'n="1"', "007")
FOLDERS = ("cat", "big dog ", "1.0", "caf\u00e9", "nan", "1")
FORMATS: dict[str, tuple[int, Make]] = {}
"""By name: the number of classes, and what writes an upload from class numbers."""


def form(name: str, classes: int) -> Callable[[Make], Make]:
    """Enter a format."""

    def enter(make: Make) -> Make:
        FORMATS[name] = (classes, make)
        return make

    return enter


@form("csv", len(TEXTS))
def make_csv(labels: Labels) -> dict[str, bytes]:
    cells = [
        '"{}"'.format(text.replace('"', '""')) if row % 2 or '"' in text else text
        for row, text in enumerate(TEXTS)
    ]
    rows = [f"{VALUES[row, 0]};{cells[label]};k{row:03d}" for row, label in enumerate(labels)]
    return {"d.csv": b"\xef\xbb\xbf" + "\r\n".join(["sep=;", "a;label;id", *rows, ""]).encode()}


@form("csv with quotes after blanks", 3)
def make_spaced(labels: Labels) -> dict[str, bytes]:
    names = ("cat", "big, dog", "007")
    rows = [f'{VALUES[row, 0]}, "{names[label]}", "k{row:03d}"' for row, label in enumerate(labels)]
    return {"d.csv": "\n".join(['"a", "label", "id"', *rows, ""]).encode()}


@form("csv with a title and a column without a name", 2)
def make_titled(labels: Labels) -> dict[str, bytes]:
    rows = [f"{VALUES[row, 0]},,{('cat', '01234')[label]},k{row:03d}" for row, label in enumerate(labels)]
    return {"d.csv": "\r\n".join(["Report,,,", "a,,label,id", *rows, ""]).encode()}


@form("csv in UTF-16", len(TEXTS))
def make_utf16(labels: Labels) -> dict[str, bytes]:
    rows = [
        f"{VALUES[row, 0]}\t{TEXTS[label].replace(chr(34), '')}\tk{row}" for row, label in enumerate(labels)
    ]
    return {"d.csv": "\n".join(["a\tlabel\tid", *rows]).encode("utf-16")}


@form("xlsx, which comes back as csv", 4)
def make_workbook(labels: Labels) -> dict[str, bytes]:
    texts = ("cat", " big dog", 'n="1"', 3)
    rows = [
        (VALUES[row, 0], texts[label], f"k{row:03d}", None, "n,o\nte") for row, label in enumerate(labels)
    ]
    return workbook({"Data": [("a", "label", "id", "", "file_name"), *rows], "Other": [["x", 1], ["y", 2]]})


@form("folders", len(FOLDERS))
def make_folders(labels: Labels) -> dict[str, bytes]:
    return {"d.zip": zipped({f"{FOLDERS[label]}/{row}.png": png(row) for row, label in enumerate(labels)})}


@form("folders in splits, tar.gz", len(FOLDERS))
def make_tar(labels: Labels) -> dict[str, bytes]:
    names = [f"training_set/{FOLDERS[label]}/{row}.png".encode("latin-1") for row, label in enumerate(labels)]
    return {"d.tar.gz": tarred([(name, png(row)) for row, name in enumerate(names)], "w:gz")}


@form("manifest", len(TEXTS))
def make_manifest(labels: Labels) -> dict[str, bytes]:
    rows = [
        'images/{}.png,"{}",x{}'.format(row, TEXTS[label].replace('"', '""'), row)
        for row, label in enumerate(labels)
    ]
    table = "\n".join(["file_name,label,note", *rows]).encode()
    return {
        "d.zip": zipped(
            {"pets/train.csv": table, **{f"pets/images/{row}.png": png(row) for row in range(COUNT)}}
        )
    }


@form("manifest beside class folders", 3)
def make_manifest_beside_folders(labels: Labels) -> dict[str, bytes]:
    paths = [f"{('cat', 'dog')[row % 2]}/{row}.png" for row in range(COUNT)]
    rows = [f"{path},{('cat', 'dog', 'cow')[label]}" for path, label in zip(paths, labels, strict=True)]
    return {
        "d.zip": zipped(
            {
                "labels.csv": "\n".join(["file_name,label", *rows]).encode(),
                **{path: png(row) for row, path in enumerate(paths)},
            }
        )
    }


@form("manifest of JSON lines", 4)
def make_jsonl(labels: Labels) -> dict[str, bytes]:
    values = (0, True, "big dog", 2.5)
    rows = [
        json.dumps({"note": row, "file_name": f"{row}.png", "label": values[label]})
        for row, label in enumerate(labels)
    ]
    return {
        "d.zip": zipped(
            {"metadata.jsonl": "\n".join(rows).encode(), **{f"{row}.png": png(row) for row in range(COUNT)}}
        )
    }


@form("webdataset", 4)
def make_shard(labels: Labels) -> dict[str, bytes]:
    def beside(row: int) -> dict[str, bytes]:
        return {".cls": f"{labels[row] * 5}\n".encode(), ".txt": b"a caption"}

    return {"d.tar": shard(range(COUNT), beside, folder="./caf\u00e9/")}


@form("webdataset, shards of JSON", 3)
def make_shards_of_json(labels: Labels) -> dict[str, bytes]:
    def beside(row: int) -> dict[str, bytes]:
        return {".json": json.dumps({"key": row, "label": ("cat", 7, True)[labels[row]]}).encode()}

    return {
        f"{split}-000.tar": shard(rows, beside)
        for split, rows in (("test", range(16, COUNT)), ("train", range(16)))
    }


@form("lists", len(TEXTS))
def make_lists(labels: Labels) -> dict[str, bytes]:
    lines = [f"images/{row}.png\t{TEXTS[label]}" for row, label in enumerate(labels)]
    lists = {"train.txt": "\n".join(lines[:16]).encode(), "test.txt": "\r\n".join(lines[16:]).encode()}
    return {"d.zip": zipped(lists | {f"images/{row}.png": png(row) for row in range(COUNT)})}


def arrays(labels: object, **others: object) -> dict[str, bytes]:
    return {"d.npz": npz(x=PIXELS, y=labels, ids=np.array([f"k{row}" for row in range(COUNT)]), **others)}


@form("npz of truth values", 2)
def make_truth_values(labels: Labels) -> dict[str, bytes]:
    return arrays(np.array(labels) == 1)


@form("npz with class names as bytes", 3)
def make_bytes_names(labels: Labels) -> dict[str, bytes]:
    return arrays(np.array(labels, dtype=np.int16)[:, None], class_names=np.array([b"cat ", b"nan", b"1.0"]))


@form("npz of floats", 3)
def make_floats(labels: Labels) -> dict[str, bytes]:
    return arrays(np.array([0.5, 1.0, 7.25], dtype=np.float32)[list(labels)])


@form("npz of bytes", 3)
def make_bytes(labels: Labels) -> dict[str, bytes]:
    return arrays(np.array([b"a", b"longer", b"2.0"])[list(labels)])


@form("npz of one-hot rows", 3)
def make_one_hot(labels: Labels) -> dict[str, bytes]:
    return arrays(np.eye(3)[list(labels)])


def columns(labels: object) -> dict[str, object]:
    return {"a": VALUES[:, 0], "label": labels, "id": [f"k{row}" for row in range(COUNT)]}


@form("parquet of texts", len(TEXTS))
def make_parquet(labels: Labels) -> dict[str, bytes]:
    return {"d.parquet": parquet(columns([f"{TEXTS[label]} " for label in labels]))}


@form("parquet of truth values", 2)
def make_parquet_truth(labels: Labels) -> dict[str, bytes]:
    return {"d.parquet": parquet(columns([label == 1 for label in labels]))}


@form("parquet of a dictionary", 3)
def make_dictionary(labels: Labels) -> dict[str, bytes]:
    return {"d.parquet": parquet(columns(pa.array([TEXTS[label] for label in labels]).dictionary_encode()))}


@form("parquet of class names", 3)
def make_class_names(labels: Labels) -> dict[str, bytes]:
    return {"d.parquet": parquet(columns(list(labels)), {"label": ["nan", "1.0", "cat "]})}


@form("parquet in shards that number classes differently", 2)
def make_shards(labels: Labels) -> dict[str, bytes]:
    every = columns(list(labels))
    first = {name: values[:12] for name, values in every.items()}  # type: ignore[index]
    second = {name: values[12:] for name, values in every.items()}  # type: ignore[index]
    second["label"] = [1 - label for label in labels[12:]]
    return {
        "train-0.parquet": parquet(first, {"label": ["cat", "dog"]}),
        "train-1.parquet": parquet(second, {"label": ["dog", "cat"]}),
    }


@form("idx", 3)
def make_idx(labels: Labels) -> dict[str, bytes]:
    numbers = np.array([0, 5, 200], dtype=np.uint8)[list(labels)]
    return {"images-idx3-ubyte": idx(PIXELS), "labels-idx1-ubyte": idx(numbers)}


COLOURS = np.random.default_rng(7).integers(0, 256, (COUNT, 3 * 32 * 32), dtype=np.uint8)


@form("cifar in binary, with a class that nothing has", 3)
def make_cifar_binary(labels: Labels) -> dict[str, bytes]:
    numbers = np.array([1, 4, 9], dtype=np.uint8)[list(labels)][:, None]
    names = "\n".join(f"class {number}" for number in range(10))
    records = np.concatenate([numbers, COLOURS], axis=1).tobytes()
    return {"data_batch_1.bin": records, "batches.meta.txt": names.encode()}


@form("cifar in python, with a class that nothing has", 2)
def make_cifar_python(labels: Labels) -> dict[str, bytes]:
    batch = {
        "data": COLOURS,
        "fine_labels": [2 * label + 1 for label in labels],
        "filenames": [f"{row}.png" for row in range(COUNT)],
    }
    meta = {"fine_label_names": ["a", "b b", "c", "d"]}
    return {"train": pickle.dumps(batch, protocol=2), "meta": pickle.dumps(meta, protocol=2)}


@form("cifar-100 in python, coarse labels alone", 3)
def make_coarse(labels: Labels) -> dict[str, bytes]:
    batch = {
        "data": COLOURS,
        "coarse_labels": list(labels),
        "filenames": [f"{row}.png" for row in range(COUNT)],
    }
    meta = {"coarse_label_names": ["a", "b b", "c"]}
    return {"train": pickle.dumps(batch, protocol=2), "meta": pickle.dumps(meta, protocol=2)}


def read(files: dict[str, bytes], storage: Storage) -> tuple[IngestResult, Dataset]:
    """Read an upload, and return the dataset as the service stores it."""
    dataset = Dataset(version=1, id=uuid4(), name="d.zip", status=DatasetStatus.READY, options={})
    paths = []
    for name, data in files.items():
        paths.append(storage.locate_upload(dataset.id, name))
        paths[-1].parent.mkdir(parents=True, exist_ok=True)
        paths[-1].write_bytes(data)
    destination = storage.locate_pack(dataset.id)
    destination.mkdir(parents=True)
    found = build_pack(paths, options=IngestOptions(), limits=IngestLimits(), destination=destination)
    dataset.format, dataset.kind, dataset.class_names = found.format, found.kind, list(found.class_names)
    dataset.statistics = json.loads(json.dumps(found.statistics))
    return found, dataset


def describe(found: IngestResult) -> list[tuple[str, str | None, str, bytes]]:
    """Return key, split, label and content of every sample."""
    pack = np.load(found.pack_path)
    rows = pq.read_table(found.samples_path).to_pylist()
    return [
        (row["key"], row["split"], found.class_names[row["given_label"]], pack[row["position"]].tobytes())
        for row in rows
    ]


def export(
    found: IngestResult, dataset: Dataset, storage: Storage, changes: dict[int, int]
) -> tuple[str, bytes]:
    """Export a dataset with some labels changed; return the file's name and bytes."""
    final = np.load(found.labels_path).copy()
    for position, label in changes.items():
        final[position] = label
    folder = storage.locate_upload(dataset.id, "x").parent
    decisions = Decisions(
        dataset=dataset, files=sorted(folder.iterdir()), storage=storage, final_N=final, sources={}
    )
    file = write_dataset(decisions, format="original")
    return file.name, b"".join(file.blocks)


def unpack_shards(name: str, data: bytes) -> dict[str, bytes]:
    """Return the shards of an exported zip as files; any other export as it is."""
    if not name.endswith(".zip"):
        return {name: data}
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        inside = {member: archive.read(member) for member in archive.namelist()}
    is_sharded = all(member.endswith((".parquet", ".tar")) for member in inside)
    return inside if is_sharded else {name: data}


@pytest.mark.parametrize("name", sorted(FORMATS))
@settings(
    max_examples=6, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow],
)  # fmt: skip
@given(data=st.data())
def test_only_the_changed_labels_change(name: str, data: st.DataObject) -> None:
    classes, make = FORMATS[name]
    extra = data.draw(st.lists(st.integers(0, classes - 1), min_size=COUNT, max_size=COUNT))
    labels = [row % classes if row < 2 * classes else label for row, label in enumerate(extra)]
    changed = data.draw(st.dictionaries(st.integers(0, COUNT - 1), st.integers(0, classes - 1), max_size=4))
    with tempfile.TemporaryDirectory() as folder:
        storage = Storage(Path(folder))
        upload = make(labels)
        found, dataset = read(upload, storage)
        before = describe(found)
        assert len(before) == COUNT
        assert len(found.class_names) == classes
        after = unpack_shards(*export(found, dataset, storage, changed))
        again = describe(read(after, storage)[0])
    expected = [
        (key, split, found.class_names[changed[at]] if at in changed else label, content)
        for at, (key, split, label, content) in enumerate(before)
    ]
    if name.startswith("folders"):  # the folder is the label, so keys follow it
        assert sorted(entry[1:] for entry in again) == sorted(entry[1:] for entry in expected)
    else:
        assert again == expected
    is_published = name.startswith(("idx", "cifar", "xlsx"))  # written anew, in the usual form
    if not is_published and not any(
        before[at][2] != found.class_names[label] for at, label in changed.items()
    ):
        compare_bytes(upload, after)


def list_members(data: bytes) -> list[tuple[str, bytes]]:
    """Return the names of a tar's files with their bytes."""
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        files = [(member.name, archive.extractfile(member)) for member in archive]
        return [(name, file.read()) for name, file in files if file is not None]


def compare_bytes(upload: dict[str, bytes], after: dict[str, bytes]) -> None:
    """Compare an upload with an export without changes: members and tables by bytes, arrays by content."""
    for first, second in itertools.zip_longest(upload.values(), after.values()):
        if first.startswith(b"PK"):
            with zipfile.ZipFile(io.BytesIO(first)) as old, zipfile.ZipFile(io.BytesIO(second)) as new:
                assert sorted(old.namelist()) == sorted(new.namelist())
                for member in old.namelist():
                    if member.endswith(".npy"):
                        arrays_of = [np.load(io.BytesIO(file.read(member))) for file in (old, new)]
                        assert arrays_of[0].dtype == arrays_of[1].dtype
                        np.testing.assert_array_equal(*arrays_of)
                    else:
                        assert old.read(member) == new.read(member)
        elif is_tar_header(first[:RECORD]):
            assert list_members(first) == list_members(second)
        elif first.startswith(b"PAR1"):
            assert pq.read_table(io.BytesIO(first)).equals(
                pq.read_table(io.BytesIO(second)), check_metadata=True
            )
        elif not first.startswith(b"\x1f\x8b"):
            assert first == second
