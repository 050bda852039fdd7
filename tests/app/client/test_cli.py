"""What holds for all commands together; what each does is seen end to end."""

from __future__ import annotations

from typing import TYPE_CHECKING

from app.cli.root import INSTALLED, load_command
from app.exports.registry import EXPORTS

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
        "audit delete",
        "dataset delete",
    ),
    *("review put", "review import", "webhook delete", "probe api", "probe workers", "probe beat"),
    *(f"export {export.command}" for export in EXPORTS),
}


def test_every_command_that_prints_data_takes_json() -> None:
    commands = dict(leaf for name in INSTALLED for leaf in _leaves(load_command(name), (name,)))
    without = {name for name, command in commands.items() if not _has_option(command, "--json")}
    assert without == PRINT_NO_DATA


def _leaves(command: Command, path: tuple[str, ...]) -> list[tuple[str, Command]]:
    inside = getattr(command, "commands", None)
    if inside is None:
        return [(" ".join(path), command)]
    return [leaf for name, found in inside.items() for leaf in _leaves(found, (*path, name))]


def _has_option(command: Command, option: str) -> bool:
    return any(option in parameter.opts for parameter in command.params)
