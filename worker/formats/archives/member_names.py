"""Names of an archive's members: hostile names, pictures, common folders."""

from __future__ import annotations

from typing import TYPE_CHECKING

from models.reading.archive_names import tidy_name
from worker.formats.archives.split_names import is_split_name
from worker.formats.shared.compact_texts import count_repeated
from worker.formats.shared.problems import IngestError, make_printable

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

PICTURE_SUFFIXES = frozenset(
    ("jpg", "jpeg", "jpe", "png", "gif", "bmp", "webp", "tif", "tiff", "ppm", "pgm", "pbm", "avif", "jp2")
)
OTHER_SUFFIXES = frozenset(
    (
        *(
            "txt",
            "csv",
            "tsv",
            "json",
            "jsonl",
            "md",
            "rst",
            "xml",
            "html",
            "htm",
            "yaml",
            "yml",
            "pdf",
            "py",
            "log",
        ),
        *(
            "npy",
            "npz",
            "mat",
            "pkl",
            "pickle",
            "db",
            "ini",
            "cfg",
            "ndjson",
            "xlsx",
            "xls",
            "cls",
            "sh",
            "ipynb",
            "zip",
            "tar",
            "gz",
            "h5",
            "parquet",
        ),
    )
)


def clean_name(name: str) -> str:
    """Return a member's name without "./" and "//"; IngestError if it points outside the archive."""
    try:
        return tidy_name(name)
    except ValueError:
        raise IngestError(
            "unsafe_member_name",
            "expected member names that are relative, with forward slashes and without '..'; "
            f"found {make_printable(name)[:200]!r} (pack the folder again)",
        ) from None


def get_suffix(name: str) -> str:
    """Return the lower-case extension of a name without its dot, "" if there is none."""
    base = name.rsplit("/", 1)[-1]
    return base.rsplit(".", 1)[1].lower() if "." in base else ""


def check_unique(names: Sequence[str]) -> None:
    """Refuse an archive in which two members have the same name."""
    if several := count_repeated(names):
        name, count = several.most_common(1)[0]
        raise IngestError(
            "duplicate_member",
            f"expected every member name once; found {make_printable(name)!r} {count} times",
        )


def find_common_root(names: Collection[str]) -> str:
    """Return the folder around everything with its trailing "/", "" if there is none.

    Files at the top do not count. A folder named as a split is not part of the root; at least one level of
    folders remains below the root.
    """
    root = ""
    while (name := next(select_nested(names, root), None)) is not None:
        folder = name[len(root) :].split("/", 1)[0]
        deeper = f"{root}{folder}/"
        if is_split_name(folder) or not all(name.startswith(deeper) for name in select_nested(names, root)):
            break
        if next(select_nested(names, deeper), None) is None:
            break
        root = deeper
    return root


def select_nested(names: Collection[str], root: str) -> Iterator[str]:
    """Yield the names in folders below the root."""
    return (name for name in names if name.startswith(root) and "/" in name[len(root) :])
