"""The map in a browser: computed, looked at, selected with mouse and keyboard, taken into the review."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import pytest

from app.client import Client
from tests.browser.conftest import compute_map

if TYPE_CHECKING:
    from pathlib import Path

    from playwright.sync_api import Page

    from app.embedded.local_stack import LocalStack

SAMPLES = 48


@pytest.fixture(scope="module")
def mapped(stack: LocalStack, digits: Path) -> tuple[str, str]:
    """Return the ids of a dataset and its audit, whose verdicts no other test counts on."""
    with Client(stack.url) as client:
        dataset = client.wait_for_dataset(client.upload([digits], name="mapped")["id"])
        audit = client.start_audit(dataset["id"], name="mapped", method="ce", epochs=1, folds=1)
        return str(dataset["id"]), str(client.wait_for_audit(audit["id"])["id"])


@pytest.fixture
def opened(page: Page, mapped: tuple[str, str]) -> Page:
    """Return the page of the map, computed if it is not yet."""
    page.goto(f"/audits/{mapped[1]}/map")
    compute_map(page)
    page.wait_for_function("() => performance.getEntriesByName('map-drawn').length")
    return page


def drag_around(page: Page) -> None:
    """Draw a closed line around the whole map."""
    box = page.locator("#plane").bounding_box()
    assert box is not None
    left, top = box["x"] + 2, box["y"] + 2
    right, bottom = box["x"] + box["width"] - 2, box["y"] + box["height"] - 2
    page.mouse.move(left, top)
    page.mouse.down()
    for x, y in ((right, top), (right, bottom), (left, bottom)):
        page.mouse.move(x, y, steps=4)
    page.mouse.up()


def point_and_click(page: Page, chart: str, x: float, y: float) -> None:
    """Click as a person does: Plotly takes a click for the point whose hint it shows."""
    page.mouse.move(x, y)
    page.locator(f"{chart} .hoverlayer .hovertext").first.wait_for()
    page.mouse.click(x, y)


def test_a_lasso_opens_the_grid_with_exactly_its_samples(opened: Page, mapped: tuple[str, str]) -> None:
    assert "All 48 samples" in (opened.locator("#map-words").text_content() or "")
    opened.get_by_label("Class", exact=True).select_option(label="1")
    opened.get_by_role("button", name="Lasso").click()
    drag_around(opened)
    assert opened.locator("#chosen-count").text_content() == "16 samples selected"
    opened.get_by_role("button", name="Review them").click()
    opened.locator("#many .sample").first.wait_for()
    assert f"/audits/{mapped[1]}/review" in opened.url
    labels = opened.locator("#cells .pair > :first-child").all_text_contents()
    assert labels == ["1"] * 16
    opened.get_by_role("button", name="Select all that match").click()
    opened.locator("#bulk-count", has_text="16 samples selected").wait_for()
    opened.get_by_role("button", name="Show all samples").click()
    opened.wait_for_function("() => document.querySelectorAll('#cells .sample').length === 48")
    assert "selection" not in opened.url


def test_the_keyboard_looks_selects_and_opens_and_verdicts_come_back_as_colours(
    opened: Page, mapped: tuple[str, str], stack: LocalStack
) -> None:
    opened.locator("#plane").focus()
    opened.keyboard.press("n")
    opened.get_by_text("rank 1, not reviewed").wait_for()
    opened.keyboard.press("n")
    opened.get_by_text("rank 2, not reviewed").wait_for()
    opened.keyboard.press("p")
    opened.get_by_text("rank 1, not reviewed").wait_for()
    opened.keyboard.press("v")
    assert opened.locator("#chosen-count").text_content() == f"{SAMPLES} samples selected"
    opened.keyboard.press("Escape")
    assert not opened.locator("#chosen").is_visible()
    opened.keyboard.press("v")
    opened.keyboard.press("Enter")
    opened.wait_for_url(re.compile(r"/review\?.*selection="))
    opened.locator("#many .sample").first.wait_for()
    with Client(stack.url) as client:
        (worst,) = list(client.suspects(mapped[1], limit=1))[:1]
        verdict = {"position": worst["position"], "verdict": "drop"}
        client.post(f"/v1/datasets/{mapped[0]}/reviews", {"reviews": [verdict]})
    opened.goto(f"/audits/{mapped[1]}/map")
    opened.locator("#drawn").wait_for()
    opened.get_by_label("Colour").select_option("verdict")
    assert opened.locator("#legend li").all_text_contents() == [f"not reviewed{SAMPLES - 1}", "dropped1"]


def test_a_click_shows_the_sample_and_a_link_into_the_review(opened: Page) -> None:
    opened.get_by_text("The map as a table").click()
    opened.locator("#classes tbody th").first.wait_for()
    assert opened.locator("#classes tbody th").all_text_contents() == ["0", "1", "2"]
    place = opened.evaluate(
        """() => {
            const canvas = document.getElementById('plane');
            const pixels = new Uint32Array(
                canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data.buffer);
            const found = pixels.findIndex((pixel) => pixel !== 0);
            const ratio = canvas.width / canvas.clientWidth;
            return { x: (found % canvas.width) / ratio + 2, y: Math.floor(found / canvas.width) / ratio + 2 };
        }"""
    )
    opened.locator("#plane").click(position=place)
    opened.locator("#one-sample img").wait_for()
    key = opened.locator("#one-sample .mono").text_content()
    opened.get_by_role("link", name="Open in the review").click()
    opened.locator("#key", has_text=key).wait_for()


def test_a_cell_of_the_matrix_and_a_bar_of_the_histogram_lead_to_their_samples(
    page: Page, audited: tuple[str, str]
) -> None:
    page.goto(f"/audits/{audited[1]}")
    page.locator("#montage img").first.wait_for()
    page.get_by_text("Technical details").click()
    page.locator("#histogram .main-svg").first.wait_for()
    page.wait_for_load_state("networkidle")
    page.locator("#histogram").scroll_into_view_if_needed()
    bar = page.evaluate(
        """() => [...document.querySelectorAll('#histogram .points path')]
            .map((path) => path.getBoundingClientRect()).filter((box) => box.height > 4)
            .map((box) => ({ x: box.x + box.width / 2, y: box.y + box.height / 2 }))[0]"""
    )
    point_and_click(page, "#histogram", bar["x"], bar["y"])
    page.wait_for_url(re.compile(r"/review\?.*min=.*max="))
    page.locator("#one, #empty").first.wait_for()
    page.goto(f"/audits/{audited[1]}")
    page.locator("#montage img").first.wait_for()
    page.evaluate(
        """async () => {
            const script = document.querySelector('script[src$="audit_result.js"]').src;
            const { drawMatrix } = await import(script.replace('audit_result', 'charts'));
            document.getElementById('matrix-card').hidden = false;
            drawMatrix({ classes: ['0', '1', '2'], matrix: [[0.9, 0.1, 0], [0, 1, 0], [0, 0.2, 0.8]] });
        }"""
    )
    page.locator("#matrix .main-svg").first.wait_for()
    page.locator("#matrix").scroll_into_view_if_needed()
    box = page.locator("#matrix .heatmaplayer").bounding_box()
    assert box is not None
    point_and_click(page, "#matrix", box["x"] + box["width"] * 0.5, box["y"] + box["height"] * 0.17)
    page.wait_for_url(re.compile(r"/review\?given=1&suggested=0"))
