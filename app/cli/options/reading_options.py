"""The options of every command that has files read: how, where what would be detected is not right."""

import inspect
from collections.abc import Callable
from functools import wraps
from typing import Annotated, Any

import typer

Columns = Annotated[list[str] | None, typer.Option(help="names of columns; give the option once for each")]
READING: dict[str, Any] = {
    "format": Annotated[str | None, typer.Option(help="one of docs/formats.md; else detected")],
    "image_size": Annotated[int | None, typer.Option(min=8, max=512, help="side of the stored pictures")],
    "label_column": str | None,
    "label_separator": Annotated[
        str | None, typer.Option(help="what separates several labels of a sample: ; or | or space")
    ],
    "class_columns": Annotated[
        list[str] | None,
        typer.Option(help="a column of 0 and 1 that is a class; once for each, or as first..last"),
    ],
    "key_column": str | None,
    "truth_column": str | None,
    "split_column": str | None,
    "include_columns": Columns,
    "exclude_columns": Columns,
    "column_types": Annotated[
        list[str] | None,
        typer.Option(help="COLUMN=TYPE: number, category, boolean, date or text; the option once for each"),
    ],
    "encoding": Annotated[str | None, typer.Option(help="of texts that are not UTF-8: cp1252, utf-16")],
    "delimiter": Annotated[str | None, typer.Option(help="of tables of text: one character, tab or space")],
    "sheet": Annotated[str | None, typer.Option(help="of an Excel workbook")],
    "class_folder": Annotated[
        int | None, typer.Option(min=1, max=8, help="which folder below the root is the class")
    ],
}
"""Types by name of the option; each is a field of a dataset's request."""


def take_reading_options(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options of READING; those that were given come to it as the dict `reading`."""
    signature = inspect.signature(command)
    own = [parameter for parameter in signature.parameters.values() if parameter.name != "reading"]
    added = [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=annotation)
        for name, annotation in READING.items()
    ]

    @wraps(command)
    def run(*args: Any, **given: Any) -> None:  # noqa: ANN401 - whatever the command takes
        chosen = {name: given.pop(name) for name in READING}
        reading = {name: value for name, value in chosen.items() if value not in (None, [])}
        command(*args, reading=reading, **given)

    run.__signature__ = signature.replace(parameters=[*own, *added])  # type: ignore[attr-defined]  # typer reads it
    return run
