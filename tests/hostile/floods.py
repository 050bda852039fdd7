"""Requests of one caller for what takes seconds, many at once: everybody else must be served meanwhile."""

import contextlib
import io
import threading
import time
import zipfile
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx
import pyarrow as pa
from PIL import Image
from pyarrow import parquet

from tests import patience
from tests.hostile.bystander import Bystander
from tests.hostile.stalls import STALLS, stall, until

__all__ = ["STALLS"]
AT_ONCE = 30
SIDE = 4000
PICTURES = 6


def ask_together(client: httpx.Client, paths: list[str]) -> Counter[int]:
    """Ask for all paths at once and count the answers by status."""
    with httpx.Client(base_url=client.base_url, trust_env=False, timeout=patience.scale(60)) as many:

        def ask(path: str) -> int:
            return many.get(path).status_code

        with ThreadPoolExecutor(AT_ONCE) as threads:
            return Counter(threads.map(ask, paths))


def _ready_dataset(client: httpx.Client, name: str, content: bytes) -> str:
    dataset = str(client.post("/v1/datasets", json={"name": "flood"}).json()["id"])
    client.put(f"/v1/datasets/{dataset}/files/{name}", content=content).raise_for_status()
    until(client, f"/v1/datasets/{dataset}", {"ready", "rejected"}, 120)
    error = client.get(f"/v1/datasets/{dataset}").json()["error"]
    assert error is None, error
    return dataset


@stall("flood: thirty estimates at once, then a message to a worker")
def estimates(client: httpx.Client, _: Bystander) -> str:
    """Ask how long audits take, so often that those who ask the workers could wait for each other."""
    dataset = _ready_dataset(client, "a.csv", b"a,label\n" + b"1,x\n2,y\n" * 20)
    found = ask_together(client, [f"/v1/datasets/{dataset}/estimate"] * 2 * AT_ONCE)
    assert set(found) == {200}, found
    again = _ready_dataset(client, "a.csv", b"a,label\n" + b"1,x\n2,y\n" * 20)
    for each in (dataset, again):
        client.delete(f"/v1/datasets/{each}")
    return f"{found[200]} answers; the next upload was read"


@stall("flood: a column that nobody reads is 300 megabytes, and goes with the corrected table")
def unread_column(client: httpx.Client, _: Bystander) -> str:
    """Export a Parquet table with a column that was left out and repeats a long value."""
    buffer = io.BytesIO()
    count = 1000
    cells = pa.array(["x" * 300_000]).dictionary_encode().take(pa.array([0] * count))
    columns = {"a": list(range(count)), "label": ["xy"[n % 2] for n in range(count)], "blob": cells}
    parquet.write_table(pa.table(columns), buffer, compression="zstd")
    options = {"name": "flood", "exclude_columns": ["blob"]}
    dataset = str(client.post("/v1/datasets", json=options).json()["id"])
    client.put(f"/v1/datasets/{dataset}/files/a.parquet", content=buffer.getvalue()).raise_for_status()
    until(client, f"/v1/datasets/{dataset}", {"ready", "rejected"}, 60)
    error = client.get(f"/v1/datasets/{dataset}").json()["error"]
    assert error is None, error
    answer = client.get(f"/v1/datasets/{dataset}/exports/dataset")
    assert answer.status_code == 200, answer.json()
    assert parquet.read_metadata(io.BytesIO(answer.content)).num_rows == count
    client.delete(f"/v1/datasets/{dataset}")
    return f"{len(buffer.getvalue()):,} bytes, exported"


@stall("flood: twelve downloads of a large table whose readers are slow")
def slow_readers(client: httpx.Client, _: Bystander) -> str:
    """Open downloads of one workspace and read nothing of them."""
    rows = b"".join(b"%d,%s,%s\n" % (n % 97, b"xy"[n % 2 : n % 2 + 1], b"-" * 8_000) for n in range(5_000))
    dataset = _ready_dataset(client, "a.csv", b"a,label,note\n" + rows)
    with contextlib.ExitStack() as opened:
        path = f"/v1/datasets/{dataset}/exports/dataset"
        many = opened.enter_context(
            httpx.Client(base_url=client.base_url, trust_env=False, timeout=patience.scale(60))
        )
        answers = [opened.enter_context(many.stream("GET", path)) for _ in range(12)]
        found = Counter(answer.status_code for answer in answers)
        assert found == {200: 8, 429: 4}, found
        assert all("retry-after" in each.headers for each in answers if each.status_code == 429)
    deadline = time.monotonic() + patience.scale(10)
    while client.get(path).status_code != 200:
        assert time.monotonic() < deadline, "the places of closed downloads are not free"
        time.sleep(0.2)
    client.delete(f"/v1/datasets/{dataset}")
    return "eight were begun, four were told to come again"


@stall("flood: pictures of 16 million pixels are shown at once")
def pictures(client: httpx.Client, _: Bystander) -> str:
    """Have large pictures reduced, which are a few bytes in the upload."""
    buffer, large = io.BytesIO(), io.BytesIO()
    Image.new("RGBA", (SIDE, SIDE), (9, 9, 9, 100)).save(large, "PNG")
    with zipfile.ZipFile(buffer, "w") as archive:
        for number in range(PICTURES):
            archive.writestr(f"a/{number}.png", large.getvalue())
        for number in range(20):
            small = io.BytesIO()
            Image.new("RGB", (12, 12), (number, 9, 9)).save(small, "PNG")
            archive.writestr(f"b/{number}.png", small.getvalue())
    dataset = _ready_dataset(client, "large.zip", buffer.getvalue())
    path = f"/v1/datasets/{dataset}/samples/{{}}/image?variant=display&side={{}}"
    found = ask_together(client, [path.format(n, side) for n in range(PICTURES) for side in (128, 256)])
    assert set(found) == {200}, found
    client.delete(f"/v1/datasets/{dataset}")
    return f"{found[200]} pictures"


@stall("flood: a consensus of 120 annotators and 400 classes, while an audit ends")
def consensus(client: httpx.Client, _: Bystander) -> str:
    """Attach 31 kB of labels whose consensus takes minutes; audits end meanwhile."""
    rows = b"".join(b"%d,c%d\n" % (n, n % 400) for n in range(1200))
    dataset = _ready_dataset(client, "a.csv", b"a,label\n" + rows)
    labels = b"".join(
        b"%d,w%d,c%d\n" % (n, (7 * n + 61 * twice) % 120, (n * 31 + twice * 17) % 400)
        for n in range(1200)
        for twice in range(2)
    )
    body = b"position,annotator,label\n" + labels
    client.put(f"/v1/datasets/{dataset}/annotations", content=body).raise_for_status()
    small = _ready_dataset(client, "a.csv", b"a,label\n" + b"1,x\n2,y\n" * 20)
    configuration = {"method": "ce", "epochs": 1, "folds": 1}
    asked = {"dataset_id": small, "configuration": configuration}
    audit = client.post("/v1/audits", json=asked).raise_for_status().json()["id"]
    began = time.monotonic()
    assert until(client, f"/v1/audits/{audit}", {"succeeded", "failed"}, 60) == "succeeded"
    state = client.get(f"/v1/datasets/{dataset}/consensus").json()["state"]
    client.delete(f"/v1/datasets/{dataset}")
    return f"the audit took {time.monotonic() - began:.0f} s, the consensus was {state}"


class _Slow(BaseHTTPRequestHandler):
    """Serves a table of addresses; while it is told to, it drips, or sends interim answers without an end."""

    drips, floods = threading.Event(), threading.Event()
    table = b"url,label\n" + b"".join(b"%d.png,%s\n" % (n, b"xy"[n % 2 : n % 2 + 1]) for n in range(20))

    def do_GET(self) -> None:
        """Answer with the table or a picture."""
        drawn = io.BytesIO()
        Image.new("L", (8, 8), hash(self.path) % 255).save(drawn, "PNG")
        content = self.table if self.path.endswith(".csv") else drawn.getvalue()
        with contextlib.suppress(OSError):
            while self.floods.is_set():
                self.wfile.write(b"HTTP/1.1 103 Early Hints\r\n\r\n" * 2_000)
            self.send_response(200)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            while self.drips.is_set():
                self.wfile.write(b"x")
                time.sleep(1)
            self.wfile.write(content)

    do_HEAD = do_GET

    def log_message(self, *_: object) -> None:
        """Print nothing."""


@stall("flood: eight comparisons with a place that drips, then an estimate")
def dripping(client: httpx.Client, _: Bystander) -> str:
    """Compare a dataset with a server that sends a byte a second."""
    return _compare_with(client, _Slow.drips)


@stall("flood: eight comparisons with a place that sends interim answers without an end, then an estimate")
def flooding(client: httpx.Client, _: Bystander) -> str:
    """Compare a dataset with a server that never lets its reader wait."""
    return _compare_with(client, _Slow.floods)


def _compare_with(client: httpx.Client, fault: threading.Event) -> str:
    small = _ready_dataset(client, "a.csv", b"a,label\n" + b"1,x\n2,y\n" * 20)
    with ThreadingHTTPServer(("127.0.0.1", 0), _Slow) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        place = f"http://127.0.0.1:{server.server_port}/table.csv"
        made = client.post("/v1/datasets", json={"name": "slow", "place": place}).raise_for_status().json()
        assert until(client, f"/v1/datasets/{made['id']}", {"ready", "rejected"}, 60) == "ready"
        fault.set()
        path = f"/v1/datasets/{made['id']}/sync?compare_only=true"
        try:
            with ThreadPoolExecutor(8) as threads:
                asked = [threads.submit(_post_briefly, client, path) for _ in range(8)]
                time.sleep(1)
                began = time.monotonic()
                client.get(f"/v1/datasets/{small}/estimate").raise_for_status()
                waited = time.monotonic() - began
                for each in asked:
                    each.result()
        finally:
            fault.clear()
            server.shutdown()
    assert waited < patience.scale(5), f"the estimate took {waited:.1f} s"
    return f"the estimate took {waited:.1f} s"


def _post_briefly(client: httpx.Client, path: str) -> None:
    with contextlib.suppress(httpx.ReadTimeout):
        httpx.post(f"{client.base_url}{path}", timeout=5, trust_env=False)
