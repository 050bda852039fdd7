"""Two people at one review, each in their own browser; then a third settles what they dispute."""

from __future__ import annotations

from typing import TYPE_CHECKING

import httpx
import pytest

from app.client import Client
from app.embedded.local_stack import LocalStack
from tests.browser.conftest import WIDE, watched

if TYPE_CHECKING:
    from pathlib import Path

    from playwright.sync_api import Browser, Page

NOTHING_WAITS = "() => !Object.keys(localStorage).some((key) => key.startsWith('limit-audit.verdicts'))"
BOTH = 6


@pytest.fixture
def shared(stack: LocalStack, digits: Path) -> tuple[str, str]:
    """Return the ids of a dataset and its audit whose samples nobody has on a screen yet."""
    with Client(stack.url) as client:
        dataset = client.wait_for_dataset(client.upload([digits], name="shared")["id"])
        audit = client.start_audit(dataset["id"], name="shared", method="ce", epochs=1, folds=1)
        return str(dataset["id"]), str(client.wait_for_audit(audit["id"])["id"])


def _open(browser: Browser, stack: LocalStack, name: str, path: str, complaints: list[str]) -> Page:
    context = browser.new_context(base_url=stack.url, viewport=WIDE)
    page = watched(context.new_page(), complaints)
    page.add_init_script(f"localStorage.setItem('limit-audit.reviewer', '{name}')")
    page.goto(path)
    return page


def _press(page: Page, key: str) -> str:
    """Decide for the sample that is shown; return its key."""
    shown = page.locator("#key").text_content() or ""
    page.keyboard.press(key)
    page.wait_for_function("(before) => document.getElementById('key').textContent !== before", arg=shown)
    return shown


def _decide_all(page: Page, key: str) -> list[str]:
    """Decide for every sample that this person is handed."""
    seen = []
    while page.locator("#one").is_visible():
        shown = page.locator("#key").text_content() or ""
        seen.append(shown)
        page.keyboard.press(key)
        page.wait_for_function(
            "(before) => document.getElementById('one').hidden"
            " || document.getElementById('key').textContent !== before",
            arg=shown,
        )
    page.wait_for_function(NOTHING_WAITS)
    return seen


def test_two_people_review_at_once_and_a_third_settles(
    browser: Browser, stack: LocalStack, shared: tuple[str, str], complaints: list[str]
) -> None:
    dataset, audit = shared
    review, plan = f"/audits/{audit}/review", f"{stack.url}/v1/audits/{audit}/review-plan"
    httpx.put(plan, json={"second_share": 1, "seed": 1}, trust_env=False).raise_for_status()
    ada, ben = (_open(browser, stack, name, review, complaints) for name in ("Ada", "Ben"))
    for page in (ada, ben):
        page.locator("#one").wait_for()
    seen: dict[str, set[str]] = {"Ada": set(), "Ben": set()}
    for _ in range(BOTH):
        seen["Ada"].add(_press(ada, "k"))
        seen["Ben"].add(_press(ben, "k"))
    assert len(seen["Ada"]) == len(seen["Ben"]) == BOTH
    assert not seen["Ada"] & seen["Ben"], "two people at once never see the same suspect"

    ada.keyboard.press("n")
    ada.get_by_label("Note", exact=True).fill("blurred")
    ada.get_by_role("button", name="Save").click()
    ada.wait_for_function("() => !document.querySelector('dialog[open]')")
    for page in (ada, ben):
        page.wait_for_function(NOTHING_WAITS)
    ada.context.close()  # what she was handed and has not decided is free at once
    ben.reload()
    ben.locator("#one").wait_for()
    again = _decide_all(ben, "d")
    assert seen["Ada"] <= {*again}, "Ben is asked for a second opinion on what Ada judged, without seeing it"

    cleo = _open(browser, stack, "Cleo", f"/audits/{audit}/people", complaints)
    dispute = cleo.locator(".dispute").first
    dispute.get_by_role("button", name="Drop").click()
    dispute.get_by_text("Settled by Cleo: drop").wait_for()
    dispute.get_by_role("button", name="Undo").click()
    cleo.get_by_text(f"{BOTH} samples: a disagreement").wait_for()
    listed = f"{stack.url}/v1/datasets/{dataset}/reviews?limit=500"
    items = httpx.get(listed, trust_env=False).json()["items"]
    disputed = [item for item in items if item["agreement"] == "disputed"]
    assert {item["reviewer"] for item in disputed} == {"Ada / Ben"}
    assert {item["key"] for item in disputed} == seen["Ada"]
    for page in (ben, cleo):
        page.context.close()
    assert complaints == []
