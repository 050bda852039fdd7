"""Files of other kinds and programs: refused in words that help."""

import io
import json
import zipfile

import numpy as np

from tests.files.shapes import (
    COUNT,
    NAMES,
    Expected,
    add,
    features,
    flat,
    foldered,
    png,
    table,
    zipped,
)


def refused(code: str, *says: str) -> Expected:
    """Return the expectation of a refusal."""
    return Expected(refused=code, says=says)


for title, head, word in (
    ("RAR", b"Rar!\x1a\x07\x00", "RAR"),
    ("7-Zip", b"7z\xbc\xaf\x27\x1c", "7-Zip"),
    ("Zstandard", b"\x28\xb5\x2f\xfd", "zstd -d"),
    ("HDF5", b"\x89HDF\r\n", "np.savez"),
    ("a split zip", b"PK\x07\x08PK\x03\x04", "join the parts"),
    ("old Excel", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", ".xlsx"),
    ("HEIC", b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", "JPEG"),
    ("BigTIFF", b"II+\x00\x08\x00", "BigTIFF"),
    ("Feather", b"ARROW1\0\0", "Parquet"),
):
    add(f"foreign: {title}", {"data.bin.x": head + bytes(600)}, refused("unsupported_format", word))
add(
    "foreign: an Excel workbook that is broken",
    {"d.xlsx": zipped({"[Content_Types].xml": b"x", "xl/workbook.xml": b"x"})},
    refused("broken_container", "Excel", "CSV UTF-8"),
)
add(
    "foreign: a binary Excel workbook",
    {"d.xlsb": zipped({"[Content_Types].xml": b"x", "xl/workbook.bin": b"x"})},
    refused("unsupported_format", "binary Excel", ".xlsx"),
)
add(
    "foreign: an OpenDocument sheet",
    {"d.ods": zipped({"mimetype": b"application/vnd.oasis", "content.xml": b"<x/>"})},
    refused("unsupported_format", "OpenDocument", ".xlsx"),
)
add(
    "foreign: labels in a spreadsheet beside pictures",
    {"d.zip": zipped({**flat(), "labels.xlsx": b"PK"})},
    refused("unsupported_labels", "'labels.xlsx'", "CSV UTF-8"),
)
add(
    "foreign: a PyTorch file",
    {"d.pt": zipped({"archive/data.pkl": b"x", "archive/data/0": b"x"})},
    refused("unsupported_format", "PyTorch", "np.savez"),
)
COCO = json.dumps({"images": [], "annotations": [], "categories": []}).encode()
add(
    "foreign: COCO",
    {"d.zip": zipped({**flat(), "annotations.json": COCO})},
    refused("unsupported_labels", "COCO"),
)
add(
    "foreign: Pascal VOC",
    {"d.zip": zipped({**flat(), **{f"Annotations/{row}.xml": b"<a/>" for row in range(COUNT)}})},
    refused("unsupported_labels", "VOC"),
)
add(
    "foreign: files of a WebDataset in a zip",
    {"d.zip": zipped({**flat(""), **{f"{row}.cls": b"1" for row in range(COUNT)}})},
    refused("unsupported_labels", "WebDataset", "as tar"),
)
add(
    "foreign: a dataset of texts, which is read",
    {"d.csv": table("text,label", [[f"a word {row}", NAMES[row]] for row in range(COUNT)]).encode()},
    Expected(given=[NAMES[row] for row in range(COUNT)]),
)
add("foreign: one picture", {"a.png": png(0)}, refused("unsupported_format", "zip"))
add("foreign: pictures without folders or table", {"d.zip": zipped(flat(""))}, refused("too_few_samples"))
add(
    "foreign: two tables",
    {"a.csv": features().encode(), "b.csv": features().encode()},
    refused("several_datasets"),
)
add("foreign: an empty file", {"a.csv": b""}, refused("empty_file"))
add(
    "foreign: HEIC among pictures",
    {"d.zip": zipped({**foldered(), "cat/x.heic": b"\0\0\0\x18ftypheic\0\0\0\0mif1heic"})},
    Expected(given=NAMES),
)


def objects() -> bytes:
    """Return an npz with an array of Python objects."""
    sink = io.BytesIO()
    with zipfile.ZipFile(sink, "w") as archive:
        for name, array in (("x", np.zeros((COUNT, 4))), ("y", np.array(NAMES, dtype=object))):
            member = io.BytesIO()
            np.save(member, array, allow_pickle=True)
            archive.writestr(f"{name}.npy", member.getvalue())
    return sink.getvalue()


add("foreign: labels as Python objects", {"d.npz": objects()}, refused("object_array", "dtype=str"))
add(
    "foreign: JSON lines of features",
    {"a.jsonl": "".join(f'{{"a": {row}.5, "label": "{name}"}}\n' for row, name in enumerate(NAMES)).encode()},
    Expected(given=NAMES, features=["a"]),
)
add("foreign: COCO alone", {"a.json": COCO}, refused("bad_csv", "COCO"))
add("foreign: LIBSVM", {"a.txt": b"1 1:0.5 2:0.25\n" * COUNT}, refused("bad_csv", "LIBSVM"))
add(
    "csv: no header",
    {"a.csv": features().split("\n", 1)[1].encode()},
    refused("bad_header", "names of columns"),
)
add(
    "table: names of classes beside class folders",
    {"d.zip": zipped({**foldered(), "labels.csv": b"class_id,name\n0,cat\n1,dog\n"})},
    Expected(given=NAMES, notes=["table_ignored"]),
)
STUDIO = [[f"/data/upload/1/{row}.png", row, NAMES[row], 1, row + 7] for row in range(COUNT)]
add(
    "table: Label Studio's CSV",
    {
        "d.zip": zipped(
            {"project.csv": table("image,id,choice,annotator,annotation_id", STUDIO).encode(), **flat("")}
        )
    },
    Expected(given=NAMES),
)
add(
    "table: one column for each class, as Roboflow writes",
    {
        "d.zip": zipped(
            {
                "_classes.csv": table(
                    "filename,cat,dog", [[f"{row}.png", row % 2, 1 - row % 2] for row in range(COUNT)]
                ).encode(),
                **flat(""),
            }
        )
    },
    refused("missing_column", "label_column"),
)
