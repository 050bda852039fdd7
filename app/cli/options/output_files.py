"""Files that commands write: what is wrong with a name is said before anything is waited for."""

from functools import partial
from pathlib import Path

import typer


def check_folder(path: Path | None) -> Path | None:
    """Return the path of a file to write, or of a folder that exists.

    Raises:
        typer.BadParameter: the folder in which the file would be does not exist.

    """
    if path is not None and not path.is_dir() and not path.absolute().parent.is_dir():
        raise typer.BadParameter(f"there is no folder {path.absolute().parent}; make it first")
    return path


OutputFile = partial(typer.Option, dir_okay=False, callback=check_folder)
"""An option that names a file to write."""
OutputPlace = partial(typer.Option, callback=check_folder)
"""An option that names a file to write, or a folder for it."""
OutputArgument = partial(typer.Argument, dir_okay=False, callback=check_folder)
"""An argument that names a file to write."""
