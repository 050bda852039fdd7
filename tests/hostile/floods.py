"""Requests of one caller for what takes seconds, many at once: everybody else must be served meanwhile."""

import io
import zipfile
from collections import Counter
from concurrent.futures import ThreadPoolExecutor

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
