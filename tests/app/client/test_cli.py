"""What holds for all commands together; what each does is seen end to end."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from app.cli.options.reading_options import READING
from app.cli.root import INSTALLED, load_command
from app.exports.registry import EXPORTS
from app.schemas.request_schemas import DatasetOptions
from app.web.understood_facts import READING_OPTIONS, list_reading_options

if TYPE_CHECKING:
    from typer._click.core import Command

# They print a sentence, a secret or nothing, or write a file.
PRINT_NO_DATA = {
    *(
        "up",
        "migrate",
        "backup",
        "restore",
        "keys create",
        "keys revoke",
        "audit download",
        "record",
        "audit delete",
        "dataset delete",
    ),
    *(
        "review put",
        "review import",
        "review settle",
        "webhook delete",
        "bucket delete",
        "hub-token delete",
        "probe api",
        "probe workers",
        "probe beat",
    ),
    *(f"export {export.command}" for export in EXPORTS),
}


def test_every_command_that_prints_data_takes_json() -> None:
    commands = dict(leaf for name in INSTALLED for leaf in _leaves(load_command(name), (name,)))
    without = {name for name, command in commands.items() if not _has_option(command, "--json")}
    assert without == PRINT_NO_DATA


@pytest.mark.parametrize("name", ["dataset upload", "dataset add", "dataset read-again", "audit file"])
def test_every_command_that_reads_files_takes_every_option_of_reading(name: str) -> None:
    group = name.partition(" ")[0]
    command = dict(_leaves(load_command(group), (group,)))[name]
    wanted = {f"--{field.replace('_', '-')}" for field in DatasetOptions.model_fields}
    assert {option for option in wanted if not _has_option(command, option)} == set()
    assert set(READING) == set(DatasetOptions.model_fields)


def test_the_form_of_reading_has_fields_of_a_request_alone() -> None:
    assert set(DatasetOptions.model_fields) - set(READING_OPTIONS) == {"format"}
    filled = {option.name: option.value for option in list_reading_options({"exclude_columns": ["a", "b"]})}
    assert filled["exclude_columns"] == "a, b"
    assert filled["label_column"] == ""


def _leaves(command: Command, path: tuple[str, ...]) -> list[tuple[str, Command]]:
    inside = getattr(command, "commands", None)
    if inside is None:
        return [(" ".join(path), command)]
    return [leaf for name, found in inside.items() for leaf in _leaves(found, (*path, name))]


def _has_option(command: Command, option: str) -> bool:
    return any(option in parameter.opts for parameter in command.params)
