"""JSON as tables: an object for each sample, in lines or in one list. Read as a CSV with these columns."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from models.reading.json_records import JsonRecordError, read_json_records
from models.reading.text_encodings import TableError, detect_encoding
from worker.formats.archives.uploaded_files import Upload
from worker.formats.shared.problems import IngestError, make_printable
from worker.formats.shared.sample import ListsNeeded
from worker.formats.tables.csv_features import open_csv
from worker.formats.tables.csv_style import COCO_ALONE

if TYPE_CHECKING:
    from worker.formats.shared.sample import Documents, Features, Ingestion, Table

_HEAD = 4_096
COCO_SECTIONS = frozenset(("annotations", "images"))


def is_json(upload: Upload) -> bool:
    """Return whether a file of text is JSON with objects, by its first characters."""
    with upload.path.open("rb") as file:
        head = file.read(_HEAD)
    text = head.decode(detect_encoding(head), "replace").lstrip("\ufeff \t\r\n")
    is_list = text.startswith("[") and text[1:].lstrip()[:1] in ("{", "]")
    is_object = text.startswith("{") and text[1:].lstrip()[:1] in ('"', "}")
    return (is_list or is_object) and not _is_coco(text)


def _is_coco(text: str) -> bool:
    return '"annotations"' in text and '"images"' in text


def open_json(upload: Upload, ingestion: Ingestion) -> Features | Table | Documents:
    """Open a JSON list or JSON lines: every object is a row, its names are columns.

    Raises:
        ListsNeeded: labels are lists of several classes, and were not known to be sets.
        IngestError: it is other JSON, or none.

    """
    if upload.path.stat().st_size > ingestion.limits.max_total_bytes:
        raise IngestError("too_many_bytes", "expected a smaller JSON file")
    table = ingestion.staging / "json.csv"
    try:
        names, lists = _collect_names(upload, ingestion)
        with table.open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file, lineterminator="\n", quoting=csv.QUOTE_ALL)
            writer.writerow(names)
            for record in read_json_records(upload.path, ingestion.options.encoding):
                writer.writerow([_format((record.value or {}).get(name)) for name in names])
    except (JsonRecordError, TableError) as error:
        raise IngestError("bad_json", make_printable(str(error))) from None
    options = replace(ingestion.options, encoding=None, delimiter=None)
    text = Upload(name=upload.name, path=table, original=False, kind="text")
    source = open_csv(text, replace(ingestion, options=options))
    if ingestion.layout.get("label_column") in lists and not ingestion.has_sets:
        raise ListsNeeded
    facts = ingestion.understood.facts
    del facts["encoding"], facts["delimiter"]
    return replace(source, format="json_lines")


def _collect_names(upload: Upload, ingestion: Ingestion) -> tuple[list[str], set[str]]:
    """Return the names of the columns, and those in which a list has several values."""
    names: dict[str, None] = {}
    lists: set[str] = set()
    first, count = None, 0
    for record in read_json_records(upload.path, ingestion.options.encoding):
        first, count = first or record.value, count + 1
        names.update(dict.fromkeys(record.value or ()))
        lists.update(name for name, value in (record.value or {}).items() if _has_several(value))
        ingestion.alive()
        if len(names) > ingestion.limits.max_features:
            break
    if names.keys() >= COCO_SECTIONS:
        raise JsonRecordError(f"expected a table; found {COCO_ALONE}")
    if count == 1 and first is not None:
        _refuse_wrapped(first)
    if not names:
        raise JsonRecordError("expected JSON objects with names and values; found none")
    return list(names), lists


def _refuse_wrapped(only: dict[str, Any]) -> None:
    """Refuse one object that holds the samples in a list of its own."""
    for name, value in only.items():
        if isinstance(value, list) and value and isinstance(value[0], dict):
            raise JsonRecordError(
                "expected a list of objects, or an object in each line; found one object, whose"
                f" {name!r} is a list of {len(value)} objects (upload that list alone)"
            )


def _has_several(value: object) -> bool:
    return isinstance(value, list) and len(value) > 1


def _format(value: Any) -> str:  # noqa: ANN401 - a JSON value
    """Return a value as a cell: texts as they are without NULs, None as blank, nested ones as JSON."""
    if value is None:
        return ""
    if isinstance(value, str):
        return value.replace("\x00", "\N{REPLACEMENT CHARACTER}").encode("utf-8", "replace").decode("utf-8")
    return json.dumps(value, ensure_ascii=True)
