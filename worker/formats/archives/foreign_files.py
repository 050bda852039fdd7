"""Files of other kinds, named as what they are with the way out."""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING

from worker.formats.archives.member_names import PICTURE_SUFFIXES, get_suffix
from worker.formats.shared.problems import IngestError, SampleError

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from worker.formats.archives.archive import Archive

_HEADS = (
    (b"Rar!", "a RAR archive (pack the files as zip)"),
    (b"7z\xbc\xaf", "a 7-Zip archive (pack the files as zip)"),
    (b"\x28\xb5\x2f\xfd", "a Zstandard file (unpack it with zstd -d, or compress with gzip)"),
    (b"\x04\x22\x4d\x18", "an LZ4 file (unpack it, or compress with gzip)"),
    (b"PK\x07\x08", "a part of a split zip (join the parts: zip -s 0 parts.zip --out whole.zip)"),
    (b"\x89HDF", "an HDF5 file (save the arrays with np.savez(x=..., y=...))"),
    (b"MATLAB", "a MATLAB file (save the arrays with np.savez(x=..., y=...))"),
    (b"\x93NUMPY", "a single .npy array (use np.savez(x=..., y=...))"),
    (b"%PDF", "a PDF document"),
    (b"SQLite", "an SQLite database (export the table as CSV)"),
    (
        b"\xd0\xcf\x11\xe0",
        "an old Excel file, or one with a password (save it as .xlsx without, or as CSV)",
    ),
    (b"ARROW1", "an Arrow or Feather file (save it as Parquet)"),
    (b"ORC", "an ORC file (save it as Parquet)"),
    (b"@relation", "an ARFF file (save the table as CSV)"),
    (b"II+\x00", "a BigTIFF picture (save it as PNG or TIFF)"),
    (b"MM\x00+", "a BigTIFF picture (save it as PNG or TIFF)"),
)
_DOCUMENTS = (
    ({"xl/workbook.bin"}, "a binary Excel workbook (save it as .xlsx, or the sheet as 'CSV UTF-8')"),
    ({"content.xml", "mimetype"}, "an OpenDocument file (save it as .xlsx, or the sheet as CSV)"),
    ({"word/document.xml"}, "a Word document"),
    ({"ppt/presentation.xml"}, "a PowerPoint document"),
    ({"META-INF/MANIFEST.MF"}, "a Java archive"),
    ({"model.weights.h5"}, "a Keras model"),
)
"""Members that tell what a zip is."""
_HEIC_BRANDS = (b"heic", b"heix", b"hevc", b"heim", b"heis", b"mif1", b"msf1")
_HEIC = "a HEIC picture (save it as JPEG: on an iPhone, Settings > Camera > Formats > Most Compatible)"
_PARTS = re.compile(r"\.(z\d\d|(zip|7z|rar|tar|gz)\.\d{3}|part\d+\.rar|0\d\d)$", re.IGNORECASE)
_COCO_WORDS = (b'"annotations"', b'"categories"')
_STUDIO_WORDS = (b'"from_name"', b'"completed_by"')
"""Fields of Label Studio's JSON, which has annotations too."""
_BOXES = "boxes are read (docs/boxes.md), classes of pictures go into folders"
_SPREADSHEETS = ("xlsx", "xls", "xlsm", "xlsb", "ods")
_YOLO_FILES = ("data.yaml", "data.yml", "dataset.yaml", "obj.names", "classes.txt")


def name_foreign(head: bytes, name: str) -> str | None:
    """Return what a file is, if its first bytes or its name say that it is none that is read."""
    if _PARTS.search(name) and not head.startswith((b"PK\x03\x04", b"PAR1")):
        return "a part of a split archive (join the parts first)"
    if is_heic(head):
        return _HEIC
    lower = head[:64].lower()
    return next((text for magic, text in _HEADS if head.startswith(magic) or lower.startswith(magic)), None)


def is_heic(head: bytes) -> bool:
    """Return whether bytes begin a HEIC picture; an AVIF picture names its own brand among others."""
    return head[4:8] == b"ftyp" and head[8:12] in _HEIC_BRANDS and b"avif" not in head[8:64]


def name_zip(names: Sequence[str]) -> str | None:
    """Return what a zip is, if it is a document of another program."""
    first = set(names[:200])
    if any(name.endswith("/data.pkl") or name == "data.pkl" for name in first):
        return "a PyTorch file (save the arrays: np.savez('d.npz', x=images.numpy(), y=labels.numpy()))"
    return next((text for members, text in _DOCUMENTS if members <= first), None)


def check_foreign_labels(archive: Archive) -> None:
    """Refuse pictures whose labels stand in files of other programs, named as what they are."""
    found = _find_foreign_labels(archive)
    if found is not None:
        raise IngestError(
            "unsupported_labels",
            f"expected class folders, or a table with a picture and a label in each row; found {found}",
        )


def _name_yolo(has_texts: bool, bases: Collection[str]) -> str | None:  # noqa: FBT001 - of this module alone
    """Return what files of YOLO lack that was not read; None: they are not YOLO's."""
    if has_texts:
        return f"one text file for each picture, but no lines as YOLO has them: {_BOXES}"
    settings = next((name for name in _YOLO_FILES if name in bases), None)
    if settings is None:
        return None
    return (
        f"{settings!r} of YOLO, but no text file with boxes for most pictures: labels/train/1.txt belongs to"
        " images/train/1.jpg"
    )


def _find_foreign_labels(archive: Archive) -> str | None:
    suffixes = Counter(get_suffix(name) for name in archive.names)
    pictures = sum(count for suffix, count in suffixes.items() if suffix in PICTURE_SUFFIXES)
    bases = {name.rsplit("/", 1)[-1].lower() for name in archive.names}
    if suffixes["cls"] * 2 > pictures:
        return (
            "WebDataset's .cls files in a zip (pack pictures and .cls files as tar, as WebDataset has them)"
        )
    if suffixes["xml"] * 2 > pictures:
        return f"one XML file for each picture, but no annotation of Pascal VOC: {_BOXES}"
    if (yolo := _name_yolo(suffixes["txt"] * 2 > pictures, bases)) is not None:
        return yolo
    for member, name in enumerate(archive.names):
        if get_suffix(name) in _SPREADSHEETS:
            return (
                f"the spreadsheet {name!r} beside pictures without class folders (if it has their labels, "
                "save its sheet as 'CSV UTF-8' and put that into the archive)"
            )
        if get_suffix(name) == "json" and (annotations := _name_annotations(archive, member)) is not None:
            return annotations
    return None


def _name_annotations(archive: Archive, member: int) -> str | None:
    try:
        content = archive.read(member)
    except SampleError:
        return None
    if _COCO_WORDS[1] not in content and any(word in content for word in _STUDIO_WORDS):
        return "Label Studio's JSON (export as CSV, and put that table beside the pictures)"
    is_coco = any(word in content for word in _COCO_WORDS)
    return f"COCO annotations in JSON without a box: {_BOXES}" if is_coco else None
