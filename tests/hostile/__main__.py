"""`python -m tests.hostile`: every hostile upload and request against the running service, and a table.

Each is answered by a problem with a 4xx status, or read and refused, or taken with its problems listed; never
a 5xx, a hang, a file outside the service's folder, or more memory than MOST_MEBIBYTES in any process.
"""

import argparse
import contextlib
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from json import dumps
from pathlib import Path
from typing import Any

import httpx
import psutil

from app.embedded.local_stack import LocalStack
from app.tables import Scope
from tests import patience, run_folder
from tests.case_runner import Case, interrupt_on_sigterm, print_outcome, print_report, run_cases, select_cases
from tests.faults.world import write_small_zip
from tests.hostile import contract
from tests.hostile.asking import empty_dataset
from tests.hostile.bystander import LONGEST_WAIT, Bystander, bystander_of
from tests.hostile.conversing import conversing
from tests.hostile.everything import CATALOGUE, HARMLESS, LIMITS, MARKS
from tests.hostile.floods import STALLS
from tests.hostile.refusals import ASKED

MEBIBYTE = 2**20
READER_MEBIBYTES = 512
MOST_MEBIBYTES = 768
"""Resident in one process: what a reader may take on top of what its libraries need."""
MOST_API_MEBIBYTES = 400
"""Resident in the API's process."""
OVERRIDES = {
    "LIMIT_AUDIT_INGEST_MEMORY_BYTES": str(READER_MEBIBYTES * MEBIBYTE),
    "LIMIT_AUDIT_INGEST_SECONDS": "60",
    "LIMIT_AUDIT_INGEST_LIMITS": dumps(LIMITS),
    "LIMIT_AUDIT_OUTBOUND_PRIVATE": "true",
}
SLOWEST_SECONDS = patience.scale(90)


@dataclass
class World:
    """The service, the most memory that its processes took since it was last asked, and somebody beside."""

    stack: LocalStack
    client: httpx.Client
    dataset: str = ""
    peak: int = 0
    api_peak: int = 0
    bystander: Bystander | None = None
    done: threading.Event = field(default_factory=threading.Event)

    def watch(self) -> None:
        """Note the largest resident set of the API and the reading worker's processes."""
        api, reader = (
            psutil.Process(self.stack.find_part(name).process.pid) for name in ("api", "worker-cpu")
        )
        while not self.done.wait(0.02):
            with contextlib.suppress(psutil.Error):
                self.api_peak = max(self.api_peak, api.memory_info().rss)
            for root in (api, reader):
                with contextlib.suppress(psutil.Error):
                    for process in (root, *root.children(recursive=True)):
                        with contextlib.suppress(psutil.Error):
                            self.peak = max(self.peak, process.memory_info().rss)

    def until_read(self, dataset: str) -> dict[str, Any]:
        """Wait until a dataset is ready or rejected."""
        deadline = time.monotonic() + SLOWEST_SECONDS
        while time.monotonic() < deadline:
            answer: dict[str, Any] = self.client.get(f"/v1/datasets/{dataset}").json()
            if answer["status"] in {"ready", "rejected"}:
                return answer
            time.sleep(0.05)
        raise AssertionError("the upload was not read in time")


def upload(name: str, world: World) -> str:
    """Upload what the catalogue makes and return what the service said to it."""
    dataset = empty_dataset(world.client)
    files = CATALOGUE[name]()
    for position, (file, data) in enumerate(files.items()):
        last = position == len(files) - 1
        url = f"/v1/datasets/{dataset}/files/{file}"
        answer = world.client.put(url, content=data, params={"complete": last})
        assert answer.status_code < 500, answer.text
        if answer.is_client_error:
            return f"{answer.status_code} {answer.json()['code']}"
    read = world.until_read(dataset)
    if read["status"] == "rejected":
        assert read["error"]["code"] != "internal", read["error"]
        return f"rejected: {read['error']['code']}"
    assert read["problem_count"] or name in HARMLESS, "taken as if it were honest"
    listed = world.client.get(f"/v1/datasets/{dataset}/problems").json()["items"]
    codes = sorted({item["code"] for item in listed})
    return f"taken, {read['problem_count']} problems: {', '.join(codes) or HARMLESS.get(name, '')}"


def request(name: str, world: World) -> str:
    """Send a hostile request and return the problem that answers it."""
    answer = ASKED[name](world.client, world.dataset)
    assert answer.is_client_error, f"{answer.status_code}: {answer.text[:200]}"
    assert answer.headers["content-type"] == "application/problem+json", answer.text[:200]
    return f"{answer.status_code} {answer.json()['code']}"


def examined(world: World, *, scope: Scope | None, examples: int) -> str:
    """Send what the OpenAPI document gives rise to, to an API that asks for keys."""
    with conversing(world.stack) as house:
        key = None if scope is None else house.keys[scope]
        found = contract.examine(house.url, ids=house.ids, key=key, has_keys=True, examples=examples)
    return _without_failures(found)


def examined_without_keys(world: World, *, examples: int) -> str:
    """Send the same to the API that serves this machine alone."""
    with conversing(world.stack) as house:
        found = contract.examine(world.stack.url, ids=house.ids, examples=examples)
    return _without_failures(found)


def _without_failures(found: contract.Examined) -> str:
    assert not found.failures, f"{len(found.failures)} failures: " + "\n".join(found.failures[:5])
    return f"{found.requests} generated requests, {found.succeeded} with success, no failure"


CONTRACTS = {
    "contract: no keys are asked for": partial(examined_without_keys, examples=30),
    "contract: with an administrator's key": partial(examined, scope=Scope.ADMIN, examples=30),
    "contract: with a key that may write": partial(examined, scope=Scope.WRITE, examples=5),
    "contract: with a key that may read": partial(examined, scope=Scope.READ, examples=5),
    "contract: without the key that is asked for": partial(examined, scope=None, examples=5),
}


def stalled(name: str, world: World) -> str:
    """Do what could keep the service busy."""
    assert world.bystander is not None
    return STALLS[name](world.client, world.bystander)


def measured(world: World, act: partial[str]) -> str:
    """Do something and add to what it came to the peak of memory and how long somebody else waited."""
    assert world.bystander is not None
    world.peak = world.api_peak = 0
    world.bystander.failures.clear()
    started = time.monotonic()
    happened = act(world)
    waits = world.bystander.find_longest(started)
    peak, api_peak = world.peak / MEBIBYTE, world.api_peak / MEBIBYTE
    assert peak <= MOST_MEBIBYTES, f"a process took {peak:.0f} MiB"
    assert api_peak <= MOST_API_MEBIBYTES, f"the API took {api_peak:.0f} MiB"
    assert not world.bystander.failures, f"somebody else was not served: {world.bystander.failures[0]}"
    for what, seconds in waits.items():
        assert seconds <= LONGEST_WAIT, f"somebody else waited {seconds:.1f} s for their {what}"
    others = ", ".join(f"{what} {seconds:.1f} s" for what, seconds in waits.items())
    return f"{happened} ({peak:.0f} MiB, API {api_peak:.0f}; somebody else: {others})"


def unharmed(world: World) -> None:
    """Check that the service lives and that nothing was written elsewhere."""
    assert world.client.get("/v1/health/ready").status_code == 200
    assert not [mark for mark in MARKS if Path(mark).exists()], "something was written elsewhere"
    entries = {path.name for path in world.stack.data_dir.iterdir()}
    expected = {"postgres", "files", "logs", "lock", "service", "beat-schedule"}
    assert {name.partition(".")[0] for name in entries} <= {*expected, "beat-schedule-shm"}, entries


@contextlib.contextmanager
def world_of(folder: Path) -> Iterator[World]:
    """Yield a service with a ready dataset."""
    with (
        LocalStack(folder / "service", overrides=OVERRIDES) as stack,
        httpx.Client(base_url=stack.url, trust_env=False, timeout=patience.scale(60)) as client,
    ):
        world = World(stack=stack, client=client)
        world.dataset = empty_dataset(client)
        body = write_small_zip(folder / "digits.zip").read_bytes()
        client.put(f"/v1/datasets/{world.dataset}/files/digits.zip", content=body).raise_for_status()
        assert world.until_read(world.dataset)["status"] == "ready"
        watching = threading.Thread(target=world.watch)
        watching.start()
        try:
            with bystander_of(stack) as world.bystander:
                yield world
        finally:
            world.done.set()
            watching.join()


def main() -> int:
    """Run the cases that were asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", help="cases whose names match this pattern")
    parser.add_argument("--out", type=Path, help="write the outcomes as JSON")
    asked = parser.parse_args()
    interrupt_on_sigterm()
    run_folder.join_or_open()
    acts = {name: partial(upload, name) for name in CATALOGUE} | {
        name: partial(request, name) for name in ASKED
    }
    acts |= {name: partial(stalled, name) for name in STALLS} | CONTRACTS
    cases = [
        Case(name=name, run=partial(measured, act=act), seconds=900 if name in CONTRACTS else 300)
        for name, act in acts.items()
    ]
    with tempfile.TemporaryDirectory(prefix="limit-audit-hostile-") as name:
        folder = Path(name)
        with world_of(folder) as world:
            outcomes = run_cases(
                select_cases(cases, asked.only), world, afterwards=unharmed, on_outcome=print_outcome
            )
    return print_report(f"Hostile input; most memory allowed: {MOST_MEBIBYTES} MiB", outcomes, out=asked.out)


if __name__ == "__main__":
    sys.exit(main())
