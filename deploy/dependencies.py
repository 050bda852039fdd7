"""Print the dependencies in pyproject.toml and those of the extras on the command line.

The images install them before copying the code, so that this layer is rebuilt only when they change.
"""

import re
import sys
import tomllib
from pathlib import Path


def list_requirements(pyproject: Path, extras: list[str]) -> list[str]:
    """Return the dependencies of the project and of these extras, including nested extras."""
    project = tomllib.loads(pyproject.read_text(encoding="utf-8"))["project"]
    own = re.compile(rf"{re.escape(project['name'])}\[(.+)\]")

    def expand(requirement: str) -> list[str]:
        match = own.fullmatch(requirement)
        return [requirement] if match is None else list_extras(match[1].split(","))

    def list_extras(names: list[str]) -> list[str]:
        optional = project["optional-dependencies"]
        return [each for name in names for requirement in optional[name] for each in expand(requirement)]

    return [*project["dependencies"], *list_extras(extras)]


if __name__ == "__main__":
    print("\n".join(list_requirements(Path("pyproject.toml"), sys.argv[1:])))
