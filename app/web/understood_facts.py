"""How an upload was read, as labels and texts: for the command line and the page of a dataset."""

from dataclasses import dataclass
from typing import Any

Json = dict[str, Any]

SHOWN = 12
LABELS = {
    "sheet": "Sheet",
    "encoding": "Encoding",
    "delimiter": "Delimiter",
    "scale": "Pixel values",
    "label_from": "Label",
    "label_sets": "Several labels",
    "pictures_from": "Pictures named by",
    "tables": "Tables",
    "own_columns": "Columns of yours, kept",
}
"""Labels by name of the fact."""


READING_OPTIONS = {
    "label_column": ("Label column", ""),
    "label_separator": ("Several labels a sample", "What separates them: ; or | or the word space."),
    "class_columns": (
        "A column for each class",
        "Columns of 0 and 1, if samples have several labels: names, separated by commas, or first..last.",
    ),
    "key_column": ("Id column", ""),
    "split_column": ("Split column", ""),
    "truth_column": ("Correct labels column", "Labels known to be right: they measure the result."),
    "include_columns": ("Columns to include", "Names, separated by commas."),
    "exclude_columns": ("Columns to leave out", "Names, separated by commas."),
    "column_types": ("Types of columns", "Such as zip=category, age=number, separated by commas."),
    "encoding": ("Encoding", "Of texts that are not UTF-8, such as cp1252."),
    "delimiter": ("Delimiter", "One character, or the words tab or space."),
    "sheet": ("Sheet", "Of an Excel workbook."),
    "class_folder": ("Class folder", "1: the first below the top; 2: the folder in it."),
    "image_size": ("Side of the pictures in pixels", "8 to 512; for training."),
}
"""Label and hint of the options that change how files are read; the pages have a field for each."""


@dataclass(frozen=True, kw_only=True)
class ReadingOption:
    """A field of the form."""

    name: str
    label: str
    hint: str
    value: str


def list_reading_options(chosen: Json) -> list[ReadingOption]:
    """Return the fields of the form, filled with the options that were chosen."""
    return [
        ReadingOption(name=name, label=label, hint=hint, value=_format(chosen.get(name, "")))
        for name, (label, hint) in READING_OPTIONS.items()
    ]


def describe_understanding(understood: Json) -> list[tuple[str, str]]:
    """Return a label and a text for each fact about how an upload was read."""
    columns = {name: value for name, value in (understood.get("columns") or {}).items() if value is not None}
    facts = [(f"Column: {name}", _format(value, most=SHOWN)) for name, value in columns.items()]
    types = understood.get("column_types") or {}
    facts += [
        (f"Columns of type {kind}", _format([name for name in types if types[name] == kind], most=SHOWN))
        for kind in dict.fromkeys(types.values())
    ]
    facts += [
        (label, _format(understood[name], most=SHOWN))
        for name, label in LABELS.items()
        if understood.get(name)
    ]
    spelled = [_show_class(entry) for entry in understood.get("classes", [])]
    if spelled:
        more = understood["class_count"] - SHOWN
        facts.append(("Classes", ", ".join(spelled[:SHOWN]) + (f" and {more} more" if more > 0 else "")))
    if understood.get("set_count"):
        facts.append(("Different sets of them", f"{understood['set_count']:,}"))
    facts += [
        ("Not used", f"{entry['column']}: {entry['reason']}") for entry in understood.get("left_out", [])
    ]
    return facts


def describe_notes(understood: Json) -> list[tuple[str, str | None]]:
    """Return what was guessed or is unusual, each with the option that changes it."""
    return [(note["text"], note["option"]) for note in understood.get("notes", [])]


def _show_class(entry: Json) -> str:
    """Return a class with its own spelling, where this is another text."""
    name, spelled = entry["name"], entry["spelled"]
    return name if spelled is None or str(spelled) == name else f"{name} (written {spelled!r})"


def _format(value: object, *, most: int | None = None) -> str:
    return ", ".join(map(str, value[:most])) if isinstance(value, list) else str(value)
