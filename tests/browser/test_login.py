"""A service that asks for keys, in a browser."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest

from app.access import keys
from app.embedded.local_stack import LocalStack
from app.infra.database import Database
from app.infra.settings import PREFIX
from app.tables import Scope
from tests.browser.conftest import WIDE, watched

if TYPE_CHECKING:
    from playwright.sync_api import Browser, FilePayload


@pytest.fixture(scope="module")
def guarded(open_folder: Path, browser: Browser) -> Iterator[LocalStack]:
    assert browser.is_connected()
    with LocalStack(open_folder / "guarded", overrides={f"{PREFIX}AUTHENTICATION": "keys"}) as running:
        yield running


@pytest.fixture
def key(guarded: LocalStack) -> str:
    database = Database(guarded.environment[f"{PREFIX}DATABASE_URL"], lambda *_: None)
    with database.transaction() as session:
        _, secret = keys.create(session, name="Grace", scope=Scope.WRITE, expires_at=None)
    database.dispose()
    return secret


def test_a_key_opens_the_service_and_its_cookie_is_out_of_reach_of_scripts(
    browser: Browser, guarded: LocalStack, key: str
) -> None:
    complaints: list[str] = []
    context = browser.new_context(base_url=guarded.url, viewport=WIDE)
    page = watched(context.new_page(), complaints)
    page.goto("/audits")
    assert urlsplit(page.url).path == "/login"
    page.get_by_label("Key").fill("not a key")
    page.keyboard.press("Enter")
    page.locator("#problem:not([hidden])").wait_for()
    complaints.clear()  # the refusal is an error to the console
    page.get_by_label("Key").fill(key)
    page.keyboard.press("Enter")
    page.wait_for_url("**/audits")
    page.get_by_text("Grace").wait_for()
    assert page.evaluate("document.cookie") == ""
    (cookie,) = context.cookies()
    assert (cookie["httpOnly"], cookie["sameSite"]) == (True, "Lax")
    page.goto("/")
    content = b"x,label\n" + b"1,a\n2,b\n" * 20
    table: FilePayload = {"name": "t.csv", "mimeType": "text/csv", "buffer": content}
    page.set_input_files("#files", [table])
    page.get_by_role("link", name="Start an audit").wait_for()
    page.get_by_role("button", name="Log out").click()
    page.wait_for_url("**/login**")
    page.goto("/audits")
    assert urlsplit(page.url).path == "/login"
    context.close()
    assert complaints == []
