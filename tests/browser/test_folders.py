"""A folder, dropped or chosen, becomes a dataset of its classes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import numpy as np
import pytest

from app.embedded.local_stack import LocalStack
from tests.builders.pictures import encode_png

if TYPE_CHECKING:
    from playwright.sync_api import Page

CLASSES = ("ant", "bee")
SAMPLES = 12
# More than the hundred bytes of a plain tar header, and letters beyond ASCII.
LONG = "schöner Ordner" * 9


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder of two classes, one of them with a folder inside, and what belongs to no dataset."""
    top = tmp_path / "insects"
    for number in range(SAMPLES):
        inside = top / CLASSES[number % 2] / (LONG if number == 3 else "")
        inside.mkdir(parents=True, exist_ok=True)
        (inside / f"{number}.png").write_bytes(encode_png(np.full((8, 8), number)))
    (top / ".DS_Store").write_text("not a sample")
    return top


def test_a_chosen_folder_becomes_a_dataset(page: Page, stack: LocalStack, folder: Path) -> None:
    page.goto("/")
    page.set_input_files("#folder", folder)
    _check(page, stack)


def test_a_dropped_folder_becomes_a_dataset(page: Page, stack: LocalStack, folder: Path) -> None:
    page.goto("/")
    box = page.locator("#drop").bounding_box()
    assert box is not None
    devtools = page.context.new_cdp_session(page)
    data = {"items": [], "files": [str(folder)], "dragOperationsMask": 1}
    for step in ("dragEnter", "dragOver", "drop"):
        where = {"type": step, "x": box["x"] + 5, "y": box["y"] + 5, "data": data}
        devtools.send("Input.dispatchDragEvent", where)
    _check(page, stack)


def test_an_empty_folder_is_refused_in_words(page: Page, tmp_path: Path) -> None:
    (tmp_path / ".hidden").write_text("x")
    page.goto("/")
    page.set_input_files("#folder", tmp_path)
    page.get_by_text("There is no file in this folder.").wait_for()


def _check(page: Page, stack: LocalStack) -> None:
    page.get_by_role("link", name="Start an audit").wait_for()
    dataset = _get(stack, page.url.removeprefix(stack.url).replace("/datasets", "/v1/datasets"))
    assert (dataset["name"], dataset["class_names"]) == ("insects", list(CLASSES))
    samples = _get(stack, f"/v1/datasets/{dataset['id']}/samples?limit=50")["items"]
    expected = {f"{CLASSES[n % 2]}/{LONG + '/' if n == 3 else ''}{n}.png" for n in range(SAMPLES)}
    assert {sample["key"] for sample in samples} == expected
    assert dataset["problem_count"] == 0


def _get(stack: LocalStack, path: str) -> Any:  # noqa: ANN401 - JSON
    return httpx.get(stack.url + path, trust_env=False).raise_for_status().json()
