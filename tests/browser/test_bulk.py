"""Many samples at once in the review's grid: selected, decided with one request, undone with one key."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import httpx
import pytest

from app.client import Client

if TYPE_CHECKING:
    from pathlib import Path

    from playwright.sync_api import Page

    from app.embedded.local_stack import LocalStack

BUSY = "() => !document.querySelector('[aria-busy]')"


@pytest.fixture(scope="module")
def audited_here(stack: LocalStack, digits: Path) -> tuple[str, str]:
    """Return the ids of a dataset and its audit that no other test reviews."""
    with Client(stack.url) as client:
        dataset = client.wait_for_dataset(client.upload([digits], name="many")["id"])
        audit = client.start_audit(dataset["id"], name="many", method="ce", epochs=1)
        return str(dataset["id"]), str(client.wait_for_audit(audit["id"])["id"])


@pytest.fixture
def many(page: Page, audited_here: tuple[str, str]) -> Page:
    page.goto(f"/audits/{audited_here[1]}/review?mode=grid&state=all")
    page.locator(".sample").first.wait_for()
    return page


def read_counts(stack: LocalStack, dataset: str) -> dict[str, int]:
    url = f"{stack.url}/v1/datasets/{dataset}/reviews?limit=1"
    counts: Any = httpx.get(url, trust_env=False).raise_for_status().json()["counts"]
    return {verdict: count for verdict, count in counts.items() if count}


def wait_for_words(page: Page, text: str) -> None:
    page.locator("#done-words", has_text=text).wait_for()
    page.wait_for_function(BUSY)


def test_a_selection_gets_one_verdict_and_one_undo_takes_it_back(
    many: Page, stack: LocalStack, audited_here: tuple[str, str]
) -> None:
    dataset = audited_here[0]
    posts: list[str] = []
    many.on("request", lambda sent: posts.append(sent.url) if sent.method in {"POST", "PUT"} else None)
    many.locator(".pick").nth(1).click()
    many.locator(".look").nth(4).click(modifiers=["Shift"])
    assert many.locator("#bulk-count").text_content() == "4 samples selected"
    many.keyboard.press("d")
    wait_for_words(many, "4 samples dropped.")
    assert len(posts) == 1, "one request, however many"
    assert read_counts(stack, dataset) == {"drop": 4}
    assert many.locator(".sample .chip").all_text_contents() == ["Dropped"] * 4
    assert many.locator("#bulk").is_hidden()
    many.keyboard.press("z")
    many.wait_for_function("() => !document.querySelector('.sample .chip')")
    assert read_counts(stack, dataset) == {}


def test_dragging_selects_and_a_verdict_after_an_undo_is_saved(
    many: Page, stack: LocalStack, audited_here: tuple[str, str]
) -> None:
    first, third = (many.locator(".look").nth(place).bounding_box() for place in (0, 2))
    assert first is not None
    assert third is not None
    many.mouse.move(first["x"] + 60, first["y"] + 60)
    many.mouse.down()
    many.mouse.move(third["x"] + 20, third["y"] + 80, steps=4)
    many.mouse.up()
    assert many.locator("#bulk-count").text_content() == "3 samples selected"
    many.keyboard.press("u")
    wait_for_words(many, "3 samples marked as unsure.")
    many.keyboard.press("z")
    many.wait_for_function("() => !document.querySelector('.sample .chip')")
    many.locator(".sample").nth(0).get_by_role("button", name="Keep").click()
    many.wait_for_function(
        "() => !Object.keys(localStorage).some((key) => key.startsWith('limit-audit.verdicts'))"
    )
    assert read_counts(stack, audited_here[0]) == {"keep": 1}
    many.keyboard.press("z")
    many.wait_for_function("() => !document.querySelector('.sample .chip')")


def test_all_that_match_are_accepted_after_a_question_of_our_own(
    many: Page, stack: LocalStack, audited_here: tuple[str, str]
) -> None:
    dataset, audit = audited_here
    every = httpx.get(f"{stack.url}/v1/datasets/{dataset}", trust_env=False).json()["sample_count"]
    many.get_by_role("button", name="Select all that match").click()
    many.wait_for_function(BUSY)
    assert (
        many.locator("#bulk-count").text_content() == f"{every} samples selected, all that match the filters"
    )
    many.keyboard.press("a")
    dialogue = many.get_by_role("dialog")
    dialogue.get_by_text("is not known; a check at random tells it").wait_for()
    assert dialogue.get_by_role("heading").text_content() == f"Accept the suggestions for {every} samples?"
    many.keyboard.press("Escape")
    many.wait_for_function(BUSY)
    assert read_counts(stack, dataset) == {}, "Escape is a no"
    many.keyboard.press("a")
    dialogue.get_by_role("button", name="Yes, do it").click()
    wait_for_words(many, f"{every} samples accepted as suggested.")
    assert sum(read_counts(stack, dataset).values()) == every
    progress = httpx.get(f"{stack.url}/v1/audits/{audit}/review-progress", trust_env=False).json()
    assert (progress["unseen"], progress["precision"]) == (every, None)
    many.locator("#done").get_by_role("button", name="Undo").click()
    many.wait_for_function("() => document.getElementById('done').hidden")
    assert read_counts(stack, dataset) == {}


def test_a_number_relabels_and_a_field_that_takes_keys_says_so(
    page: Page, stack: LocalStack, audited_here: tuple[str, str]
) -> None:
    page.goto(f"/audits/{audited_here[1]}/review")
    page.locator("#one").wait_for()
    given = page.locator("#given-label").text_content()
    number = {"0": "2", "1": "3", "2": "1"}[given or ""]
    page.get_by_label("Reviewer").focus()
    page.keyboard.type("k")
    assert page.locator("#typing").is_visible()
    assert page.get_by_label("Reviewer").input_value() == "k"
    page.keyboard.press("Escape")
    assert page.locator("#typing").is_hidden()
    key = page.locator("#key").text_content()
    page.keyboard.press(number)
    page.wait_for_function("(before) => document.getElementById('key').textContent !== before", arg=key)
    page.wait_for_function(
        "() => !Object.keys(localStorage).some((key) => key.startsWith('limit-audit.verdicts'))"
    )
    assert read_counts(stack, audited_here[0]) == {"relabel": 1}
