"""Counts that do not depend on the machine: statements, rows visited and bytes moved by the service."""

import gc
import json
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Coroutine
from contextlib import ExitStack
from types import FrameType
from typing import Any, cast

import anyio
import anyio.to_thread
import numpy as np
import psycopg
import pyarrow as pa
import pytest
from fastapi import FastAPI
from fastapi.testclient import TestClient
from pyarrow import csv
from sqlalchemy import event, text
from starlette.types import ASGIApp, Message

from app.audits import audit_service
from app.fast_paths import short_reads
from app.infra.database import Database
from app.infra.storage import Storage
from app.tables import Audit, AuditStatus, Dataset, RunStatus, Sample, Score
from tests.builders.stored_rows import store_audit, store_finished_audit, store_ready_dataset
from worker.finish.finishing_job import finish
from worker.jobs import signal_files
from worker.jobs.bulk_copy import update_statistics

Count = Callable[[Callable[[], object]], int]


@pytest.fixture
def statements(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, Any]]:
    """Return the statements as the driver is given them, by SQLAlchemy and past it."""
    sent: list[tuple[str, Any]] = []
    execute = psycopg.Cursor.execute

    def noted(cursor: Any, query: Any, params: Any = None, **named: Any) -> Any:  # noqa: ANN401
        sent.append((query, params))
        return execute(cursor, query, params, **named)

    monkeypatch.setattr(psycopg.Cursor, "execute", noted)
    return sent


@pytest.fixture
def counted(statements: list[tuple[str, Any]]) -> Count:
    def _counted(work: Callable[[], object]) -> int:
        statements.clear()
        work()
        return len(statements)

    return _counted


@pytest.fixture
def dataset(database: Database, storage: Storage) -> Dataset:
    return store_ready_dataset(database, storage, samples=300)


@pytest.fixture
def audit(database: Database, dataset: Dataset) -> Audit:
    made = store_finished_audit(database, dataset)
    with database.transaction() as session:
        update_statistics(session, Sample, Score)
    return made


MOST_STATEMENTS = {
    "/v1/audits/{audit}/suspects?limit={limit}": 2,
    "/v1/audits/{audit}": 4,
    "/v1/audits/{audit}/samples/3": 3,
    "/v1/datasets/{dataset}/samples?limit={limit}": 4,
    "/v1/datasets?limit={limit}": 3,
    "/v1/audits?limit={limit}": 4,
}


def test_a_request_sends_few_statements_however_long_its_page(
    api: TestClient, dataset: Dataset, audit: Audit, counted: Count
) -> None:
    def get(path: str, limit: int) -> Callable[[], object]:
        return lambda: api.get(path.format(audit=audit.id, dataset=dataset.id, limit=limit))

    short, long = ({path: counted(get(path, limit)) for path in MOST_STATEMENTS} for limit in (2, 200))
    assert short == long
    assert min(short.values()) > 0
    assert {path: count for path, count in short.items() if count > MOST_STATEMENTS[path]} == {}


def test_a_page_takes_one_thread(api: TestClient, audit: Audit, monkeypatch: pytest.MonkeyPatch) -> None:
    taken: list[object] = []
    run_sync = anyio.to_thread.run_sync

    def counting(function: Any, *arguments: Any, **named: Any) -> Any:  # noqa: ANN401
        taken.append(function)
        return run_sync(function, *arguments, **named)

    _as_coroutines(api, monkeypatch)
    monkeypatch.setattr(anyio.to_thread, "run_sync", counting)
    assert api.get(f"/v1/audits/{audit.id}/suspects").status_code == 200
    assert len(taken) == 1


MOST_CALLS = 3_000
"""Of Python's functions, for a page of 50; 2,500 were counted, with those for what the fixture overrides."""


def test_a_page_calls_few_functions(api: TestClient, audit: Audit, monkeypatch: pytest.MonkeyPatch) -> None:
    called = Counter[str]()

    def noted(frame: FrameType, event: str, _: object) -> None:
        if event == "call":
            called[f"{frame.f_code.co_filename}:{frame.f_code.co_name}"] += 1

    async def ask() -> None:
        for _ in range(3):
            called.clear()
            await _answered(api.app, f"/v1/audits/{audit.id}/suspects")

    _as_coroutines(api, monkeypatch)
    threading.setprofile(noted)
    sys.setprofile(noted)
    try:
        anyio.run(ask)
    finally:
        sys.setprofile(None)
        threading.setprofile(None)
    assert called.total() < MOST_CALLS, called.most_common(20)


async def _answered(app: ASGIApp, path: str) -> None:
    """Ask for a path without a client, whose own calls would be counted too."""
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.request"}

    async def send(message: Message) -> None:
        sent.append(message)

    headers = [(b"host", b"127.0.0.1")]
    scope: dict[str, Any] = {
        "type": "http",
        "http_version": "1.1",
        "method": "GET",
        "scheme": "http",
        "headers": headers,
    }
    scope |= {"path": path, "raw_path": path.encode(), "query_string": b"", "root_path": ""}
    await app({**scope, "client": ("127.0.0.1", 1), "server": ("127.0.0.1", 80)}, receive, send)
    assert sent[0]["status"] == 200
    assert len(json.loads(sent[1]["body"])["items"]) == 50


def test_pages_are_read_by_few_threads_at_a_time() -> None:
    under_way, most = 0, 0

    async def readers() -> None:
        def read() -> None:
            nonlocal under_way, most
            under_way += 1
            most = max(most, under_way)
            time.sleep(0.01)
            under_way -= 1

        async with anyio.create_task_group() as group:
            for _ in range(16):
                group.start_soon(short_reads.run_in_turn, read)

    anyio.run(readers)
    assert most == short_reads.AT_ONCE


def test_a_connection_is_opened_once_however_many_are_needed_together(database: Database) -> None:
    opened: list[object] = []
    event.listen(database.engine, "connect", lambda connection, _: opened.append(connection))
    for _ in range(3):
        with ExitStack() as together:
            for _ in range(6):
                together.enter_context(database.connect_for_reading()).execute(text("SELECT 1"))
    assert len(opened) == 6


def test_looking_for_garbage_leaves_out_what_stays_as_long_as_the_process(api: TestClient) -> None:
    gc.unfreeze()
    before = len(gc.get_objects())
    with TestClient(api.app):
        looked_through = len(gc.get_objects())
    assert looked_through < before / 10


def _as_coroutines(api: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    """Make the fixture's overrides, plain functions which take threads, what the service's own are."""
    overrides = cast("FastAPI", api.app).dependency_overrides
    for name, override in overrides.items():
        monkeypatch.setitem(overrides, name, _coroutine(override()))


def _coroutine(value: object) -> Callable[[], Coroutine[Any, Any, object]]:
    async def given() -> object:
        return value

    return given


def test_a_page_visits_the_scores_it_shows_and_no_others(
    api: TestClient, database: Database, audit: Audit, statements: list[tuple[str, Any]]
) -> None:
    for query in ("", "&given_label=bee", "&min_distance=0.001", "&review=none"):
        statements.clear()
        page = api.get(f"/v1/audits/{audit.id}/suspects?limit=20{query}").json()
        assert len(page["items"]) == 20
        statement, parameters = next(
            each for each in statements if "FROM scores" in each[0] and "ORDER BY scores.rank" in each[0]
        )
        with database.engine.connect() as connection:
            # Scans of whole tables, which so small ones would invite; large ones do not.
            connection.execute(text("SET LOCAL enable_seqscan = off; SET LOCAL enable_bitmapscan = off"))
            explained = connection.exec_driver_sql(f"EXPLAIN (ANALYZE, FORMAT JSON) {statement}", parameters)
            plan = explained.scalar_one()[0]["Plan"]
        assert max(visited(plan, "scores")) <= 21 * 3 + 1, query


def visited(node: dict[str, Any], table: str) -> list[float]:
    """Return how many rows every scan of a table passed on, those it dropped included."""
    own = []
    if node.get("Relation Name") == table:
        rows = node["Actual Rows"] + node.get("Rows Removed by Filter", 0)
        own = [rows * node["Actual Loops"] if node["Actual Loops"] == 1 else rows]
    return own + [rows for child in node.get("Plans", []) for rows in visited(child, table)]


def trained(database: Database, storage: Storage, samples: int) -> Audit:
    dataset = store_ready_dataset(database, storage, samples=samples)
    audit = store_audit(database, dataset)
    with database.transaction() as session:
        run = audit_service.list_runs(session, [audit.id])[audit.id][0]
        run.status = RunStatus.SUCCEEDED
        audit_service.change_status(session, audit.id, AuditStatus.RUNNING)
    share = np.random.default_rng(0).random(samples).astype(np.float32)
    names = ("distance", "distance_average", "distance_last", "predicted_gradient_norm", "margin", "loss")
    signals = dict.fromkeys((*names, "given_label_probability"), share)
    signals["top_labels_N3"] = np.tile(np.array([0, 1, 2]), (samples, 1))
    signals["top_probabilities_N3"] = np.tile(np.array([0.8, 0.1, 0.1], np.float32), (samples, 1))
    signal_files.save(storage, storage.locate_run(audit.id, 0), signals)
    return audit


def test_finishing_sends_as_many_statements_for_many_samples_as_for_few_and_few_bytes_of_each(
    database: Database, storage: Storage, counted: Count, monkeypatch: pytest.MonkeyPatch
) -> None:
    few, many = (trained(database, storage, samples) for samples in (30, 900))
    copied: list[tuple[int, int]] = []
    write = csv.write_csv

    def counting(rows: pa.RecordBatch | pa.Table, block: Any, options: object) -> None:  # noqa: ANN401
        write(rows, block, options)
        if isinstance(rows, pa.RecordBatch):  # of COPY; the files are written from whole tables
            copied.append((len(rows), block.tell()))

    monkeypatch.setattr(csv, "write_csv", counting)
    statements_of_few = counted(lambda: finish(database, storage, few.id))
    copied.clear()
    assert counted(lambda: finish(database, storage, many.id)) == statements_of_few
    assert sum(rows for rows, _ in copied) == 900
    assert sum(size for _, size in copied) < 900 * 300
    with database.transaction() as session:
        assert {audit_service.get(session, each.id).status for each in (few, many)} == {AuditStatus.SUCCEEDED}


def test_a_download_sends_one_statement_and_a_file_that_is_there(
    api: TestClient, database: Database, storage: Storage, counted: Count
) -> None:
    audit = trained(database, storage, 60)
    finish(database, storage, audit.id)
    path = f"/v1/audits/{audit.id}/ranking.csv"
    assert counted(lambda: api.get(path)) <= 2
    assert len(api.get(path).content.splitlines()) == 61
