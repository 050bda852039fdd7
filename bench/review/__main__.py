"""Measure the review in headless Chromium against the whole service on this machine.

    python -m bench.review --keys 300 >> bench/review/results.jsonl

Needs the extras `local` and `browser` and a Chromium (LIMIT_AUDIT_CHROMIUM names another than `chromium`).
"""

import argparse
import json
import os
import platform
import shutil
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import httpx
import numpy as np
from playwright.sync_api import Browser, Page, sync_playwright

from app.embedded.local_stack import LocalStack
from app.infra.database import Database
from app.infra.settings import PREFIX
from app.infra.storage import Storage
from bench.review.photographs import draw_photographs
from bench.review.rows import made

FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
KEYS = "kaaadkau"
REVIEWED, LISTED = 50_000, 1_000_000
SETTLE_MILLISECONDS = 3000
# From the key's own time stamp to the frame in which the next sample's decoded picture is painted.
WATCH = """() => {
    window.waits = [];
    let pressed = null;
    document.addEventListener('keydown', (event) => { pressed = event.timeStamp; }, { capture: true });
    new MutationObserver(async () => {
        const began = pressed;
        if (began === null) return;
        pressed = null;
        await document.querySelector('#picture img').decode();
        const painted = () => window.waits.push(performance.now() - began);
        requestAnimationFrame(() => requestAnimationFrame(painted));
    }).observe(document.getElementById('picture'), { childList: true });
}"""


def main() -> None:
    """Print one line of figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--keys", type=int, default=300, help="keys to press")
    parser.add_argument(
        "--pause", type=float, default=0.3, help="seconds between two keys, as a quick reviewer"
    )
    parser.add_argument("--reviewed", type=int, default=REVIEWED, help="samples of the dataset under review")
    parser.add_argument("--listed", type=int, default=LISTED, help="samples of the long ranking")
    parser.add_argument("--photographs", action="store_true", help="review photographs of 1,000 pixels")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, LocalStack(Path(folder)) as stack:
        storage = Storage(Path(folder) / "files")
        database = Database(stack.environment[f"{PREFIX}DATABASE_URL"], lambda *_: None)
        _say(f"making {arguments.reviewed} and {arguments.listed} samples")
        photographs = draw_photographs(Path(folder) / "photographs") if arguments.photographs else None
        reviewed = made(database, storage, arguments.reviewed, photographs)[1]
        listed = made(database, storage, arguments.listed)[1]
        database.dispose()
        figures = {
            "command": " ".join(["python -m bench.review", *sys.argv[1:]]),
            "machine": f"{platform.machine()}, {os.cpu_count()} CPUs, load {os.getloadavg()[0]:.1f}",
            "first_page_milliseconds": _first_pages(stack.url, str(listed)),
            "key_to_picture_milliseconds": _keys(stack.url, str(reviewed), arguments),
        }
    sys.stdout.write(json.dumps(figures) + "\n")


def _first_pages(url: str, audit: str) -> dict[str, Any]:
    suspects = f"/v1/audits/{audit}/suspects?limit=100"
    paths = {
        "suspects": suspects,
        "suspects without a verdict": f"{suspects}&review=none",
        "suspects of a class": f"{suspects}&given_label=class+3",
        "suspects of a pair": f"{suspects}&given_label=class+3&suggested_label=class+4",
        "suspects within the cut": f"{suspects}&is_label_issue=false",
        "review page": f"/audits/{audit}/review",
        "review progress": f"/v1/audits/{audit}/review-progress",
    }
    with httpx.Client(base_url=url, trust_env=False, timeout=60) as client:
        return {name: _spread([_timed(client, path) for _ in range(30)]) for name, path in paths.items()}


def _timed(client: httpx.Client, path: str) -> float:
    began = time.perf_counter()
    client.get(path).raise_for_status()
    return 1000 * (time.perf_counter() - began)


def _keys(url: str, audit: str, arguments: argparse.Namespace) -> dict[str, float]:
    chromium = os.environ.get("LIMIT_AUDIT_CHROMIUM") or shutil.which("chromium")
    with sync_playwright() as playwright:
        browser: Browser = playwright.chromium.launch(executable_path=chromium, args=list(FLAGS))
        page = browser.new_page(base_url=url, viewport={"width": 1280, "height": 800})
        page.goto(f"/audits/{audit}/review")
        page.locator("#similar-other img").first.wait_for()
        page.wait_for_timeout(SETTLE_MILLISECONDS)
        waits = _press(page, arguments)
        browser.close()
    return _spread(waits)


def _press(page: Page, arguments: argparse.Namespace) -> list[float]:
    page.evaluate(WATCH)
    for number in range(arguments.keys):
        page.keyboard.press(KEYS[number % len(KEYS)])
        page.wait_for_timeout(1000 * arguments.pause)
    page.wait_for_function(f"() => window.waits.length >= {arguments.keys}")
    waits: list[float] = page.evaluate("() => window.waits")
    return waits


def _spread(waits: list[float]) -> dict[str, float]:
    p50, p95 = np.percentile(waits, [50, 95])
    return {"n": len(waits), "p50": round(p50, 1), "p95": round(p95, 1), "max": round(max(waits), 1)}


def _say(text: str) -> None:
    sys.stderr.write(text + "\n")


if __name__ == "__main__":
    main()
