"""The result of an audit in a browser: what to do first, and duplicates settled by one key."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from app.client import Client
from app.embedded.local_stack import LocalStack
from tests.builders.pictures import write_digits_zip

if TYPE_CHECKING:
    from playwright.sync_api import Page

COPIES, TWINS = 3, 2
"""Pictures that lie in two class folders, and pictures that lie twice in one."""
IF_WRONG = " if the given one is wrong"


@pytest.fixture(scope="module")
def conflicting(stack: LocalStack, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    """Return the ids of a dataset with copies that have different labels, and of its finished audit."""
    file = write_digits_zip(tmp_path_factory.mktemp("copies") / "copies.zip", per_class=12)
    with zipfile.ZipFile(file, "a") as archive:
        names = [name for name in archive.namelist() if name.startswith("1/1-")]
        for name in names[:COPIES]:
            archive.writestr(f"2/copy-{Path(name).name}", archive.read(name))
        for name in names[COPIES : COPIES + TWINS]:
            archive.writestr(f"1/twin-{Path(name).name}", archive.read(name))
    with Client(stack.url) as client:
        dataset = client.wait_for_dataset(client.upload([file], name="copies")["id"])
        audit = client.start_audit(dataset["id"], name="copies", method="ce", epochs=1, folds=1)
        return str(dataset["id"]), str(client.wait_for_audit(audit["id"])["id"])


def get(stack: LocalStack, path: str) -> Any:  # noqa: ANN401 - JSON
    return httpx.get(stack.url + path, trust_env=False).raise_for_status().json()


def read_verdicts(stack: LocalStack, dataset: str) -> list[tuple[str, str, str | None]]:
    """Return key, verdict and label of every reviewed sample."""
    found = []
    for review in get(stack, f"/v1/datasets/{dataset}/reviews")["items"]:
        sample = get(stack, f"/v1/datasets/{dataset}/samples/{review['position']}")
        found.append((sample["key"], review["verdict"], review["label"]))
    return sorted(found)


def test_duplicates_with_different_labels_are_settled_by_one_key_and_undone(
    page: Page, conflicting: tuple[str, str], stack: LocalStack
) -> None:
    dataset, audit = conflicting
    page.goto(f"/audits/{audit}")
    groups = page.locator("#conflict-groups > li")
    groups.nth(COPIES - 1).wait_for()
    assert groups.count() == COPIES
    first = groups.first
    first.focus()
    page.keyboard.press("1")
    first.get_by_text("All are 1 now").wait_for()
    assert groups.nth(1).evaluate("(group) => group === document.activeElement"), "the next group is next"
    (kept, relabelled) = read_verdicts(stack, dataset)
    assert kept[1:] == ("keep", None)
    assert relabelled[0].startswith("2/copy-")
    assert relabelled[1:] == ("relabel", "1")
    assert first.locator("button[aria-pressed=true]").all_inner_texts() == ["All are 1\n1"]
    page.get_by_text("2 of 3 groups left to decide").wait_for()
    page.locator("#reviewed-stat", has_text="2 1 wrong").wait_for()
    page.keyboard.press("u")
    page.get_by_text("1 of 3 groups left to decide, 1 unsure").wait_for()
    groups.nth(1).get_by_text("Unsure: they keep their labels").wait_for()
    page.keyboard.press("z")
    groups.nth(1).locator(".verdict:empty").wait_for(state="attached")
    page.keyboard.press("d")
    groups.nth(1).get_by_text("All dropped").wait_for()
    assert [verdict for _, verdict, _ in read_verdicts(stack, dataset)].count("drop") == 2
    page.keyboard.press("z")
    groups.nth(1).locator(".verdict:empty").wait_for(state="attached")
    assert read_verdicts(stack, dataset) == [kept, relabelled]
    page.reload()
    first.get_by_text("All are 1 now").wait_for()
    first.get_by_role("button", name="All are 2").click()
    first.get_by_text("All are 2 now").wait_for()
    first.get_by_role("button", name="Undo").click()
    first.get_by_text("All are 1 now").wait_for()
    assert read_verdicts(stack, dataset) == [kept, relabelled]
    advice = get(stack, f"/v1/audits/{audit}/review-progress")
    assert (advice["reviewed"], advice["recent_decided"]) == (2, 0)


def test_all_but_one_of_identical_copies_are_dropped_and_a_picture_opens_large(
    page: Page, conflicting: tuple[str, str], stack: LocalStack
) -> None:
    dataset, audit = conflicting
    before = get(stack, f"/v1/audits/{audit}/review-progress")
    page.goto(f"/audits/{audit}")
    groups = page.locator("#copies li[role=group]")
    groups.nth(TWINS - 1).wait_for()
    assert groups.count() == TWINS, "those with two labels are shown among these"
    first = groups.first
    first.get_by_role("button", name="Enlarge").first.click()
    page.locator("dialog.enlarged img").wait_for()
    page.keyboard.press("Escape")
    page.locator("dialog.enlarged").wait_for(state="detached")
    first.get_by_role("button", name="Drop the copy").click()
    first.get_by_text("1 of 2 dropped").wait_for()
    page.get_by_text("1 of 2 groups left to decide").wait_for()
    assert first.locator("button[aria-pressed=true]").count() == 1
    (dropped,) = [key for key, verdict, _ in read_verdicts(stack, dataset) if verdict == "drop"]
    first.get_by_role("button", name="Keep only this").nth(1).click()
    first.get_by_text("1 of 2 dropped").wait_for()
    page.wait_for_function("() => !document.querySelector('[aria-busy=true]')")
    (other,) = [key for key, verdict, _ in read_verdicts(stack, dataset) if verdict == "drop"]
    assert other != dropped
    after = get(stack, f"/v1/audits/{audit}/review-progress")
    assert after["reviewed"] == before["reviewed"] + 1
    assert after["errors"] == before["errors"], "a dropped copy had no wrong label"
    first.get_by_role("button", name="Undo").click()
    first.locator(".verdict:empty").wait_for(state="attached")
    assert get(stack, f"/v1/audits/{audit}/review-progress") == before


def test_technical_details_are_closed_until_they_or_something_in_them_is_asked_for(
    page: Page, audited: tuple[str, str]
) -> None:
    _, audit = audited
    page.goto(f"/audits/{audit}")
    page.locator("#montage img").first.wait_for()
    assert not page.locator("#loss").is_visible()
    page.get_by_text("Technical details").click()
    page.locator("#loss .main-svg").first.wait_for()
    page.goto("/audits")
    page.goto(f"/audits/{audit}#paper-figures")
    page.locator("#paper-figures .main-svg").first.wait_for()


def test_deleting_is_asked_for_on_the_page_and_escape_is_a_no(
    page: Page, audited: tuple[str, str], stack: LocalStack
) -> None:
    _, audit = audited
    page.goto(f"/audits/{audit}")
    page.get_by_role("button", name="Delete").click()
    dialogue = page.get_by_role("dialog", name="Delete this audit?")
    dialogue.wait_for()
    page.keyboard.press("Escape")
    dialogue.wait_for(state="detached")
    assert get(stack, f"/v1/audits/{audit}")["status"] == "succeeded"
    assert page.url.endswith(f"/audits/{audit}")


def test_a_dataset_shows_samples_of_every_class_and_all_of_a_chosen_one(
    page: Page, audited: tuple[str, str]
) -> None:
    dataset, _ = audited
    page.goto(f"/datasets/{dataset}")
    labels = page.locator("#samples .words")
    page.get_by_text("The first samples of each class").wait_for()
    labels.first.wait_for()
    assert set(labels.all_text_contents()) == {"0", "1", "2"}
    page.get_by_label("Class", exact=True).select_option("1")
    page.wait_for_function("() => document.querySelector('#samples .words')?.textContent === '1'")
    assert set(labels.all_text_contents()) == {"1"}


def test_two_probabilities_of_one_class_agree(page: Page, audited: tuple[str, str]) -> None:
    _, audit = audited
    page.goto(f"/audits/{audit}/review")
    page.locator("#one").wait_for()
    for _ in range(5):
        place = page.locator("#place").text_content()
        is_if_wrong = page.get_by_text("Which label is right if the given one is wrong").is_visible()
        for name in ("given", "suggested"):
            label = page.locator(f"#{name}-label").text_content() or ""
            row = page.locator("#probabilities tr", has=page.locator(f'.class-name span:text-is("{label}")'))
            shown = page.locator(f"#{name}-probability").text_content() or ""
            expected = "given" if is_if_wrong and name == "given" else shown.removesuffix(IF_WRONG)
            assert row.locator(".num").text_content() == expected
            assert shown.endswith(IF_WRONG) == (is_if_wrong and name == "suggested")
        page.keyboard.press("ArrowRight")
        page.wait_for_function(
            "(before) => document.getElementById('place').textContent !== before", arg=place
        )
