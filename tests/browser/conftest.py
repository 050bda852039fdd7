"""A real browser before the real service. Without Chromium or Playwright these tests are skipped."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from app.client import Client
from app.embedded.local_stack import LocalStack
from tests import patience
from tests.builders.pictures import write_digits_zip

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page, ViewportSize

VARIABLE = "LIMIT_AUDIT_CHROMIUM"
NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")
# As root Chromium needs --no-sandbox; the others keep it from talking to anybody but us.
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
WAIT_MILLISECONDS = patience.scale(90_000)
WIDE: ViewportSize = {"width": 1280, "height": 800}
NARROW: ViewportSize = {"width": 390, "height": 844}
# Where documentation keeps its pictures. For these the audit is a real one; else a few digits do.
FOLDER = "LIMIT_AUDIT_SCREENSHOTS"
PER_CLASS, CLASSES, EPOCHS = (150, 10, 30) if FOLDER in os.environ else (16, 3, 2)


@pytest.fixture(scope="session")
def chromium() -> str:
    found = os.environ.get(VARIABLE) or next(filter(None, map(shutil.which, NAMES)), None)
    if found is None:
        pytest.skip(f"no Chromium found; install one or name it in {VARIABLE}")
    return found


@pytest.fixture(scope="package")
def browser(chromium: str) -> Iterator[Browser]:
    sync_api = pytest.importorskip("playwright.sync_api", reason="needs the extra `browser`")
    with sync_api.sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=chromium, args=list(FLAGS))
        yield launched
        launched.close()


@pytest.fixture(scope="package")
def stack(open_folder: Path, browser: Browser) -> Iterator[LocalStack]:
    assert browser.is_connected()
    with LocalStack(open_folder / "browser", overrides={"LIMIT_AUDIT_PROVISIONAL_SECONDS": "0"}) as running:
        yield running


@pytest.fixture(scope="package")
def digits(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("browser") / "digits.zip"
    return write_digits_zip(file, per_class=PER_CLASS, classes=CLASSES)


@pytest.fixture(scope="package")
def audited(stack: LocalStack, digits: Path) -> tuple[str, str]:
    """Return the ids of a dataset and its finished audit."""
    with Client(stack.url) as client:
        dataset = client.wait_for_dataset(client.upload([digits], name="digits")["id"])
        audit = client.start_audit(dataset["id"], name="digits", epochs=EPOCHS)
        return str(dataset["id"]), str(client.wait_for_audit(audit["id"])["id"])


@pytest.fixture
def complaints() -> list[str]:
    """Return what the browser complained of; a test that expects a complaint takes it out."""
    return []


@pytest.fixture
def page(browser: Browser, stack: LocalStack, complaints: list[str]) -> Iterator[Page]:
    context = browser.new_context(base_url=stack.url, viewport=WIDE)
    yield watched(context.new_page(), complaints)
    context.close()
    assert complaints == []


def watched(page: Page, complaints: list[str]) -> Page:
    """Gather errors on the console and scripts that fail."""
    page.set_default_timeout(WAIT_MILLISECONDS)
    page.on("console", lambda message: complaints.extend([message.text] if message.type == "error" else []))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    return page


def compute_map(page: Page) -> None:
    """Wait for the map that the page shows; ask for it if nobody has yet."""
    page.locator("#waiting:not([hidden]), #drawn:not([hidden])").first.wait_for()
    if page.locator("#start").is_visible():
        page.get_by_role("button", name="Compute the map").click()
    page.locator("#drawn").wait_for()
