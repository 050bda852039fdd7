"""Before Start the form says how long the audit takes, and Fast changes what is started."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from app.client import Client

if TYPE_CHECKING:
    from playwright.sync_api import Page

    from app.embedded.local_stack import LocalStack


def test_fast_says_what_it_costs_and_is_what_starts(
    page: Page, stack: LocalStack, audited: tuple[str, str]
) -> None:
    page.goto(f"/audits/new?dataset={audited[0]}")
    choices = page.get_by_role("group", name="Time or thoroughness")
    choices.wait_for()
    assert choices.get_by_role("radio").count() == 3
    assert choices.get_by_role("radio").first.is_checked()
    note = choices.locator(".note").inner_text()
    assert re.search(r"\b[1-9]\d* trainings? like it that ended here", note)
    choices.get_by_role("radio").nth(1).check()
    assert "10 passes over the data instead of 20" in choices.inner_text()
    page.get_by_role("button", name="Start the audit").click()
    page.wait_for_url(re.compile(r"/audits/[0-9a-f-]{36}$"))
    with Client(stack.url) as client:
        started = client.get_audit(page.url.rpartition("/")[2])
        assert started["configuration"]["epochs"] == 10
