"""Print the requirements of pyproject.toml, with those of the extras named on the command line.

The images install these before they copy the code, so that the layer is built again only when they change.
"""

import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any


def requirements(pyproject: Path, extras: list[str]) -> list[str]:
    """Return the project's dependencies and those of its extras, and of the extras that these name."""
    project = tomllib.loads(pyproject.read_text(encoding="utf-8"))["project"]
    return [*project["dependencies"], *_of_extras(project, extras)]


def _of_extras(project: dict[str, Any], extras: list[str]) -> Iterator[str]:
    for extra in extras:
        for wanted in project["optional-dependencies"][extra]:
            if wanted.startswith(f"{project['name']}["):
                yield from _of_extras(project, [wanted.partition("[")[2].rstrip("]")])
            else:
                yield wanted


if __name__ == "__main__":
    print("\n".join(requirements(Path("pyproject.toml"), sys.argv[1:])))  # noqa: T201 - its output
