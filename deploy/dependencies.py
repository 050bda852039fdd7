"""Print the requirements of pyproject.toml, with those of the extras named on the command line.

The images install these before they copy the code, so that the layer is built again only when they change.
"""

import re
import sys
import tomllib
from pathlib import Path


def list_requirements(pyproject: Path, extras: list[str]) -> list[str]:
    """Return the project's dependencies and those of its extras, following extras that name others."""
    project = tomllib.loads(pyproject.read_text(encoding="utf-8"))["project"]
    own = re.compile(rf"{re.escape(project['name'])}\[(.+)\]")

    def expand(wanted: str) -> list[str]:
        match = own.fullmatch(wanted)
        return [wanted] if match is None else list_extras(match[1].split(","))

    def list_extras(names: list[str]) -> list[str]:
        optional = project["optional-dependencies"]
        return [each for name in names for wanted in optional[name] for each in expand(wanted)]

    return [*project["dependencies"], *list_extras(extras)]


if __name__ == "__main__":
    print("\n".join(list_requirements(Path("pyproject.toml"), sys.argv[1:])))
