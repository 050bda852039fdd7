"""Measure the map in headless Chromium against the whole service on this machine, and the layout itself.

    python -m bench.review.map_times >> bench/review/map_results.jsonl

Needs the extras `local` and `browser` and a Chromium (LIMIT_AUDIT_CHROMIUM names another than `chromium`).
"""

import argparse
import hashlib
import io
import json
import os
import platform
import shutil
import sys
import tempfile
import time
from pathlib import Path
from typing import Any
from uuid import UUID

import numpy as np
from playwright.sync_api import Page, sync_playwright
from sqlalchemy import text

from app.embedded.local_stack import LocalStack
from app.infra.database import Database
from app.infra.settings import PREFIX
from app.infra.storage import Storage
from app.maps import map_files
from app.tables import AuditMap, MapStatus
from bench.review.__main__ import FLAGS
from bench.review.rows import CLASSES, made
from models.maps.neighbour_layout import lay_out

ROUNDS = 12
GROUPS = 40
FRAMES = 60
# Milliseconds from the beginning of the navigation to the frame after the points are drawn.
PAINTED = """() => new Promise((resolve) => {
    const wait = () => performance.getEntriesByName('map-drawn').length
        ? requestAnimationFrame(() => requestAnimationFrame(() => resolve(performance.now())))
        : requestAnimationFrame(wait);
    wait();
})"""
# Milliseconds from the release of the lasso to the frame that shows the selection.
SELECTED = """() => { window.waits = [];
    document.getElementById('plane').addEventListener('pointerup', () => {
        const began = performance.now();
        const push = () => window.waits.push(performance.now() - began);
        requestAnimationFrame(() => requestAnimationFrame(push));
    });
}"""
# Milliseconds a frame while the whole map is moved.
MOVED = """(frames) => new Promise((resolve) => {
    const plane = document.getElementById('plane');
    const times = [];
    let last = performance.now();
    const step = () => {
        times.push(performance.now() - last);
        last = performance.now();
        if (times.length > frames) return resolve(times.slice(1));
        const key = times.length % 2 ? 'ArrowLeft' : 'ArrowRight';
        plane.dispatchEvent(new KeyboardEvent('keydown', { key, bubbles: true }));
        requestAnimationFrame(step);
    };
    requestAnimationFrame(step);
})"""


def main() -> None:
    """Print one line of figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--points", type=int, default=100_000)
    parser.add_argument("--width", type=int, default=256, help="features of a sample in the layout")
    parser.add_argument("--without-layout", action="store_true")
    arguments = parser.parse_args()
    figures: dict[str, Any] = {
        "command": " ".join(["python -m bench.review.map_times", *sys.argv[1:]]),
        "machine": f"{platform.machine()}, {os.cpu_count()} CPUs, load {os.getloadavg()[0]:.1f}",
    }
    with tempfile.TemporaryDirectory() as folder, LocalStack(Path(folder)) as stack:
        storage = Storage(Path(folder) / "files")
        database = Database(stack.environment[f"{PREFIX}DATABASE_URL"], lambda *_: None)
        audit = made(database, storage, arguments.points)[1]
        store_map(database, storage, audit, arguments.points)
        database.dispose()
        figures |= measure_page(stack.url, str(audit))
    if not arguments.without_layout:
        figures["layout"] = measure_layout(arguments.points, arguments.width)
    sys.stdout.write(json.dumps(figures) + "\n")


def store_map(database: Database, storage: Storage, audit: UUID, count: int) -> None:
    """Store a map of points in groups, as its job does."""
    generator = np.random.default_rng(0)
    with database.transaction() as session:
        statement = "SELECT position, rank, given_label, suggested_label, distance FROM scores ORDER BY rank"
        rows = np.array([tuple(row) for row in session.execute(text(statement))], dtype=np.float32)
        group_N = (rows[:, 2] + CLASSES * generator.integers(0, GROUPS // CLASSES, count)).astype(int)
        centres_G2 = generator.normal(scale=40, size=(GROUPS, 2))
        points_N2 = centres_G2[group_N] + generator.normal(scale=5, size=(count, 2))
        columns = np.stack([rows[:, 0], *points_N2.T, *rows[:, 1:4].T, rows[:, 4] / 1.42]).astype(np.float32)
        buffer = io.BytesIO()
        np.save(buffer, columns)
        sha256 = hashlib.sha256(buffer.getvalue()).hexdigest()
        path = map_files.locate_points(storage, audit, sha256)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(buffer.getvalue())
        facts = {
            "source": "inputs", "encoder": None, "points": count, "samples": count, "highest_ranked": count,
            "landmarks": count, "is_complete": True, "seconds": 0,
        }  # fmt: skip
        file = {"sha256": sha256}
        session.add(AuditMap(audit_id=audit, status=MapStatus.SUCCEEDED, facts=facts, file=file))


def measure_page(url: str, audit: str) -> dict[str, Any]:
    """Return milliseconds to the first points, from a lasso to its selection, and of a frame."""
    chromium = os.environ.get("LIMIT_AUDIT_CHROMIUM") or shutil.which("chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=list(FLAGS))
        page = browser.new_page(base_url=url, viewport={"width": 1280, "height": 800})
        painted = []
        for _ in range(ROUNDS):
            page.goto(f"/audits/{audit}/map")
            painted.append(page.evaluate(PAINTED))
        moved = page.evaluate(MOVED, FRAMES)
        figures = {
            "first_paint_milliseconds": _spread(painted),
            "lasso_milliseconds": _spread(_measure_lassos(page)),
            "frame_milliseconds": _spread(moved),
        }
        page.locator("#open-review").click()
        page.locator("#many .sample").first.wait_for()
        browser.close()
    return figures


def _measure_lassos(page: Page) -> list[float]:
    page.get_by_role("button", name="Lasso").click()
    page.evaluate(SELECTED)
    box = page.locator("#plane").bounding_box()
    assert box is not None
    centre = (box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    radius = 0.3 * min(box["width"], box["height"])
    for number in range(ROUNDS):
        angles = np.linspace(0, 2 * np.pi, 60)
        page.mouse.move(centre[0] + radius, centre[1])
        page.mouse.down()
        for angle in angles:
            page.mouse.move(centre[0] + radius * np.cos(angle), centre[1] + radius * np.sin(angle))
        page.mouse.up()
        page.wait_for_function(f"() => window.waits.length > {number}")
    sys.stderr.write(f"{page.locator('#chosen-count').text_content()}\n")
    waits: list[float] = page.evaluate("() => window.waits")
    return waits


def measure_layout(count: int, width: int) -> dict[str, float]:
    """Return the seconds of the layout of so many made samples."""
    generator = np.random.default_rng(0)
    centres_GD = generator.normal(size=(GROUPS, width)).astype(np.float32)
    rows_ND = centres_GD[generator.integers(0, GROUPS, count)]
    rows_ND += generator.normal(size=rows_ND.shape).astype(np.float32)
    began, worked = time.perf_counter(), time.process_time()
    layout = lay_out(rows_ND, first=count // 2, seed=0, threads=1, seconds=3600, on_progress=lambda _: None)
    return {
        "seconds": round(time.perf_counter() - began, 1),
        "processor_seconds": round(time.process_time() - worked, 1),
        "landmarks": layout.landmarks,
    }


def _spread(waits: list[float]) -> dict[str, float]:
    p50, p95 = np.percentile(waits, [50, 95])
    return {"n": len(waits), "p50": round(p50, 1), "p95": round(p95, 1), "max": round(max(waits), 1)}


if __name__ == "__main__":
    main()
