"""Parquet, CSV, manifests and annotations of boxes that lie, grow, or point elsewhere."""

import io
import json
import struct
from functools import partial

import numpy as np
import pyarrow as pa
from pyarrow import parquet

from tests.builders import box_archives
from tests.hostile.arrays import MARK
from tests.hostile.catalogue import BOMB, COUNT, HARMLESS, MEBIBYTE, Files, good_members, hostile, png, zipped


def stored(table: pa.Table, **options: object) -> bytes:
    """Return a table as parquet."""
    buffer = io.BytesIO()
    parquet.write_table(table, buffer, **options)
    return buffer.getvalue()


def honest() -> pa.Table:
    """Return a table of features that could be read."""
    return pa.table({"a": np.arange(30.0), "label": np.arange(30) % 2})


def with_length(length: int) -> bytes:
    """Return a parquet file whose footer says another length."""
    return stored(honest())[:-8] + struct.pack("<I", length) + b"PAR1"


hostile("parquet: cut off")(lambda: {"a.parquet": stored(honest())[:-100]})
hostile("parquet: footer of four gibibytes")(lambda: {"a.parquet": with_length(0xFFFFFFF0)})
hostile("parquet: footer of one byte")(lambda: {"a.parquet": with_length(1)})
hostile("parquet: footer of noise")(
    lambda: {"a.parquet": b"PAR1" + bytes(range(256)) * 4 + struct.pack("<I", 1024) + b"PAR1"}
)
hostile("parquet: three million equal rows")(
    lambda: {
        "a.parquet": stored(
            pa.table({"a": pa.repeat(1.0, 3_000_000), "label": pa.repeat("x", 3_000_000)}),
            compression="zstd",
        )
    }
)
hostile("parquet: nested sixty deep")(
    lambda: {"a.parquet": stored(pa.table({"a": _nested(60), "label": np.arange(1)}))}
)
hostile("parquet: pictures that are null")(
    lambda: {
        "a.parquet": stored(
            pa.table(
                {
                    "image": pa.array([None] * 30, pa.struct({"bytes": pa.binary(), "path": pa.string()})),
                    "label": np.arange(30) % 2,
                }
            )
        )
    }
)
hostile("parquet: pictures that are paths of the server")(
    lambda: {
        "a.parquet": stored(
            pa.table(
                {"image": [{"bytes": None, "path": "/etc/passwd"}] * 30, "label": np.arange(30) % 2},
                schema=pa.schema(
                    {"image": pa.struct({"bytes": pa.binary(), "path": pa.string()}), "label": pa.int64()}
                ),
            )
        )
    }
)
hostile("parquet: class names of a megabyte")(
    lambda: {"a.parquet": stored(pa.table({"a": np.arange(30.0), "label": ["x" * MEBIBYTE, "y"] * 15}))}
)
hostile("parquet: lists of different lengths")(
    lambda: {
        "a.parquet": stored(
            pa.table({"embedding": [[1.0] * (1 + n % 3) for n in range(30)], "label": np.arange(30) % 2})
        )
    }
)
hostile("parquet: labels that are lists of twenty million names")(
    lambda: {
        "a.parquet": stored(
            pa.table(
                {
                    "a": np.arange(30.0),
                    "label": pa.ListArray.from_arrays(
                        pa.array([*range(30), 20_000_000], pa.int32()), pa.repeat("x", 20_000_000)
                    ),
                }
            ),
            compression="zstd",
        )
    }
)


def _nested(depth: int) -> pa.Array:
    value: object = 1.0
    kind = pa.float64()
    for _ in range(depth):
        value, kind = [value], pa.list_(kind)
    return pa.array([value], kind)


ROWS = b"".join(b"%d,%d,%s\n" % (n, n * 7 % 5, b"xy"[n % 2 : n % 2 + 1]) for n in range(30))
HEAD = b"a,b,label\n"


def csv_of(text: bytes) -> Files:
    """Return a table as it is uploaded."""
    return {"a.csv": text}


for name, text in {
    "seventy thousand columns": b",".join(b"c%d" % n for n in range(70_000)) + b",label\n",
    "a field of twenty megabytes": HEAD + b'1,2,"' + b"x" * BOMB + b'"\n' + ROWS,
    "a quote that is never closed": HEAD + b'1,2,"x\n' + ROWS * 100,
    "nothing but quotes": b'"' * 100_001,
    "NUL bytes": HEAD + ROWS[:50] + bytes(100) + ROWS[50:],
    "no UTF-8": HEAD + ROWS + b"1,2,\xff\xfe\xfd\n",
    "UTF-16": (HEAD + ROWS).decode().encode("utf-16"),
    "numbers beyond all range": HEAD + b"1e999,-1e999,x\n2,nan,y\n" * 20,
    "words among the numbers": HEAD + ROWS + b"five,2,x\n",
    "a header twice": b"a,a,label\n" + ROWS,
    "no label column": b"a,b,c\n" + ROWS,
    "one class": HEAD + b"1,2,x\n" * 30,
    "every label another": HEAD + b"".join(b"1,2,l%d\n" % n for n in range(30)),
    "rows of other lengths": HEAD + ROWS + b"1\n1,2,3,4,5\n",
    "a header alone": HEAD,
    "line ends alone": b"\n" * 10_000,
    "class names that differ in case alone": HEAD
    + b"".join(b"%d,2,%04d%s\n" % (n % 7, n // 4, b"xX"[n % 2 : n % 2 + 1] * 800) for n in range(4_800)),
    "class names of seven megabytes together": HEAD
    + b"".join(b"%d,2,%04d%s\n" % (n % 7, n // 2, "\u5b57".encode() * 990) for n in range(4_800)),
    "labels that are long numbers": HEAD
    + b"".join(b"%d,2,%s%04d\n" % (n % 7, b"1a" * 400, n // 2) for n in range(4_800)),
    "class names of a megabyte": HEAD
    + b"".join(b"1,2,%s\n" % (b"xy"[n % 2 : n % 2 + 1] * MEBIBYTE) for n in range(12)),
}.items():
    hostile(f"csv: {name}")(partial(csv_of, text))


def manifest(rows: str, name: str = "metadata.csv") -> Files:
    """Return a zip of pictures with a table of them."""
    pictures = {f"{n}.png": png() for n in range(COUNT)}
    return {"a.zip": zipped(pictures | {name: rows.encode("utf-8", "surrogatepass")})}


GOOD = "".join(f"{n}.png,{n % 2}\n" for n in range(COUNT))


def manifest_with(row: str) -> Files:
    """Return a zip of pictures whose table has one more row."""
    return manifest("file_name,label\n" + GOOD + row)


for name, row in {
    "a path of the server": "/etc/passwd,1\n",
    "a path above": "../../../../etc/passwd,1\n",
    "a URL": "http://127.0.0.1:1/x.png,1\n",
    "a file twice": "0.png,1\n0.png,0\n",
    "files that are not there": "".join(f"gone-{n}.png,1\n" for n in range(1000)),
    "a name of a megabyte": "x" * MEBIBYTE + ".png,1\n",
    "a command as a name": f"$(touch {MARK}).png,1\n",
}.items():
    hostile(f"manifest: {name}")(partial(manifest_with, row))
hostile("manifest: no column of files")(lambda: manifest("name,label\n" + GOOD))
hostile("manifest: a table alone")(lambda: {"a.zip": zipped({"metadata.csv": b"file_name,label\n0.png,1\n"})})
hostile("manifest: lines of json nested ten thousand deep")(
    lambda: manifest('{"file_name": ' + "[" * 10_000 + "]" * 10_000 + "}\n", "metadata.jsonl")
)
hostile("manifest: json with a number of ten thousand digits")(
    lambda: manifest('{"file_name": "0.png", "label": ' + "9" * 10_000 + "}\n", "metadata.jsonl")
)
hostile("manifest: json that is no object")(lambda: manifest("[1]\nnull\n7\n", "metadata.jsonl"))
hostile("manifest: json with half a character")(
    lambda: manifest(json.dumps({"file_name": "\ud800.png", "label": 1}) + "\n", "metadata.jsonl")
)
hostile("list files: paths above")(
    lambda: {"a.zip": zipped(good_members() | {"train.txt": b"../../etc/passwd 1\n" * 20})}
)
hostile("mixed: a zip and a csv in one dataset")(
    lambda: {"a.zip": zipped(good_members()), "b.csv": HEAD + ROWS}
)
hostile("unknown: noise")(lambda: {"a.bin": np.random.default_rng(0).bytes(100_000)})
hostile("unknown: an HDF5 file")(lambda: {"a.h5": b"\x89HDF\r\n\x1a\n" + bytes(1000)})


def with_xml(content: bytes) -> Files:
    """Return a zip of boxes in which one annotation is hostile."""
    return {"a.zip": zipped(box_archives.voc() | {"VOC/Annotations/0.xml": content})}


def with_yaml(settings: str) -> Files:
    """Return a zip of boxes whose settings are hostile."""
    return {"a.zip": zipped(box_archives.yolo(f"{settings}\nnames: [cat, dog]\n"))}


for label, encoding in {
    "a code that takes hours to read": "punycode",
    "a code of names of hosts": "idna",
    "a compression": "zlib",
    "nonsense": "nonsense",
}.items():
    head = f'<?xml version="1.0" encoding="{encoding}"?><annotation>'
    hostile(f"boxes: xml in {label}")(partial(with_xml, f"{head}{'a-' * 2**20}</annotation>".encode()))
hostile("boxes: xml in no GBK, as it says")(
    partial(with_xml, b'<?xml version="1.0" encoding="gbk"?><annotation>\xff</annotation>')
)
for label, settings in {
    "a truth value that is none": "nc: !!bool maybe",
    "a date that is none": "d: !!timestamp foo",
    "a number that is blank": "d: !!int ''",
    "a number of sixties without end": f"d: 1{':0' * 400}.0",
    "a number of a hundred thousand sixties": f"d: 1{':59' * 80_000}",
    "a character that is none": 'd: "\\UFFFFFFFF"',
}.items():
    name = f"boxes: yaml with {label}"
    HARMLESS[name] = "the file is read as texts, or its names are not known, which is noted"
    hostile(name)(partial(with_yaml, settings))


@hostile("boxes: coco with ids of a mebibyte")
def long_ids() -> Files:
    document = box_archives.describe_coco()
    document["images"].append({"id": "7" * MEBIBYTE, "file_name": "0.jpg"})
    document["categories"].append({"id": "7" * MEBIBYTE, "name": "cat"})
    return {"a.zip": zipped(box_archives.coco(document))}


@hostile("boxes: yolo with characters that look like spaces")
def odd_spaces() -> Files:
    return {"a.zip": zipped(box_archives.yolo(line="0\u00a00.5 0.5 0.2 0.2"))}
