"""Random checks in a browser: nothing leads the verdict, and the second half follows the first."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import httpx

from app.embedded.local_stack import LocalStack

if TYPE_CHECKING:
    from playwright.sync_api import Page

NOTHING_WAITS = "() => !Object.keys(localStorage).some((key) => key.startsWith('limit-audit.verdicts'))"


def test_samples_are_checked_at_random_by_keyboard(
    page: Page, audited: tuple[str, str], stack: LocalStack
) -> None:
    dataset, audit = audited
    page.goto(f"/audits/{audit}/review")
    page.get_by_role("link", name="Check at random").click()
    page.get_by_role("button", name="Begin").click()
    page.locator("#one").wait_for()
    count = get(stack, f"/v1/audits/{audit}/check")["wanted"]
    open_now = get(stack, f"/v1/audits/{audit}/check/samples?limit=500")["items"]
    assert page.locator("#key").text_content() == open_now[0]["key"]
    told = page.locator("#progress-share")
    assert (
        told.text_content()
        == f"how many labels are wrong is told from {count} on that are found right or wrong; 0 so far"
    )
    assert "uggested" not in page.locator("#one .labels").inner_text()
    page.keyboard.press("d")
    page.keyboard.press("z")
    assert page.locator("#key").text_content() == open_now[0]["key"]
    page.wait_for_function(NOTHING_WAITS)
    page.reload()
    page.locator("#one").wait_for()
    assert page.locator("#key").text_content() == open_now[0]["key"], "it goes on where it was"
    for number in range(count):
        _answer(page, "u" if number == 0 else "k")
    page.get_by_text("What the checks say").wait_for()
    assert (
        page.locator("#progress-words").text_content()
        == f"{count} of {count} checked (1 unsure: counted both as right and as wrong)"
    )
    page.wait_for_function(NOTHING_WAITS)
    _clear(stack, dataset)


def _answer(page: Page, key: str) -> None:
    before = page.locator("#progress-words").text_content()
    page.keyboard.press(key)
    page.wait_for_function(
        "(before) => document.getElementById('progress-words').textContent !== before", arg=before
    )
    page.wait_for_function(
        "() => !document.getElementById('one').hidden || !document.getElementById('result').hidden"
    )


def get(stack: LocalStack, path: str) -> Any:  # noqa: ANN401 - JSON
    return httpx.get(stack.url + path, trust_env=False).raise_for_status().json()


def _clear(stack: LocalStack, dataset: str) -> None:
    for review in get(stack, f"/v1/datasets/{dataset}/reviews?limit=500")["items"]:
        path = f"{stack.url}/v1/datasets/{dataset}/samples/{review['position']}/review"
        headers = {"If-Match": f'"{review["version"]}"'}
        httpx.delete(path, headers=headers, trust_env=False).raise_for_status()
