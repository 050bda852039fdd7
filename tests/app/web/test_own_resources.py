"""No page, script, style or report names a resource of another host."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
FOLDERS = ("app/web/templates", "app/web/static", "app/exports/templates")
FILES = sorted(file for folder in FOLDERS for file in (ROOT / folder).rglob("*") if file.is_file())
ADDRESS = re.compile(r"//[a-z0-9.-]+\.[a-z]{2,}", re.IGNORECASE)
NAMES = {"//www.w3.org"}
"""Namespaces of SVG and XHTML: names, which nobody fetches."""


def test_there_are_pages_scripts_and_styles() -> None:
    assert {".html", ".js", ".css", ".svg"} <= {file.suffix for file in FILES}


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_no_address_of_another_host_is_named(file: Path) -> None:
    assert set(ADDRESS.findall(file.read_text(encoding="utf-8"))) <= NAMES
