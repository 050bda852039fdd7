"""The picture in the review: the whole photograph, zoomed and moved by wheel, keys and pointer."""

from __future__ import annotations

import io
import zipfile
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from PIL import Image

from app.client import Client

if TYPE_CHECKING:
    from playwright.sync_api import Page

    from app.embedded.local_stack import LocalStack

WIDTH, HEIGHT, COUNT = 300, 200, 24
PICTURE = "() => document.querySelector('#picture img')"


@pytest.fixture(scope="module")
def photographs(stack: LocalStack, tmp_path_factory: pytest.TempPathFactory) -> str:
    """Return the id of an audit of photographs that are trained on at another size."""
    file, generator = tmp_path_factory.mktemp("photographs") / "photographs.zip", np.random.default_rng(1)
    with zipfile.ZipFile(file, "w") as archive:
        for number in range(COUNT):
            coarse = Image.fromarray(generator.integers(0, 256, (4, 6, 3), dtype=np.uint8))
            buffer = io.BytesIO()
            coarse.resize((WIDTH, HEIGHT), Image.Resampling.BICUBIC).save(buffer, format="JPEG")
            archive.writestr(f"{'ab'[number % 2]}/{number:02}.jpg", buffer.getvalue())
    with Client(stack.url) as client:
        dataset = client.wait_for_dataset(client.upload([file], name="photographs")["id"])
        audit = client.start_audit(dataset["id"], name="photographs", method="ce", epochs=1, encoder="none")
        return str(client.wait_for_audit(audit["id"])["id"])


def measure(page: Page, expression: str) -> Any:  # noqa: ANN401 - JSON
    return page.evaluate(f"() => {{ const image = ({PICTURE})(); return {expression}; }}")


def wait_for_picture(page: Page) -> None:
    page.wait_for_function(f"() => ({PICTURE})()?.style.width")


def test_the_photograph_is_whole_smooth_and_as_large_as_its_stage(page: Page, photographs: str) -> None:
    page.goto(f"/audits/{photographs}/review")
    wait_for_picture(page)
    assert measure(page, "[image.naturalWidth, image.naturalHeight]") == [WIDTH, HEIGHT]
    assert measure(page, "image.classList.contains('pixels')") is False
    stage = page.locator("#picture").bounding_box()
    shown = page.locator("#picture img").bounding_box()
    assert stage is not None
    assert shown is not None
    assert shown["width"] == pytest.approx(stage["width"], abs=1) or shown["height"] == pytest.approx(
        stage["height"], abs=1
    )
    assert shown["width"] / shown["height"] == pytest.approx(WIDTH / HEIGHT, abs=0.01)


def test_wheel_keys_and_double_click_zoom_and_dragging_moves(page: Page, photographs: str) -> None:
    page.goto(f"/audits/{photographs}/review")
    wait_for_picture(page)
    page.locator("#advice:not(:empty)").wait_for()  # it moves the stage when it takes two lines
    words = page.locator(".zoom")
    page.keyboard.press("+")
    assert words.text_content() == "fit \N{MULTIPLICATION SIGN} 1.4"
    page.keyboard.press("-")
    assert words.text_content() == "fit"
    page.locator("#picture").dblclick()
    assert words.text_content() == "fit \N{MULTIPLICATION SIGN} 3.0"
    before = page.locator("#picture img").bounding_box()
    stage = page.locator("#picture").bounding_box()
    assert before is not None
    assert stage is not None
    page.mouse.move(stage["x"] + 100, stage["y"] + 100)
    page.mouse.down()
    page.mouse.move(stage["x"] + 60, stage["y"] + 90)
    page.mouse.up()
    after = page.locator("#picture img").bounding_box()
    assert after is not None
    assert (after["x"] - before["x"], after["y"] - before["y"]) == (-40, -10)
    page.mouse.wheel(0, 5000)
    page.wait_for_function("() => document.querySelector('.zoom').textContent === 'fit'")
    page.keyboard.press("+")
    page.keyboard.press("ArrowRight")
    assert words.text_content() == "fit", "the next picture is whole again"


def test_one_key_fills_the_screen_and_verdicts_go_on(page: Page, photographs: str) -> None:
    page.goto(f"/audits/{photographs}/review")
    wait_for_picture(page)
    key = page.locator("#key").text_content()
    page.keyboard.press("f")
    page.wait_for_function("() => document.fullscreenElement?.id === 'one'")
    page.keyboard.press("u")
    page.wait_for_function("(before) => document.getElementById('key').textContent !== before", arg=key)
    page.keyboard.press("f")
    page.wait_for_function("() => !document.fullscreenElement")
    page.keyboard.press("z")
    page.wait_for_function(
        "() => !Object.keys(localStorage).some((key) => key.startsWith('limit-audit.verdicts'))"
    )


def test_a_small_drawing_is_enlarged_by_a_whole_number(page: Page, audited: tuple[str, str]) -> None:
    page.goto(f"/audits/{audited[1]}/review")
    wait_for_picture(page)
    factor = measure(page, "parseFloat(image.style.width) / image.naturalWidth")
    assert factor == int(factor) > 1
    assert measure(page, "image.classList.contains('pixels')") is True
