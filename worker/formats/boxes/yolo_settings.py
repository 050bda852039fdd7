"""What YOLO's data.yaml or a list says: class names, folders of splits, keypoints.

All values of YAML are taken as texts, as they are written: reading them as numbers, dates and truth values
can fail in many ways or take long, and makes `True` of a class "yes".
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import yaml

from models.reading.label_texts import clean_text
from worker.formats.shared.problems import SampleError, make_printable

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from worker.formats.archives.archive import Archive
    from worker.formats.shared.sample import Ingestion

YAML_NAMES = ("data.yaml", "data.yml", "dataset.yaml", "dataset.yml")
LIST_NAMES = ("classes.txt", "obj.names", "_darknet.labels", "names.txt", "predefined_classes.txt")
_DEPTH_MOST = 8
_YAML_BYTES = 256 << 10
_SPLITS = ("train", "val", "test")
_KINDS = ("str", "int", "float", "bool", "null", "timestamp", "seq", "map")
_TAGS = frozenset(f"tag:yaml.org,2002:{kind}" for kind in _KINDS)
_DIGITS_MOST = 9


class _UnusableYaml(Exception):
    """The file is no plain YAML."""


@dataclass(kw_only=True)
class YoloSettings:
    """What data.yaml says."""

    names: Mapping[int, str] = field(default_factory=dict)
    folders: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """Folders or lists of pictures by split."""
    keypoint_values: int = 0


def find_named(archive: Archive, names: Sequence[str]) -> int | None:
    """Return the file of one of these names that is the least deep."""
    found = [
        (name.count("/"), member)
        for member, name in enumerate(archive.names)
        if name.rsplit("/", 1)[-1].lower() in names
    ]
    return min(found)[1] if found else None


def read_settings(archive: Archive, member: int | None, ingestion: Ingestion) -> YoloSettings:
    """Return what data.yaml says; without it, or if it is not read, the names of a list."""
    if member is not None:
        name = archive.names[member]
        try:
            return _parse_settings(archive.read(member))
        except (_UnusableYaml, SampleError) as error:
            ingestion.understood.note("yaml_not_read", f"{name!r} was not read: {error}")
    listed = find_named(archive, LIST_NAMES)
    if listed is None:
        return YoloSettings()
    try:
        lines = archive.read(listed).decode("utf-8-sig", "replace").splitlines()
    except SampleError as error:
        ingestion.problems.add(archive.names[listed], error.code, error.detail)
        return YoloSettings()
    texts = [_clean(line) for line in lines]
    while texts and not texts[-1]:
        texts.pop()
    return YoloSettings(names={number: text or str(number) for number, text in enumerate(texts)})


def _parse_settings(content: bytes) -> YoloSettings:
    """Return what is used of data.yaml; anchors are refused, as they can stand for endless texts."""
    if len(content) > _YAML_BYTES:
        raise _UnusableYaml(f"expected at most {_YAML_BYTES} bytes; found {len(content)}")
    try:
        text = content.decode("utf-8-sig")
        _check_events(text)
        document = yaml.load(text, Loader=yaml.BaseLoader)  # noqa: S506 - it makes texts alone
    except (yaml.YAMLError, ValueError, OverflowError, RecursionError) as error:
        raise _UnusableYaml(f"expected YAML; found: {str(error)[:200]}") from None
    if not isinstance(document, dict):
        raise _UnusableYaml("expected names and folders; found another document")
    return YoloSettings(
        names=_read_names(document.get("names")),
        folders={split: _read_paths(document.get(split)) for split in _SPLITS},
        keypoint_values=_read_keypoints(document.get("kpt_shape")),
    )


def _check_events(text: str) -> None:
    """Refuse references, deep nesting, and values that are objects of a program.

    Small files of references take hours or memory without end.
    """
    depth = 0
    for event in yaml.parse(text, Loader=yaml.SafeLoader):
        if isinstance(event, yaml.AliasEvent):
            raise _UnusableYaml("expected YAML without references (*name); found one")
        tag = getattr(event, "tag", None)
        if tag not in (None, "!") and tag not in _TAGS:
            raise _UnusableYaml(f"expected YAML of texts, numbers, lists and mappings; found {tag[:80]!r}")
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > _DEPTH_MOST:
            raise _UnusableYaml(f"expected at most {_DEPTH_MOST} lists in one another; found more")


def _read_names(names: Any) -> Mapping[int, str]:  # noqa: ANN401 - YAML
    """Return the class names by number, of a list or of a mapping."""
    pairs = enumerate(names) if isinstance(names, list) else names.items() if isinstance(names, dict) else ()
    return {
        int(number): _clean(name) or str(int(number))
        for number, name in pairs
        if _is_whole(str(number)) and isinstance(name, str)
    }


def _is_whole(text: str) -> bool:
    return text.isdecimal() and len(text) <= _DIGITS_MOST


def _clean(text: str) -> str:
    return make_printable(clean_text(text))


def _read_paths(paths: Any) -> Sequence[str]:  # noqa: ANN401 - YAML
    """Return folders or lists as members of the archive may be named: without what leads out of it."""
    found = paths if isinstance(paths, list) else [paths]
    return [
        "/".join(part for part in path.replace("\\", "/").split("/") if part not in ("", ".", ".."))
        for path in found
        if isinstance(path, str)
    ]


def _read_keypoints(sizes: Any) -> int:  # noqa: ANN401 - YAML
    """Return how many numbers a line has for its keypoints: their number by 2 or 3 for each."""
    match sizes:
        case [str(count), str(each)] if _is_whole(count) and _is_whole(each):
            return int(count) * int(each)
    return 0
