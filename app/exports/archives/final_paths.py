"""Where the pictures of a corrected archive lie: in the folders of their classes, at paths of their own.

Legend of shapes: N samples.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from app.exports.archives.kept_names import KeptNames
from app.exports.files.final_rows import DROPPED, Labels
from app.exports.files.stored_samples import SampleRow, iterate_samples, map_final_rows
from app.infra.errors import Invalid
from models.reading.archive_names import tidy_name


@dataclass(frozen=True, kw_only=True, slots=True)
class Picture:
    """A kept sample of an archive."""

    position: int
    name: str
    """Its path in the upload."""
    depth: int
    """How many folders its key names."""


def describe_picture(row: SampleRow) -> Picture:
    """Return the picture of a sample."""
    return Picture(position=row.position, name=get_member_name(row), depth=row.key.count("/"))


def get_member_name(row: SampleRow) -> str:
    """Return the path of a sample in the upload."""
    assert row.source_name is not None, "ingestion stores the member name of every image of an archive"
    return row.source_name


class FinalPaths:
    """The path of each picture; no path is used twice.

    It takes a few bytes a sample: which of the paths that its name could have in its class a picture takes.
    """

    def __init__(
        self, samples: Path, final_N: Labels, *, folders: Sequence[object], level: int | None
    ) -> None:
        """Choose the paths.

        Args:
            samples: the table of samples.
            final_N: final labels by position, DROPPED for samples that are not kept.
            folders: the folder of each class.
            level: how many folders lie around those of classes; None: those of splits, where there are some.

        Raises:
            Invalid: a class cannot be the name of a folder.

        """
        self._final_N, self._folders, self._level = final_N, folders, level
        numbers_N = np.zeros(len(final_N), np.uint32)
        self._has_split = bytearray(len(final_N))
        if map_final_rows(samples, final_N, marks_unchanged=True).list_new_labels():
            self._choose(samples, numbers_N)
        self._numbers_N = numbers_N.astype(np.min_scalar_type(int(numbers_N.max(initial=0))))

    def find(self, picture: Picture) -> str:
        """Return the path of a picture; without a new label, where it lay."""
        number = int(self._numbers_N[picture.position])
        return _number_path(self._build(picture), number) if number else _strip_root(picture)

    def _choose(self, samples: Path, numbers_N: npt.NDArray[np.uint32]) -> None:
        new, rows = set[str](), iterate_samples(samples)
        uploaded = KeptNames((_strip_root(describe_picture(row)), 0) for row in rows)
        for row in iterate_samples(samples):
            if self._final_N[row.position] in (DROPPED, row.uploaded):
                continue
            self._has_split[row.position] = row.split is not None
            wanted, number = self._build(describe_picture(row)), 1
            while (path := _number_path(wanted, number)) in new or path in uploaded:
                number += 1
            new.add(path)
            numbers_N[row.position] = number

    def _build(self, picture: Picture) -> str:
        """Return the path of a picture in the folder of its new class."""
        folders = _strip_root(picture).split("/")
        level = int(self._has_split[picture.position]) if self._level is None else self._level
        folders[level] = str(self._folders[int(self._final_N[picture.position])])
        path = "/".join(folders)
        try:
            return tidy_name(path)
        except ValueError:
            raise Invalid(
                f"the class {folders[level]!r} cannot be a folder's name: {path!r} may lie outside of the"
                " archive"
            ) from None


def _strip_root(picture: Picture) -> str:
    """Return an image's path without the folders that contain all images: as deep as its key."""
    parts = picture.name.split("/")
    return "/".join(parts[len(parts) - 1 - picture.depth :])


def _number_path(path: str, number: int) -> str:
    """Return the path that a picture takes if it is the first, second, ... one that wants a path."""
    if number == 1:
        return path
    folder, _, base = path.rpartition("/")
    stem, dot, suffix = base.rpartition(".") if "." in base else (base, "", "")
    return f"{folder}/{stem}~{number}{dot}{suffix}"
