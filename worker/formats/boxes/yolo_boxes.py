"""Boxes of YOLO's folders: a text file for each picture, class names in data.yaml or a list."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from models.reading.boxes.yolo_text import BOX_VALUES, find_corners, read_lines
from worker.formats.archives.member_names import PICTURE_SUFFIXES, get_suffix
from worker.formats.archives.split_names import find_split, is_split_name
from worker.formats.boxes.found_boxes import DistinctNames, FoundBoxes
from worker.formats.boxes.yolo_settings import LIST_NAMES, YAML_NAMES, YoloSettings, find_named, read_settings
from worker.formats.shared.compact_texts import Finder
from worker.formats.shared.problems import SampleError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from worker.formats.archives.archive import Archive
    from worker.formats.archives.member_index import MemberIndex
    from worker.formats.shared.sample import Ingestion

_IMAGES_FOLDER = re.compile(r"(^|/)images(?=/)(?!.*/images/)")
"""The last folder named images: its labels lie in a folder named labels beside it."""
_PROBED = 50
_ALIVE_EVERY = 1_000


@dataclass(frozen=True, kw_only=True)
class YoloFolders:
    """The label files of an archive, by picture."""

    labels: Mapping[int, int]
    """Label file by picture, both members."""
    settings_file: int | None
    strays: Sequence[int]
    """Label files without a picture."""


def find_folders(archive: Archive) -> YoloFolders | None:
    """Return the label files of an archive; None if most pictures have none and there is no data.yaml."""
    finder = Finder(archive.names)
    pictures = [member for member, name in enumerate(archive.names) if get_suffix(name) in PICTURE_SUFFIXES]
    labels = {
        picture: label
        for picture in pictures
        if (label := finder.find(*_list_places(archive.names[picture]))) is not None
    }
    settings = find_named(archive, YAML_NAMES)
    is_marked = settings is not None or find_named(archive, LIST_NAMES) is not None
    if not labels or (not is_marked and len(labels) * 2 <= len(pictures)) or not _look_right(archive, labels):
        return None
    used = set(labels.values())
    strays = [
        member
        for member, name in enumerate(archive.names)
        if member not in used and get_suffix(name) == "txt" and "labels" in name.split("/")[:-1]
    ]
    return YoloFolders(labels=labels, settings_file=settings, strays=strays)


def _list_places(name: str) -> Iterator[str]:
    """Yield where the label file of a picture may lie."""
    stem = name[: len(name) - len(get_suffix(name))] + "txt"
    swapped = _IMAGES_FOLDER.sub(r"\1labels", stem)
    if swapped != stem:
        yield swapped
    yield stem
    folder, _, base = stem.rpartition("/")
    yield f"{folder}/labels/{base}".lstrip("/")
    yield f"{folder.rpartition('/')[0]}/labels/{base}".lstrip("/")


def _look_right(archive: Archive, labels: Mapping[int, int]) -> bool:
    """Return whether most lines of the first label files are a class and a place."""
    right = wrong = 0
    for member in list(labels.values())[:_PROBED]:
        try:
            lines = list(read_lines(archive.read(member)))
        except SampleError:
            continue
        good = sum(line.label is not None and len(line.values) >= BOX_VALUES for line in lines)
        right, wrong = right + good, wrong + len(lines) - good
    return right > wrong


def read_folders(index: MemberIndex, folders: YoloFolders, ingestion: Ingestion) -> FoundBoxes:
    """Return the boxes of all label files."""
    archive = index.archive
    settings = read_settings(archive, folders.settings_file, ingestion)
    found = FoundBoxes(format="yolo", is_share=True)
    found.listed.update(folders.labels)
    naming = _Naming(settings.names, ingestion)
    splits = _Splits(archive, settings)
    unclear = 0
    for count, (picture, label) in enumerate(folders.labels.items()):
        if count % _ALIVE_EVERY == 0:
            ingestion.alive()
        try:
            lines = list(read_lines(archive.read(label)))
        except SampleError as error:
            ingestion.problems.add(archive.names[label], error.code, error.detail)
            continue
        for line in lines:
            corners = find_corners(line.values, settings.keypoint_values)
            key = f"{index.get_key(picture)}#{line.number + 1}"
            if line.label is None or corners is None:
                ingestion.problems.add(
                    key, "bad_row", "expected a class number with a box or polygon; found another line"
                )
                continue
            unclear += len(line.values) > BOX_VALUES
            found.add(
                place=(picture, label, line.number),
                given=naming.get_code(line.label),
                corners=corners,
                stated=(0, 0),
                key=key,
                split=splits.find(picture),
            )
    for stray in folders.strays:
        ingestion.problems.add(
            archive.names[stray], "missing_picture", "expected a picture for this label file; found none"
        )
    naming.finish()
    if unclear:
        ingestion.understood.note(
            "outlines_as_boxes",
            f"{unclear} lines hold more than a box (an outline, keypoints or a confidence): the box "
            "around the outline is shown, and a cleaned dataset changes only their class",
        )
    return found


class _Naming:
    """Class names by number."""

    def __init__(self, names: Mapping[int, str], ingestion: Ingestion) -> None:
        self._ingestion = ingestion
        self._distinct = DistinctNames([names[number] for number in sorted(names)])
        self._names = {number: self._distinct.make(names[number], str(number)) for number in sorted(names)}
        self._codes: dict[int, int] = {}
        ingestion.vocabulary.is_literal = True
        ingestion.vocabulary.set_order(list(self._names.values()))

    def get_code(self, number: int) -> int:
        if number not in self._codes:
            name = self._names.get(number) or self._distinct.add(str(number), str(number))
            self._codes[number] = self._ingestion.vocabulary.get_code(name)
        return self._codes[number]

    def finish(self) -> None:
        """Keep which number means which class, and note numbers without a name."""
        nameless = sorted(set(self._codes) - set(self._names))
        if nameless:
            shown = ", ".join(map(str, nameless[:5]))
            self._ingestion.understood.note(
                "labels_without_name",
                f"no list of names (data.yaml, classes.txt) names the classes {shown}: they are shown as "
                "numbers",
            )
        numbers = self._names | {number: str(number) for number in nameless}
        vocabulary = self._ingestion.vocabulary
        self._ingestion.layout["categories"] = {
            "": {
                vocabulary.names[self._codes[number]] if number in self._codes else name: number
                for number, name in numbers.items()
            }
        }


class _Splits:
    """The split of each picture: by data.yaml, else by a folder named as one."""

    def __init__(self, archive: Archive, settings: YoloSettings) -> None:
        self._archive = archive
        self._folders = [
            (split, f"/{path}/")
            for split, paths in settings.folders.items()
            for path in paths
            if path and not path.endswith(".txt")
        ]
        self._listed = dict(self._read_lists(settings))

    def _read_lists(self, settings: YoloSettings) -> Iterator[tuple[str, str]]:
        """Yield the end of the path of each picture in a list, and its split."""
        bases = {name.rsplit("/", 1)[-1]: member for member, name in enumerate(self._archive.names)}
        for split, paths in settings.folders.items():
            for path in paths:
                member = bases.get(path.rsplit("/", 1)[-1]) if path.endswith(".txt") else None
                if member is None:
                    continue
                try:
                    lines = self._archive.read(member).decode("utf-8", "replace").splitlines()
                except SampleError:
                    continue
                for line in lines:
                    yield line.strip().replace("\\", "/").rsplit("/", 1)[-1], split

    def find(self, picture: int) -> str | None:
        name = self._archive.names[picture]
        for split, folder in self._folders:
            if folder in f"/{name}":
                return split
        listed = self._listed.get(name.rsplit("/", 1)[-1])
        named = next((part for part in name.split("/")[:-1] if is_split_name(part)), None)
        return listed or (find_split(named) if named else None)
