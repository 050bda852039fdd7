"""From a dropped file to reviewed labels, with nothing but a browser."""

from __future__ import annotations

import base64
import csv
import io
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx

from app.embedded.local_stack import LocalStack
from tests.browser.conftest import EPOCHS, WIDE, watched

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page, Route

DROP = """([name, content]) => {
    const bytes = Uint8Array.from(atob(content), (character) => character.charCodeAt(0));
    const dropped = new DataTransfer();
    dropped.items.add(new File([bytes], name));
    const event = new DragEvent('drop', { dataTransfer: dropped, bubbles: true });
    document.getElementById('drop').dispatchEvent(event);
}"""
NOTHING_WAITS = "() => !Object.keys(localStorage).some((key) => key.startsWith('limit-audit.verdicts'))"
REVIEWED = 30
CHOSEN = "2"


def get(stack: LocalStack, path: str) -> Any:  # noqa: ANN401 - JSON
    return httpx.get(stack.url + path, trust_env=False).raise_for_status().json()


def test_upload_audit_and_review_thirty_samples_by_keyboard(
    page: Page, stack: LocalStack, digits: Path
) -> None:
    page.goto("/")
    page.evaluate(DROP, [digits.name, base64.b64encode(digits.read_bytes()).decode()])
    page.get_by_role("link", name="Start an audit").click()
    page.get_by_text("Advanced").click()
    page.get_by_label("Epochs").fill(str(EPOCHS))
    page.get_by_role("button", name="Start the audit").click()
    page.get_by_text("Technical details").click()
    page.locator("#loss .scatterlayer .trace").first.wait_for(state="attached")
    page.get_by_role("link", name="Review the suspects").click()
    audit = page.url.split("/")[-2]
    page.locator("#one").wait_for()
    said: dict[str, tuple[str, str | None]] = {}
    for number in range(REVIEWED):
        said |= _say(page, number)
    page.wait_for_function(NOTHING_WAITS)
    page.reload()
    page.wait_for_function(f"() => document.getElementById('count-reviewed').textContent === '{REVIEWED}'")
    assert page.locator("#key").text_content() not in said, "reviewed samples are not shown again"
    dataset = get(stack, f"/v1/audits/{audit}")["dataset_id"]
    assert _stored(stack, dataset) == said
    finals = {key: (_final(key, *verdict), "local") for key, verdict in said.items()}
    assert _finals(stack, dataset) == finals


def _say(page: Page, number: int) -> dict[str, tuple[str, str | None]]:
    """Give the next sample one of the verdicts by its key; return it by the sample's own key."""
    key, place = page.locator("#key").text_content() or "", page.locator("#place").text_content()
    pressed = "akduo"[number % 5]
    suggested = page.locator("#suggested-label").text_content()
    page.keyboard.press(pressed)
    if pressed == "o":
        page.keyboard.type(CHOSEN)
        page.keyboard.press("Enter")
    page.wait_for_function("(before) => document.getElementById('place').textContent !== before", arg=place)
    given = key.split("/")[0]
    relabelled = {"a": suggested, "o": CHOSEN}.get(pressed)
    if relabelled == given:
        return {key: ("keep", None)}
    verdict = {"k": "keep", "d": "drop", "u": "unsure"}.get(pressed, "relabel")
    return {key: (verdict, relabelled)}


def _stored(stack: LocalStack, dataset: str) -> dict[str, tuple[str, str | None]]:
    reviews = get(stack, f"/v1/datasets/{dataset}/reviews?limit=500")["items"]
    return {
        get(stack, f"/v1/datasets/{dataset}/samples/{review['position']}")["key"]: (
            review["verdict"],
            review["label"],
        )
        for review in reviews
    }


def test_a_broken_upload_goes_on_when_the_same_file_is_dropped_again(
    page: Page, stack: LocalStack, tmp_path: Path, complaints: list[str]
) -> None:
    file = tmp_path / "large.csv"
    file.write_text("x,label\n" + "".join(f"{n},{n % 2}\n" for n in range(2000)))
    page.goto("/")
    page.route(
        "**/uploads/*", lambda route: route.fulfill(status=400) if _is_patch(route) else route.continue_()
    )
    page.set_input_files("#files", file)
    page.get_by_text("Drop the same files again").wait_for()
    begun = get(stack, "/v1/datasets?limit=1")["items"][0]
    page.unroute("**/uploads/*")
    page.reload()
    page.set_input_files("#files", file)
    page.get_by_role("link", name="Start an audit").wait_for()
    assert page.url.endswith(begun["id"])
    assert get(stack, f"/v1/datasets/{begun['id']}")["sample_count"] == 2000
    complaints.clear()  # the request that this test broke


def _is_patch(route: Route) -> bool:
    return bool(route.request.method == "PATCH")


def test_undo_goes_back_step_by_step(page: Page, audited: tuple[str, str], stack: LocalStack) -> None:
    dataset, audit = audited
    page.goto(f"/audits/{audit}/review")
    page.locator("#one").wait_for()
    first = page.locator("#key").text_content()
    for key in ("d", "k"):
        page.keyboard.press(key)
    page.keyboard.press("z")
    page.keyboard.press("z")
    assert page.locator("#key").text_content() == first
    assert page.locator("#verdict").text_content() == ""
    page.wait_for_function(NOTHING_WAITS)
    assert _stored(stack, dataset) == {}


def test_of_two_reviewers_the_second_is_told_and_overwrites_nothing(
    page: Page, browser: Browser, audited: tuple[str, str], stack: LocalStack, complaints: list[str]
) -> None:
    dataset, audit = audited
    context = browser.new_context(base_url=stack.url, viewport=WIDE)
    other = watched(context.new_page(), complaints)
    for opened, name in ((page, "Ada"), (other, "Bob")):
        opened.goto(f"/audits/{audit}/review?state=all")  # a list of samples that nobody is handed alone
        opened.get_by_label("Reviewer").fill(name)
        opened.locator("h1").click()
        opened.locator("#one").wait_for()
    key = page.locator("#key").text_content()
    page.keyboard.press("d")
    page.wait_for_function(NOTHING_WAITS)
    other.keyboard.press("k")
    other.get_by_text("Ada has saved 'drop'").wait_for()
    assert _stored(stack, dataset) == {key: ("drop", None)}
    other.keyboard.press("ArrowLeft")
    assert other.locator("#verdict").text_content() == "Dropped by Ada"
    other.keyboard.press("k")
    other.wait_for_function(NOTHING_WAITS)
    assert _stored(stack, dataset) == {key: ("keep", None)}
    other.keyboard.press("z")
    other.wait_for_function(NOTHING_WAITS)
    context.close()
    # The refusal itself is an error to the browser's console.
    assert [text for text in complaints if "412" not in text] == []
    complaints.clear()
    _clear(stack, dataset)


def test_a_verdict_survives_a_broken_connection_and_a_closed_page(
    page: Page, audited: tuple[str, str], stack: LocalStack, complaints: list[str]
) -> None:
    dataset, audit = audited
    page.goto(f"/audits/{audit}/review")
    page.locator("#one").wait_for()
    key = page.locator("#key").text_content()
    page.route(
        "**/review", lambda route: route.abort() if route.request.method == "PUT" else route.continue_()
    )
    page.keyboard.press("u")
    page.get_by_text("wait in this browser").wait_for()
    assert _stored(stack, dataset) == {}
    page.on("dialog", lambda dialog: dialog.accept())
    page.unroute("**/review")
    page.goto(f"/audits/{audit}/review")
    page.wait_for_function(NOTHING_WAITS)
    assert _stored(stack, dataset) == {key: ("unsure", None)}
    complaints.clear()  # the connection that this test broke
    _clear(stack, dataset)


def test_more_left_than_the_audit_counts_is_explained(page: Page, audited: tuple[str, str]) -> None:
    claimed = {"rests_on": "estimated by the audit", "errors": 34, "expected_errors": 48.0}
    claimed |= {"expected_errors_interval": [32.0, 64.0], "expected_errors_left": 40.0}

    def answer(route: Route, most: float) -> None:
        left = {"expected_errors_left_interval": [0.0, most]}
        route.fulfill(json=route.fetch().json() | claimed | left)

    for most, told in ((40.0, True), (30.0, False)):
        page.route("**/review-progress", lambda route, _, most=most: answer(route, most))
        page.goto(f"/audits/{audited[1]}/review")
        page.get_by_text(f"0 to {most:.0f} may be left").wait_for()
        words = page.locator("#count-expected").inner_text()
        assert ("more than the audit's 32 to 64" in words) is told, words
        page.unroute("**/review-progress")


def test_the_grid_takes_the_same_keys(page: Page, audited: tuple[str, str], stack: LocalStack) -> None:
    dataset, audit = audited
    page.goto(f"/audits/{audit}/review?mode=grid")
    page.locator(".sample").first.wait_for()
    for key in ("ArrowRight", "d", "ArrowDown", "k"):
        page.keyboard.press(key)
    page.wait_for_function(NOTHING_WAITS)
    assert sorted(verdict for verdict, _ in _stored(stack, dataset).values()) == ["drop", "keep"]
    assert page.locator(".sample .chip").all_text_contents() == ["Dropped", "Kept"]
    _clear(stack, dataset)


def _clear(stack: LocalStack, dataset: str) -> None:
    for review in get(stack, f"/v1/datasets/{dataset}/reviews?limit=500")["items"]:
        path = f"{stack.url}/v1/datasets/{dataset}/samples/{review['position']}/review"
        headers = {"If-Match": f'"{review["version"]}"'}
        httpx.delete(path, headers=headers, trust_env=False).raise_for_status()


def _finals(stack: LocalStack, dataset: str) -> dict[str, tuple[str, str]]:
    """Return the exported final label and its source of every sample that a person decided, by key."""
    text = httpx.get(f"{stack.url}/v1/datasets/{dataset}/exports/labels.csv", trust_env=False).text
    rows = csv.DictReader(io.StringIO(text))
    return {row["key"]: (row["final"], row["reviewer"]) for row in rows if row["reviewer"]}


def _final(key: str, verdict: str, label: str | None) -> str:
    given = key.split("/", maxsplit=1)[0]
    return {"relabel": label or "", "drop": ""}.get(verdict, given)


def test_a_probability_is_never_shown_as_certain(page: Page) -> None:
    page.goto("/")
    shown = page.evaluate(
        """async () => {
            const script = document.querySelector('script[type=module]').src;
            const { formatProbability } = await import(script.replace(/[^/]*$/, 'format.js'));
            return [[1], [0.9994], [0], [0.997, 0]].map((given) => formatProbability(...given));
        }"""
    )
    assert shown == ["over 99.9 %", "99.9 %", "under 0.1 %", "over 99 %"]
