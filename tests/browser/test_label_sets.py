"""Samples with several labels: all classes audited from the page, labels decided sample by sample."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from app.client import Client

if TYPE_CHECKING:
    from pathlib import Path

    from playwright.sync_api import Page

    from app.embedded.local_stack import LocalStack

SAMPLES = 120


def write_sets(path: Path) -> Path:
    """Write rows of two numbers that decide two classes; of every tenth, both are turned."""
    numbers = random.Random(0)  # noqa: S311 - data of a test
    lines = ["id,a,b,tags"]
    for at in range(SAMPLES):
        a, b = numbers.uniform(-1, 1), numbers.uniform(-1, 1)
        has = {"wet": a > 0, "warm": b > 0}
        tags = [name for name, is_in in has.items() if is_in != (at % 10 == 0)]
        lines.append(f"r{at},{a:.4f},{b:.4f},{'|'.join(tags)}")
    path.write_text("\n".join(lines) + "\n")
    return path


@pytest.fixture(scope="module")
def sets(stack: LocalStack, tmp_path_factory: pytest.TempPathFactory) -> str:
    file = write_sets(tmp_path_factory.mktemp("sets") / "weather.csv")
    with Client(stack.url) as client:
        dataset = client.upload(file, label_column="tags", label_separator="|", progress=False)
        return dataset.wait(progress=False).id


def read(stack: LocalStack, path: str) -> Any:  # noqa: ANN401 - JSON
    return httpx.get(f"{stack.url}{path}", trust_env=False).raise_for_status().json()


def test_classes_are_audited_and_labels_decided_from_one_page(
    page: Page, stack: LocalStack, sets: str
) -> None:
    page.goto(f"/datasets/{sets}")
    page.get_by_role("link", name="Audit each class, and review").click()
    page.get_by_role("button", name="Audit every class").click()
    first = page.locator("li.set").first
    first.wait_for()
    assert page.locator("#classes tr").count() == 2, "a row for each class"
    assert "2 of 2 classes are audited" in (page.locator("#state").text_content() or "")
    key = (first.locator(".key").text_content() or "").split()[0]
    doubtful = first.locator("button.doubtful").first
    before = doubtful.get_attribute("aria-pressed")
    doubtful.click()
    assert doubtful.get_attribute("aria-pressed") != before
    first.get_by_role("button", name="Save").click()
    page.locator("li.set.decided").first.wait_for()
    ranked = read(stack, f"/v1/datasets/{sets}/label-sets")["items"]
    decided = next(item for item in ranked if item["key"] == key)
    assert sorted(decided["given"]) != sorted(decided["final"])
    verdicts = [doubt["verdict"] for doubt in decided["doubts"]]
    assert "relabel" in verdicts


def test_a_page_that_is_out_of_date_overwrites_nothing(
    page: Page, stack: LocalStack, sets: str, complaints: list[str]
) -> None:
    page.goto(f"/datasets/{sets}/label-sets")
    row = page.locator("li.set").nth(3)
    row.wait_for()
    key = (row.locator(".key").text_content() or "").split()[0]
    item = next(
        each for each in read(stack, f"/v1/datasets/{sets}/label-sets")["items"] if each["key"] == key
    )
    asked = [doubt["class_name"] for doubt in item["doubts"]]
    body = {"labels": item["given"], "asked": asked, "reviewer": "somebody else"}
    path = f"{stack.url}/v1/datasets/{sets}/samples/{item['position']}/label-set"
    httpx.put(path, json=body, trust_env=False).raise_for_status()
    row.locator("button.doubtful").first.click()
    row.get_by_role("button", name="Save").click()
    page.locator("#problem:not([hidden])").wait_for()
    assert "somebody else" in (page.locator("#problem").text_content() or "")
    assert [each for each in complaints if "412" in each] == complaints, "only the refusal"
    complaints.clear()
