"""`make screenshots`: the README's animation, photographs that are corrected by keyboard in a real browser.

The data are those of `make demo-photographs`: cuttings of photographs that come with installed packages, some
of them labelled wrong on purpose. A key is pressed as a person who knows the photographs would press it.
Needs the extra `browser` and a Chromium (LIMIT_AUDIT_CHROMIUM names another than `chromium`).
"""

import argparse
import csv
import io
import os
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

from PIL import Image, ImageDraw, ImageFont
from playwright.sync_api import Page, sync_playwright

from app.client import Client
from app.embedded.local_stack import LocalStack
from examples.photographs import write_dataset

FLAGS = ("--no-sandbox", "--disable-gpu")
WIDTH, HEIGHT = 1120, 700  # of the window, in pixels
SHOWN_WIDTH = 960
KEYS = 9
LOOK, PRESSED, END = 1000, 550, 2200
"""Milliseconds of a frame."""
WORDS = {"a": "A: accept the suggestion", "k": "K: keep the label", "d": "D: drop"}
LARGEST_BYTES = 1_500_000


def main() -> None:
    """Write the animation."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("docs/images/review.webp"))
    out: Path = parser.parse_args().out
    with tempfile.TemporaryDirectory() as name:
        archive, truth = write_dataset(Path(name))
        with truth.open() as lines:
            classes = {row["key"]: row["true_label"] for row in csv.DictReader(lines)}
        with LocalStack(Path(name) / "service") as stack:
            frames = film(stack.url, audit_photographs(stack.url, archive), classes)
    write(out, frames)
    sys.stdout.write(f"{out}: {len(frames)} frames, {out.stat().st_size:,} bytes\n")


def audit_photographs(url: str, archive: Path) -> str:
    """Upload the photographs, audit them, and return the audit's id."""
    with Client(url) as client:
        dataset = client.wait_for_dataset(client.upload([archive], name="photographs")["id"])
        audit = client.start_audit(dataset["id"], name="photographs", seed=1)
        return str(client.wait_for_audit(audit["id"])["id"])


def film(url: str, audit: str, classes: dict[str, str]) -> list[tuple[Image.Image, int]]:
    """Return frames of a review and the milliseconds of each."""
    chromium = os.environ.get("LIMIT_AUDIT_CHROMIUM") or shutil.which("chromium")
    frames: list[tuple[Image.Image, int]] = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=list(FLAGS))
        page = browser.new_page(base_url=url, viewport={"width": WIDTH, "height": HEIGHT})
        page.goto(f"/audits/{audit}/review")
        for _ in range(KEYS):
            wait_for_picture(page)
            picture = take(page)
            key = choose_key(page, classes)
            frames += [(picture, LOOK), (note_key(picture, WORDS[key]), PRESSED)]
            before = page.locator("#key").text_content()
            page.keyboard.press(key)
            page.wait_for_function("(key) => document.getElementById('key').textContent !== key", arg=before)
        wait_for_picture(page)
        page.wait_for_timeout(2 * LOOK)  # the counts follow
        frames.append((take(page), END))
        browser.close()
    return frames


def wait_for_picture(page: Page) -> None:
    """Wait until the sample and those like it are painted."""
    page.locator("#picture img").wait_for()
    page.locator("#similar-other img").first.wait_for()
    page.wait_for_load_state("networkidle")
    page.wait_for_timeout(300)


def choose_key(page: Page, classes: dict[str, str]) -> str:
    """Return the key of a person who knows the right class."""
    texts: dict[str, Any] = {
        name: page.locator(f"#{name}").text_content() for name in ("key", "given-label", "suggested-label")
    }
    right = classes[texts["key"]]
    if right == texts["given-label"]:
        return "k"
    return "a" if right == texts["suggested-label"] else "d"


def take(page: Page) -> Image.Image:
    """Return a screenshot in the size of the animation."""
    with Image.open(io.BytesIO(page.screenshot())) as opened:
        height = opened.height * SHOWN_WIDTH // opened.width
        return opened.convert("RGB").resize((SHOWN_WIDTH, height), Image.Resampling.LANCZOS)


def note_key(picture: Image.Image, words: str) -> Image.Image:
    """Return the picture with the key that is pressed."""
    noted = picture.copy()
    draw = ImageDraw.Draw(noted)
    font = ImageFont.load_default(size=22)
    left, _, right, bottom = draw.textbbox((0, 0), words, font=font)
    x, y = (noted.width - right + left) // 2, noted.height - 70
    draw.rounded_rectangle((x - 18, y - 12, x + right + 18, y + bottom + 14), radius=10, fill="#16202c")
    draw.text((x, y), words, font=font, fill="#ffffff")
    return noted


def write(out: Path, frames: list[tuple[Image.Image, int]]) -> None:
    """Write an animated WebP that repeats."""
    pictures, times = zip(*frames, strict=True)
    out.parent.mkdir(parents=True, exist_ok=True)
    pictures[0].save(
        out, save_all=True, append_images=pictures[1:], duration=list(times), loop=0, quality=72, method=6
    )
    if out.stat().st_size > LARGEST_BYTES:
        raise SystemExit(f"expected at most {LARGEST_BYTES:,} bytes; {out} has {out.stat().st_size:,}")


if __name__ == "__main__":
    main()
