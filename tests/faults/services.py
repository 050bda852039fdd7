"""Faults of everything that is not a worker: broker, database, API, beat, disk, clock, migrations."""

import contextlib
import hashlib
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import httpx

from tests import patience
from tests.case_runner import Case
from tests.faults.world import World, write_large_csv, write_small_zip

MEBIBYTE = 2**20
TUS = {"Tus-Resumable": "1.0.0"}
BROKEN = 599


def broker_killed(world: World) -> str:
    """Kill Redis while a run trains, and start it empty."""
    audit = world.audit()
    world.until_training(audit)
    world.kill_and_restart("redis")
    answer = world.succeeded(audit)
    return f"attempt {answer['runs'][0]['attempt']} went on; finished when workers had the broker again"


def broker_flushed(world: World) -> str:
    """Empty Redis while work waits in it."""
    world.kill("worker-train")
    waiting = [world.audit(), world.audit()]
    with world.redis() as redis:
        lost = redis.llen("train")
        redis.flushall()
    world.stack.restart("worker-train")
    for audit in waiting:
        world.succeeded(audit)
    return f"{lost} queued messages lost, sent again from the tables"


def broker_away_when_asked(world: World) -> str:
    """Start an audit and an ingestion while there is no Redis."""
    world.kill("redis")
    world.stack.find_part("redis").process.wait()
    started = time.monotonic()
    audit = world.audit()
    seconds = time.monotonic() - started
    with tempfile.TemporaryDirectory() as folder:
        dataset = world.upload(write_small_zip(Path(folder) / "digits.zip"))
    world.stack.restart("redis")
    world.succeeded(audit)
    assert world.until_read(dataset)["status"] == "ready"
    world.client.delete(f"/v1/datasets/{dataset}")
    return f"202 after {seconds:.1f} s without a broker, also for an upload; both sent later"


def database_away(world: World) -> str:
    """Stop PostgreSQL, ask for data, pages and changes, and start it again."""
    asked = [
        ("GET", "/v1/datasets"),
        ("GET", f"/v1/datasets/{world.dataset}"),
        ("POST", "/v1/datasets"),
        ("GET", f"/v1/datasets/{world.dataset}/samples/0/image"),
        ("PUT", f"/v1/datasets/{world.dataset}/truth"),
        ("DELETE", f"/v1/datasets/{world.dataset}"),
        ("GET", "/metrics"),
        ("GET", "/"),
        ("GET", "/audits"),
        ("GET", f"/datasets/{world.dataset}"),
    ]
    slowest = 0.0
    with world.without_postgres(), httpx.Client(base_url=world.stack.url, trust_env=False) as client:
        for method, path in asked:
            answer = client.request(method, path, json={"name": "x"} if method != "GET" else None)
            assert answer.status_code == 503, f"{method} {path}: {answer.status_code} {answer.text[:200]}"
            assert int(answer.headers["retry-after"]) > 0, path
            is_page = not path.startswith(("/v1", "/metrics"))
            kind = "text/html" if is_page else "application/problem+json"
            assert answer.headers["content-type"].startswith(kind), path
            slowest = max(slowest, answer.elapsed.total_seconds())
        ready = client.get("/v1/health/ready")
        assert (ready.status_code, ready.json()["checks"]["broker"]) == (503, "ok"), ready.text
        assert client.get("/v1/health/live").status_code == 200
    assert world.client.get(f"/v1/datasets/{world.dataset}")["status"] == "ready"
    return f"{len(asked)} x 503 with Retry-After, the slowest after {slowest:.2f} s; then 200 again"


def database_restarted_in_training(world: World) -> str:
    """Crash PostgreSQL while a run trains."""
    audit = world.audit()
    world.until_training(audit)
    world.restart_postgres()
    answer = world.succeeded(audit)
    return f"attempt {answer['runs'][0]['attempt']} succeeded, same ranking"


def database_restarted_in_requests(world: World) -> str:
    """Crash PostgreSQL while clients make datasets."""
    done = threading.Event()
    statuses: list[int] = []

    def ask() -> None:
        with httpx.Client(base_url=world.stack.url, trust_env=False, timeout=patience.scale(30)) as client:
            while not done.is_set():
                try:
                    statuses.append(client.post("/v1/datasets", json={"name": "in between"}).status_code)
                except httpx.TransportError:  # after a 500 the server closes the connection
                    statuses.append(BROKEN)

    threads = [threading.Thread(target=ask) for _ in range(3)]
    for thread in threads:
        thread.start()
    try:
        time.sleep(0.5)
        world.restart_postgres()
        time.sleep(0.5)
    finally:
        done.set()
        for thread in threads:
            thread.join()
    made = world.scalar("SELECT count(*) FROM datasets WHERE name = 'in between'")
    created, failed = statuses.count(201), sum(status >= 500 for status in statuses)
    world.execute("DELETE FROM datasets WHERE name = 'in between'")
    assert statuses[-1] == 201, "it answers again"
    assert created <= made <= created + failed, f"{created} answered with 201, {made} stored"
    return f"{created} x 201, {failed} x 5xx, then 201 again; none answered was lost"


def api_killed_in_upload(world: World) -> str:
    """Kill the API in the middle of a plain PUT, then send it again."""
    with tempfile.TemporaryDirectory() as folder:
        file = write_small_zip(Path(folder) / "digits.zip")
        dataset = world.client.post("/v1/datasets", {"name": "cut"})["id"]
        url = f"/v1/datasets/{dataset}/files/digits.zip"
        body = file.read_bytes()

        def half() -> Iterator[bytes]:
            yield body[: len(body) // 2]
            world.kill("api")
            yield body[len(body) // 2 :]

        try:
            httpx.put(world.stack.url + url, content=half(), trust_env=False)
        except httpx.HTTPError as error:
            broke = type(error).__name__
        else:
            raise AssertionError("the upload was answered by a killed API")
        world.stack.restart("api")
        world.until_healthy()
        assert world.client.get(f"/v1/datasets/{dataset}")["status"] == "uploading"
        httpx.put(
            world.stack.url + url, content=body, trust_env=False, timeout=patience.scale(30)
        ).raise_for_status()
    ready = world.until_read(dataset)
    assert (ready["status"], ready["files"][0]["sha256"]) == ("ready", hashlib.sha256(body).hexdigest())
    world.client.delete(f"/v1/datasets/{dataset}")
    return f"{broke}; the dataset still took its file, half a body was removed"


def api_killed_in_resumable_upload(world: World) -> str:
    """Kill the API in the middle of a tus PATCH, ask where to go on, and go on."""
    with tempfile.TemporaryDirectory() as folder:
        body = write_large_csv(Path(folder) / "large.csv", rows=40_000).read_bytes()
    dataset = world.client.post("/v1/datasets", {"name": "resumed"})["id"]
    headers = TUS | {"Upload-Length": str(len(body)), "Upload-Metadata": "filename bGFyZ2UuY3N2"}
    with httpx.Client(base_url=world.stack.url, trust_env=False, timeout=patience.scale(30)) as client:
        location = client.post(f"/v1/datasets/{dataset}/uploads", headers=headers).headers["location"]

    def patch(offset: int, content: Iterator[bytes] | bytes) -> httpx.Response:
        kind = {"Content-Type": "application/offset+octet-stream", "Upload-Offset": str(offset)}
        return httpx.patch(
            world.stack.url + location,
            headers=TUS | kind,
            content=content,
            trust_env=False,
            timeout=patience.scale(60),
        )

    def cut() -> Iterator[bytes]:
        yield body[: 5 * MEBIBYTE]
        world.until(lambda: _offset(world, location) or None, "a saved offset")
        world.kill("api")
        yield body[5 * MEBIBYTE :]

    with contextlib.suppress(httpx.HTTPError):
        patch(0, cut())
    world.stack.restart("api")
    world.until_healthy()
    offset = _offset(world, location)
    assert patch(offset, body[offset:]).status_code == 204
    ready = world.until_read(dataset)
    assert (ready["status"], ready["files"][0]["sha256"]) == ("ready", hashlib.sha256(body).hexdigest())
    world.client.delete(f"/v1/datasets/{dataset}")
    return f"went on at byte {offset} of {len(body)}, digest right"


def _offset(world: World, location: str) -> int:
    answer = httpx.head(world.stack.url + location, headers=TUS, trust_env=False)
    return int(answer.headers["upload-offset"])


def api_killed_before_registering(world: World) -> str:
    """Kill the API between a resumable upload's last byte and its entry into the dataset."""
    with tempfile.TemporaryDirectory() as folder:
        body = write_small_zip(Path(folder) / "digits.zip").read_bytes()
    dataset = world.client.post("/v1/datasets", {"name": "unregistered"})["id"]
    headers = TUS | {"Upload-Length": str(len(body)), "Upload-Metadata": "filename ZGlnaXRzLnppcA=="}
    begun = httpx.post(
        f"{world.stack.url}/v1/datasets/{dataset}/uploads",
        headers=headers,
        trust_env=False,
        timeout=patience.scale(30),
    )
    kind = {"Content-Type": "application/offset+octet-stream", "Upload-Offset": "0"}

    def send() -> None:
        try:
            url = world.stack.url + begun.headers["location"]
            httpx.patch(url, headers=TUS | kind, content=body, trust_env=False, timeout=patience.scale(60))
        except httpx.HTTPError:
            pass

    with world.locked("dataset_files"):
        sending = threading.Thread(target=send)
        sending.start()
        world.until_waiting_for("dataset_files")
        world.kill_and_restart("api")
        sending.join()
    world.until_healthy()
    assert world.until_read(dataset)["status"] == "ready"
    world.client.delete(f"/v1/datasets/{dataset}")
    return "registered and read by itself, nothing was sent again"


def api_killed_in_download(world: World) -> str:
    """Kill the API in the middle of a download and go on by range."""
    audit = world.audit()
    world.succeeded(audit)
    url = f"{world.stack.url}/v1/audits/{audit}/ranking.csv"
    whole = httpx.get(url, trust_env=False, timeout=patience.scale(30))
    with httpx.stream("GET", url, trust_env=False, timeout=patience.scale(30)) as answer:
        first = next(answer.iter_bytes(1000))
        world.kill("api")
    world.stack.restart("api")
    world.until_healthy()
    headers = {"Range": f"bytes={len(first)}-", "If-Range": whole.headers["etag"]}
    rest = httpx.get(url, headers=headers, trust_env=False, timeout=patience.scale(30))
    assert (rest.status_code, first + rest.content) == (206, whole.content)
    return f"went on at byte {len(first)}: same bytes"


def beat_killed(world: World) -> str:
    """Kill beat, lose a run, and start beat again."""
    audit = world.audit()
    world.until_training(audit)
    world.kill("beat")
    world.kill_and_restart("worker-train")
    time.sleep(10)
    assert world.read(audit)["status"] == "running", "nobody is there to notice"
    world.stack.restart("beat")
    world.succeeded(audit)
    return "the lost run was found once beat was back"


def disk_full_in_training(world: World) -> str:
    """Fill the disk while a run trains, and make room again."""
    audit = world.audit()
    world.until_training(audit)
    with contextlib.ExitStack() as full:
        with world.locked("run_epochs"):  # so that the run does not end before the disk is full
            world.until_waiting_for("run_epochs")
            full.enter_context(_full(world))
        world.until(lambda: _waits(world, audit), "a run that waits")
        refused = _upload_refused(world)
    world.succeeded(audit)
    return f"the run waited and said so, then succeeded; an upload was refused meanwhile: {refused}"


def _waits(world: World, audit: str) -> bool | None:
    run = world.read(audit)["runs"][0]
    waiting = ((run["progress"] or {}).get("waiting") or "").startswith("the disk is full")
    assert run["status"] in {"queued", "running"}, run["error"]
    return waiting or None


def _upload_refused(world: World) -> str:
    dataset = world.client.post("/v1/datasets", {"name": "too much"})["id"]
    url = f"{world.stack.url}/v1/datasets/{dataset}/files/a.bin"
    answer = httpx.put(url, content=bytes(10_000), trust_env=False, timeout=patience.scale(30))
    assert answer.status_code == 507, answer.text
    world.client.delete(f"/v1/datasets/{dataset}")
    return str(answer.json()["detail"])


def disk_full_in_ingestion(world: World) -> str:
    """Fill the disk while an upload is read, and make room again."""
    world.kill("worker-cpu")
    with tempfile.TemporaryDirectory() as folder:
        dataset = world.upload(write_large_csv(Path(folder) / "large.csv", rows=20_000))
    with _full(world):
        world.stack.restart("worker-cpu")
        waiting = world.until(lambda: world.client.get(f"/v1/datasets/{dataset}")["error"], "a reason")
    ready = world.until_read(dataset)
    assert (ready["status"], ready["sample_count"]) == ("ready", 20_000), ready["error"]
    world.client.delete(f"/v1/datasets/{dataset}")
    return f"waited ({waiting['code']}), read once there was space; the upload was kept"


class _full:  # noqa: N801 - reads as a verb
    """A disk without a free byte."""

    def __init__(self, world: World) -> None:
        assert world.disk is not None, "needs root, for a small file system"
        self._filler = world.disk / "filler"

    def __enter__(self) -> None:
        with self._filler.open("wb", buffering=0) as file:
            try:
                for size in (MEBIBYTE, 4096, 1):
                    _fill(file.fileno(), size)
            except OSError:
                pass

    def __exit__(self, *_: object) -> None:
        self._filler.unlink()


def _fill(descriptor: int, size: int) -> None:
    try:
        while os.write(descriptor, bytes(size)):
            pass
    except OSError:
        return


def clock_jumps(world: World) -> str:
    """Let the clock jump two hours ahead and back, as leases see it."""
    audit = world.audit()
    world.until_training(audit)
    jump = "UPDATE runs SET lease_until = lease_until + CAST(:hours AS interval) WHERE audit_id = :id"
    world.execute(jump, hours="-2 hours", id=audit)
    world.until_training(audit, epoch=4)
    world.execute(jump, hours="2 hours", id=audit)
    answer = world.succeeded(audit)
    return f"attempt {answer['runs'][0]['attempt']} succeeded, same ranking"


def migrated_while_running(world: World) -> str:
    """Migrate, and change a busy table, while a run trains."""
    audit = world.audit()
    world.until_training(audit)
    command = [sys.executable, "-m", "app.cli.root", "migrate"]
    subprocess.run(
        command, env=world.stack.environment, check=True, capture_output=True, timeout=patience.scale(60)
    )
    with world.engine.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE runs ADD COLUMN probe text")
        time.sleep(1.5)
    world.succeeded(audit)
    world.execute("ALTER TABLE runs DROP COLUMN probe")
    return "the run waited for the lock and went on, same ranking"


def deleted_while_ingested(world: World) -> str:
    """Delete a dataset while a worker reads it."""
    with tempfile.TemporaryDirectory() as folder:
        dataset = world.upload(write_large_csv(Path(folder) / "large.csv"))
    held = "SELECT lease_until IS NOT NULL FROM datasets WHERE id = :id"
    world.until(lambda: world.scalar(held, id=dataset) or None, "a reader")
    world.client.delete(f"/v1/datasets/{dataset}")
    gone = httpx.get(f"{world.stack.url}/v1/datasets/{dataset}", trust_env=False)
    assert gone.status_code == 404
    folder_left = world.files / "datasets" / dataset
    time.sleep(2)
    world.until(lambda: None if folder_left.exists() else True, "removal of what the reader wrote")
    return "404 at once, its folder is gone"


CASES: list[Case[World]] = [
    Case(name="broker killed in training", run=broker_killed),
    Case(name="broker flushed with work in it", run=broker_flushed),
    Case(name="broker away when an audit is started", run=broker_away_when_asked),
    Case(name="database away in requests", run=database_away),
    Case(name="database crashes in training", run=database_restarted_in_training),
    Case(name="database crashes in requests", run=database_restarted_in_requests),
    Case(name="API killed in a PUT", run=api_killed_in_upload),
    Case(name="API killed in a tus PATCH", run=api_killed_in_resumable_upload),
    Case(name="API killed before an upload is registered", run=api_killed_before_registering),
    Case(name="API killed in a download", run=api_killed_in_download),
    Case(name="beat killed", run=beat_killed),
    Case(name="disk full in training", run=disk_full_in_training),
    Case(name="disk full in ingestion", run=disk_full_in_ingestion),
    Case(name="clock jumps", run=clock_jumps),
    Case(name="migration while running", run=migrated_while_running),
    Case(name="dataset deleted while it is read", run=deleted_while_ingested),
]
