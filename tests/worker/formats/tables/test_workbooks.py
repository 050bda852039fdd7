from __future__ import annotations

import sys
import zipfile
from typing import TYPE_CHECKING, Any

import pytest
from openpyxl import Workbook

from models.reading.text_tables import SHEET_TABLE
from worker.ingest.pack_building import IngestLimits

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from worker.ingest.pack_building import IngestError


@pytest.fixture
def workbook(tmp_path: Path) -> Path:
    """Return a workbook of twelve rows with ids that begin with zeros."""
    book = Workbook()
    sheet = book.worksheets[0]
    sheet.append(["id", "height", "label"])
    for row in range(12):
        sheet.append([f"{row:03d}", row / 4, ("cat", "dog")[row % 2]])
    book.save(tmp_path / "data.xlsx")
    return tmp_path / "data.xlsx"


def test_the_sheet_is_kept_as_the_text_that_was_read(build: Callable[..., Any], workbook: Path) -> None:
    built = build(workbook)
    assert built.ingested.format == "workbook"
    assert built.keys == [f"{row:03d}" for row in range(12)]
    assert built.pack[:, 0].tolist() == [row / 4 for row in range(12)]
    kept = built.ingested.pack_path.with_name(SHEET_TABLE).read_text().splitlines()
    assert kept[:3] == ["id,height,label", "000,0,cat", "001,0.25,dog"]


def test_without_the_library_the_way_out_names_the_extra(
    refusal: Callable[..., IngestError], workbook: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "python_calamine", None)
    error = refusal(workbook)
    assert error.code == "unsupported_format"
    assert "CSV UTF-8" in str(error)
    assert "`spreadsheets`" in str(error)


def test_a_workbook_keeps_to_the_limits_of_archives(
    refusal: Callable[..., IngestError], workbook: Path, tmp_path: Path
) -> None:
    assert refusal(workbook, limits=IngestLimits(max_total_bytes=2_000)).code == "too_many_bytes"
    bomb = tmp_path / "bomb.xlsx"
    with zipfile.ZipFile(workbook) as old, zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            new.writestr(name, old.read(name))
        new.writestr("xl/media/large.xml", bytes(32 << 20))
    assert refusal(bomb).code == "compression_ratio"


def test_a_refused_workbook_leaves_nothing_behind(
    refusal: Callable[..., IngestError], workbook: Path, tmp_path: Path
) -> None:
    refusal(workbook, label_column="nothing")
    assert [path.name for path in (tmp_path / "built-0").iterdir()] == []
