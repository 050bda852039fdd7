"""How an upload was read, as labels and texts: for the command line and the page of a dataset."""

from typing import Any

Json = dict[str, Any]

SHOWN = 12
LABELS = {
    "encoding": "Encoding",
    "delimiter": "Delimiter",
    "scale": "Pixel values",
    "label_from": "Label",
    "tables": "Tables",
}
"""Labels by name of the fact."""


READING_OPTIONS = {
    "label_column": "Label column",
    "key_column": "Id column",
    "split_column": "Split column",
    "truth_column": "Correct labels column",
    "include_columns": "Columns to include",
    "exclude_columns": "Columns to leave out",
    "encoding": "Encoding",
    "class_folder": "Class folder (1: first)",
}
"""Labels of the options that change how an upload is read; the page of a dataset has a field for each."""


def describe_understanding(understood: Json) -> list[tuple[str, str]]:
    """Return a label and a text for each fact about how an upload was read."""
    columns = {name: value for name, value in (understood.get("columns") or {}).items() if value is not None}
    facts = [(f"Column: {name}", _format(value)) for name, value in columns.items()]
    facts += [(label, _format(understood[name])) for name, label in LABELS.items() if understood.get(name)]
    spelled = [_show_class(entry) for entry in understood.get("classes", [])]
    if spelled:
        more = understood["class_count"] - SHOWN
        facts.append(("Classes", ", ".join(spelled[:SHOWN]) + (f" and {more} more" if more > 0 else "")))
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


def _format(value: object) -> str:
    return ", ".join(map(str, value[:SHOWN])) if isinstance(value, list) else str(value)
