"""WebDataset shards: tars in which a picture and its label share a stem, such as 0001.jpg and 0001.cls."""

from __future__ import annotations

from array import array
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any

import numpy as np

from models.reading.archive_names import find_stem
from models.reading.record_tables import parse_object
from models.reading.text_encodings import TableError
from worker.formats.archives.member_names import PICTURE_SUFFIXES, get_suffix
from worker.formats.archives.split_names import find_split
from worker.formats.layouts.json_labels import read_json_label
from worker.formats.layouts.listed_pictures import ListedPictures
from worker.formats.shared.columns import LABELS, TRUTHS, find_column
from worker.formats.shared.compact_texts import Finder, TextSelection
from worker.formats.shared.label_codes import MISSING
from worker.formats.shared.problems import SampleError
from worker.formats.shared.sample import Columns

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from worker.formats.archives.archive import Archive
    from worker.formats.shared.sample import Ingestion

CLASS_SUFFIXES = (".cls", ".cls.txt")
_JSON = ".json"
_PEEKED = 100


@dataclass(frozen=True, kw_only=True)
class LabelFiles:
    """Where the labels of an archive's pictures stand."""

    suffix: str
    """What follows the stem in the names of label files."""
    field: str | None
    """Of a JSON file; None: the file is the label."""
    truth: str | None
    """Field of the correct label."""
    pictures: NDArray[np.int64]
    """Members that are pictures [N]."""
    members: NDArray[np.int64]
    """The label file of each picture [N]; -1 if there is none."""


def find_label_files(archive: Archive, ingestion: Ingestion) -> LabelFiles | None:
    """Find label files beside most pictures: classes, else JSON files with a field of labels."""
    names = archive.names
    pictures = np.fromiter(
        (member for member, name in enumerate(names) if get_suffix(name) in PICTURE_SUFFIXES), np.int64
    )
    finder: Finder | None = None
    for suffix in (*CLASS_SUFFIXES, _JSON):
        if 2 * sum(name.endswith(suffix) for name in names) <= len(pictures):
            continue
        finder = finder or Finder(names)
        members = _match_stems(names, pictures, finder, suffix)
        if 2 * int((members >= 0).sum()) <= len(pictures):
            continue
        field = truth = None
        if suffix == _JSON:
            keys = _list_keys(archive, members)
            field = find_column(keys, ingestion.options.label_column, (*LABELS, "cls"))
            if field is None:
                continue
            truth = find_column([key for key in keys if key != field], ingestion.options.truth_column, TRUTHS)
        return LabelFiles(suffix=suffix, field=field, truth=truth, pictures=pictures, members=members)
    return None


def _match_stems(
    names: Sequence[str], pictures: NDArray[np.int64], finder: Finder, suffix: str
) -> NDArray[np.int64]:
    found = (finder.find(find_stem(names[int(picture)]) + suffix) for picture in pictures)
    return np.fromiter((-1 if member is None else member for member in found), np.int64, len(pictures))


def _list_keys(archive: Archive, members: NDArray[np.int64]) -> list[str]:
    """Return the keys of the first JSON files, in their order."""
    keys: dict[str, None] = {}
    for member in islice((int(each) for each in members if each >= 0), _PEEKED):
        try:
            keys.update(dict.fromkeys(_read_object(archive, member)))
        except SampleError:
            continue
    return list(keys)


def _read_object(archive: Archive, member: int) -> dict[str, Any]:
    try:
        return parse_object(archive.read(member).decode("utf-8-sig"))
    except (TableError, UnicodeDecodeError) as error:
        raise SampleError("bad_row", f"expected a JSON object beside the picture; found: {error}") from None


def read_shards(
    archive: Archive, labels: LabelFiles, ingestion: Ingestion, *, root: str, is_joined: bool
) -> ListedPictures:
    """Read the pictures with a label file, in the archive's order; `is_joined`: top folders are shards."""
    where = f"the field {labels.field!r} of the" if labels.field else "the"
    ingestion.understood.facts["label_from"] = f"{where} {labels.suffix} file beside each picture"
    ingestion.layout.update({"label_suffix": labels.suffix, "label_field": labels.field})
    members, given, true = array("q"), array("i"), array("i")
    for picture, given_code, true_code in _read_labels(archive, labels, ingestion):
        members.append(picture)
        given.append(given_code)
        true.append(true_code)
    rows = np.frombuffer(members, dtype=np.int64)
    true_codes = np.frombuffer(true, dtype=np.int32)
    splits = [find_split(archive.names[row].partition("/")[0]) for row in members] if is_joined else None
    return ListedPictures(
        format="webdataset",
        members=rows,
        columns=Columns(
            given=np.frombuffer(given, dtype=np.int32),
            true=true_codes if labels.truth and bool((true_codes != MISSING).any()) else None,
            keys=TextSelection(archive.names, rows, start=len(root)),
            splits=splits if splits and any(splits) else None,
        ),
    )


def _read_labels(
    archive: Archive, labels: LabelFiles, ingestion: Ingestion
) -> Iterator[tuple[int, int, int]]:
    """Yield picture, code of the given label, and code of the correct one."""
    used = bytearray(len(archive.names))
    for picture, member in zip(labels.pictures.tolist(), labels.members.tolist(), strict=True):
        name = archive.names[picture]
        if member < 0:
            ingestion.problems.add(
                name, "missing_label", f"expected {find_stem(name) + labels.suffix!r} beside it; found none"
            )
            continue
        if used[member]:
            ingestion.problems.add(
                name, "listed_twice", "expected one picture for each label; found another (the first counts)"
            )
            continue
        used[member] = True
        try:
            label, truth = _read_label(archive, member, labels, ingestion)
        except SampleError as error:
            ingestion.problems.add(name, error.code, error.detail)
            continue
        code = ingestion.vocabulary.get_code
        yield picture, code(label), code(truth, is_truth=True) if labels.truth else MISSING


def _read_label(
    archive: Archive, member: int, labels: LabelFiles, ingestion: Ingestion
) -> tuple[object, object]:
    if labels.field is not None:
        content = _read_object(archive, member)
        given, true = (content.get(name) for name in (labels.field, labels.truth or ""))
        return read_json_label(given, ingestion), read_json_label(true, ingestion)
    try:
        return archive.read(member).decode("utf-8-sig").strip(), None
    except UnicodeDecodeError:
        raise SampleError(
            "bad_row", "expected a class in UTF-8 beside the picture; found other bytes"
        ) from None
