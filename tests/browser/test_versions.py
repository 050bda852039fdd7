"""From a review to the corrected version, its own audit, and the comparison of both, in a browser."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from app.client import Client
from app.embedded.local_stack import LocalStack
from tests.browser.conftest import NARROW
from tests.builders.pictures import write_digits_zip

if TYPE_CHECKING:
    from playwright.sync_api import Page

axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="needs the extra `browser`")
SAVED = "() => !Object.keys(localStorage).some((key) => key.startsWith('limit-audit.verdicts'))"
PER_CLASS = 12


def check_looks(page: Page) -> None:
    """Fail where the page scrolls sideways or keeps people out, at both widths."""
    wide = page.viewport_size
    assert wide is not None
    for size in (NARROW, wide):
        page.set_viewport_size(size)
        excess = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        assert page.evaluate(excess) <= 0
        found = axe.Axe().run(page).response["violations"]
        assert [one["id"] for one in found if one["impact"] in {"serious", "critical"}] == []


def test_a_reviewed_dataset_becomes_a_version_that_is_audited_again_and_compared(
    page: Page, stack: LocalStack, tmp_path: Path
) -> None:
    file = write_digits_zip(tmp_path / "small.zip", per_class=PER_CLASS)
    with Client(stack.url) as client:
        dataset = client.upload([file], name="small.zip").wait(progress=False)
        audit = dataset.audit(name="small", method="ce", epochs=1, folds=1).wait(progress=False)
        worst, second = audit.suspects().first(2)
    page.goto(f"/audits/{audit.id}/review")
    page.locator("#key", has_text=worst["key"]).wait_for()
    page.keyboard.press("d")
    page.locator("#key", has_text=second["key"]).wait_for()
    other = next(name for name in ("0", "1", "2") if name != second["given_label"])
    page.keyboard.press(str(int(other) + 1))
    page.wait_for_function(SAVED)
    page.get_by_role("button", name="Make the corrected version").click()
    dialogue = page.get_by_role("dialog", name="Make version 2 from version 1?")
    dialogue.get_by_text("1 label changes and 1 sample is dropped; 35 samples stay").wait_for()
    dialogue.get_by_role("button", name="Make the version").click()
    again = page.get_by_role("button", name="Start an audit")
    again.wait_for()
    page.get_by_text("Made from small.zip (version 1): 1 label changed, 1 sample dropped").wait_for()
    check_looks(page)
    again.click()
    page.locator("#montage img").first.wait_for()
    page.get_by_text("1 verdict is carried over from version 1").wait_for()
    page.get_by_text("1 sample has a verdict, given in an earlier version; it is left out").wait_for()
    assert page.locator("#montage .chip").count() == 0
    page.get_by_label("Verdict", exact=True).select_option("any")
    page.get_by_text(f"Relabelled from {second['given_label']} in version 1").wait_for()
    page.get_by_text("Compare", exact=True).click()
    page.get_by_role("link", name="with small (version 1)").click()
    page.get_by_role("heading", name="Comparison of two audits").wait_for()
    page.get_by_role("heading", name="Relabelled").wait_for()
    assert page.get_by_text(f"{second['given_label']} → {other}").count() == 1
    page.get_by_text("no independent evidence").wait_for()
    check_looks(page)
    page.get_by_role("link", name="small", exact=True).first.click()
    page.get_by_text("is version 2, made from this dataset").wait_for()
    page.goto("/")
    page.locator("tr", has_text="earlier").filter(has_text="small.zip").wait_for()
    check_looks(page)
