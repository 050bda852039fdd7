"""Every page at both widths, in both schemes: nothing overflows, nothing keeps people out."""

from __future__ import annotations

import io
import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from PIL import Image

from app.embedded.local_stack import LocalStack
from tests.browser.conftest import FOLDER, NARROW, WIDE, compute_map, watched

if TYPE_CHECKING:
    from playwright.sync_api import Browser

axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="needs the extra `browser`")
SERIOUS = {"serious", "critical"}
PAGES = {
    "datasets": "/",
    "dataset": "/datasets/{dataset}",
    "audits": "/audits",
    "annotators": "/datasets/{dataset}/annotators",
    "people": "/audits/{audit}/people",
    "audit-new": "/audits/new?dataset={dataset}",
    "audit": "/audits/{audit}",
    "audit-technical": "/audits/{audit}#technical",
    "compare": "/audits/{audit}/compare/{audit}",
    "review": "/audits/{audit}/review",
    "review-grid": "/audits/{audit}/review?mode=grid",
    "check": "/audits/{audit}/check",
    "map": "/audits/{audit}/map",
    "login": "/login",
    "api": "/docs",
    "missing": "/audits/00000000-0000-7000-8000-000000000000",
}
READY = {
    "dataset": "#samples img",
    "audit": "#montage img",
    "audit-technical": "#accuracy .main-svg",
    "review": "#similar-other img",
    "review-grid": ".sample img",
    "map": "#legend li",
}
COLOURS = 96


@pytest.mark.parametrize("name", PAGES)
def test_a_page_fits_and_lets_everybody_in(
    browser: Browser,
    stack: LocalStack,
    audited: tuple[str, str],
    name: str,
    tmp_path: Path,
) -> None:
    dataset, audit = audited
    complaints: list[str] = []
    for width, viewport in (("wide", WIDE), ("narrow", NARROW)):
        for scheme in ("light", "dark"):
            context = browser.new_context(base_url=stack.url, viewport=viewport, color_scheme=scheme)
            page = watched(context.new_page(), complaints)
            page.goto(PAGES[name].format(dataset=dataset, audit=audit))
            if name in READY:
                if name == "map":
                    compute_map(page)
                page.locator(READY[name]).first.wait_for()
            page.wait_for_load_state("networkidle")
            wider = page.evaluate(
                "document.documentElement.scrollWidth - document.documentElement.clientWidth"
            )
            assert wider <= 0, (name, width, "scrolls sideways")
            found = axe.Axe().run(page).response["violations"]
            serious = [(one["id"], one["nodes"][0]["html"]) for one in found if one["impact"] in SERIOUS]
            assert serious == [], (name, width, scheme)
            _keep(page.screenshot(), f"{name}-{width}-{scheme}.png", tmp_path)
            context.close()
    if name == "missing":
        complaints[:] = [text for text in complaints if "404" not in text]
    assert complaints == []


def _keep(picture: bytes, name: str, otherwise: Path) -> None:
    """Write a screenshot with few colours: small enough to be kept beside the text that shows it."""
    with Image.open(io.BytesIO(picture)) as image:
        assert len(image.convert("RGB").getcolors(1 << 20) or ()) > 10, f"{name} is empty"
        few = image.convert("RGB").quantize(COLOURS, dither=Image.Dither.NONE)
        few.save(Path(os.environ.get(FOLDER, otherwise)) / name, optimize=True)
