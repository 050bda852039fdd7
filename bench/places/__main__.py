"""Ten thousand pictures in a bucket, audited there and synchronised after changes.

    python -m bench.places [--count 10000]

Starts a bucket's server (moto) and a service on loopback; both share the cores. Prints a table and appends it
to bench/places/RESULTS.md.
"""

import argparse
import os
import platform
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path
from socket import socket
from uuid import uuid4

import httpx
import numpy as np
from sklearn.datasets import load_digits

from app.client import Client, Dataset
from app.embedded.local_stack import LocalStack
from bench.speed.made import scratch
from tests.builders.pictures import encode_png

RESULTS = Path(__file__).with_name("RESULTS.md")
SIGNED = {"Authorization": "AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/s3/aws4_request"}
BUCKET = "photographs"
SIDE, WRONG_EVERY = 32, 20
NEW, CHANGED, GONE = 12, 3, 1


def make_pictures(count: int) -> Iterator[tuple[str, bytes]]:
    """Yield names and real digits, enlarged and with noise so that no two are the same; 5 % lie wrong."""
    digits, drawn = load_digits(), np.random.default_rng(0)
    for number in range(count):
        at = number % len(digits.images)
        pixels = np.kron(digits.images[at], np.ones((SIDE // 8, SIDE // 8))) * 14
        label = int(digits.target[at])
        folder = (label + 1) % 10 if number % WRONG_EVERY == 0 else label
        yield f"{folder}/{number:06}.png", encode_png(pixels + drawn.integers(0, 30, (SIDE, SIDE)))


class Bucket:
    """A bucket, written without our own code."""

    def __init__(self, address: str) -> None:
        self._client = httpx.Client(base_url=address, headers=SIGNED, trust_env=False, timeout=60)
        self._client.put(f"/{BUCKET}").raise_for_status()

    def put(self, name: str, content: bytes) -> None:
        """Store an object."""
        self._client.put(f"/{BUCKET}/digits/{name}", content=content).raise_for_status()

    def delete(self, name: str) -> None:
        """Delete an object."""
        self._client.delete(f"/{BUCKET}/digits/{name}").raise_for_status()


@contextmanager
def serve_bucket() -> Iterator[str]:
    """Serve buckets in a process of its own."""
    with closing(socket()) as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:  # noqa: S603
        try:
            address = f"http://127.0.0.1:{port}"
            while not _answers(address):
                time.sleep(0.2)
            yield address
        finally:
            process.terminate()


def _answers(address: str) -> bool:
    try:
        return httpx.get(f"{address}/moto-api/", trust_env=False).is_success
    except httpx.TransportError:
        return False


class Times:
    """Seconds of each step."""

    def __init__(self) -> None:
        self.rows: list[tuple[str, float, str]] = []

    def measure(self, step: str, work: Callable[[], str]) -> None:
        """Run a step, and note its seconds and what it says."""
        began = time.monotonic()
        said = work()
        self.rows.append((step, time.monotonic() - began, said))
        sys.stdout.write(f"{self.rows[-1]}\n")


def measure(client: Client, bucket: Bucket, pictures: dict[str, bytes], times: Times) -> None:
    """Add, audit, compare, change and synchronise."""
    made: list[Dataset] = []

    def add() -> str:
        made.append(client.add(f"s3://{BUCKET}/digits", name="digits").wait(progress=False))
        return f"{made[0]['sample_count']} samples"

    def audit() -> str:
        done = made[0].audit(epochs=3, network="mnist_cnn").wait(progress=False)
        top = [suspect["key"] for suspect in list(done.suspects())[: len(pictures) // WRONG_EVERY]]
        found = sum(int(key.split("/")[1][:-4]) % WRONG_EVERY == 0 for key in top)
        return f"{found / len(top):.3f} of the first {len(top)} lie in a wrong folder"

    def show() -> str:
        urls = [f"/v1/datasets/{made[0].id}/samples/{at}/image?variant=display&side=128" for at in range(200)]
        sizes = [len(client.request("GET", url).content) for url in urls]
        return f"200 pictures of {np.mean(sizes):.0f} bytes"

    def compare() -> str:
        found, _ = made[0].sync(compare_only=True)
        return f"{found['new']} new, {found['changed']} changed, {found['gone']} gone"

    def synchronise() -> str:
        found, version = made[0].sync()
        assert version is not None
        version.wait(progress=False)
        return (
            f"{found['new']} new, {found['changed']} changed, {found['gone']} gone: {version['sample_count']}"
        )

    times.measure("read in place", add)
    times.measure("audit, three epochs", audit)
    times.measure("show pictures, the first time", show)
    times.measure("show pictures, checked and cached", show)
    times.measure("compare, nothing changed", compare)
    names = sorted(pictures)
    for number in range(NEW):
        bucket.put(f"3/new-{number}.png", pictures[names[number]][:-1] + bytes([number]))
    for name in names[100 : 100 + CHANGED]:
        bucket.put(name, pictures[names[200]])
    for name in names[300 : 300 + GONE]:
        bucket.delete(name)
    times.measure("compare after changes", compare)
    times.measure("synchronise: a new version", synchronise)


def main() -> int:
    """Measure, print, and keep what was measured."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--count", type=int, default=10_000)
    options = parser.parse_args()
    times, pictures = Times(), dict(make_pictures(options.count))
    with serve_bucket() as address, scratch() as folder:
        bucket = Bucket(address)
        with ThreadPoolExecutor(8) as threads:
            list(threads.map(bucket.put, pictures, pictures.values()))
        os.environ["LIMIT_AUDIT_PLACE_ENDPOINTS"] = f'["{address}"]'
        load = os.getloadavg()[0]
        with LocalStack(folder) as stack, Client(f"http://127.0.0.1:{stack.port}") as client:
            access = {"endpoint": address, "key_id": "test", "secret": uuid4().hex}
            client.request("PUT", f"/v1/buckets/{BUCKET}", json=access)
            measure(client, bucket, pictures, times)
    lines = [f"| {step} | {seconds:.1f} | {said} |" for step, seconds, said in times.rows]
    table = "\n".join(["| step | seconds | result |", "| --- " * 3 + "|", *lines])
    megabytes, now = sum(map(len, pictures.values())) / 1e6, time.strftime("%Y-%m-%d %H:%M", time.gmtime())
    text = (
        f"## {now} UTC\n\n{options.count} pictures of {SIDE} x {SIDE}, {megabytes:.1f} MB, {os.cpu_count()}"
        f" cores ({platform.machine()}), load {load:.1f} at the start.\n\n{table}\n"
    )
    sys.stdout.write(f"\n{text}\n")
    with RESULTS.open("a", encoding="utf-8") as file:
        file.write(f"\n{text}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
