"""How files are to be read is said before they are dropped, and shown before an audit can be started."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from playwright.sync_api import Page

ROWS = [f"{row / 7}^{row % 2}^{'xy'[row % 2]}^{row}" for row in range(12)]


def test_choices_made_before_an_upload_are_followed_and_shown(page: Page, tmp_path: Path) -> None:
    file = tmp_path / "measured.csv"
    file.write_text("\n".join(["height^label^kind^batch", *ROWS]) + "\n")
    page.goto("/")
    page.get_by_text("Say how the files are to be read").click()
    for label, text in (
        ("Label column", "kind"),
        ("Delimiter", "^"),
        ("Columns to leave out", "batch, label"),
    ):
        page.locator("#reading").get_by_label(label, exact=True).fill(text)
    page.set_input_files("#files", file)
    page.get_by_role("link", name="Start an audit").wait_for()
    facts = dict(
        zip(
            page.locator("dl.facts").first.locator("dt").all_inner_texts(),
            page.locator("dl.facts").first.locator("dd").all_inner_texts(),
            strict=True,
        )
    )
    assert (facts["Column: label"], facts["Delimiter"]) == ("kind", "^")
    assert facts["Classes"] == "x, y"
    page.get_by_text("Read the files again with other choices").click()
    assert page.locator("#read-again").get_by_label("Delimiter", exact=True).input_value() == "^"


def test_a_row_is_told_by_its_cells_and_none_of_them_is_markup(page: Page, tmp_path: Path) -> None:
    file = tmp_path / "people.csv"
    rows = [f"{30 + row / 2},{'Rome' if row else '<b>Rome</b>'},{'xy'[row % 2]}" for row in range(12)]
    file.write_text("\n".join(["age,city,label", *rows]) + "\n")
    page.goto("/")
    page.set_input_files("#files", file)
    page.get_by_role("link", name="Start an audit").wait_for()
    page.locator("#samples .told").first.wait_for()
    told = page.locator("#samples .told").all_inner_texts()
    assert "age 30 · city <b>Rome</b>" in told
    assert "age 30.5 · city Rome" in told


def test_a_choice_that_cannot_be_one_is_named(page: Page, tmp_path: Path, complaints: list[str]) -> None:
    file = tmp_path / "measured.csv"
    file.write_text("a,label\n1,x\n")
    page.goto("/")
    page.get_by_text("Say how the files are to be read").click()
    page.locator("#reading").get_by_label("Delimiter", exact=True).fill("many")
    page.set_input_files("#files", file)
    page.get_by_text("the word tab, as delimiter").wait_for()
    assert ["422" in complaint for complaint in complaints] == [True]
    complaints.clear()
