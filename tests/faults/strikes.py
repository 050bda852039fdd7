"""Kills at random moments of a start, an audit and a review; what was answered must be there afterwards."""

import contextlib
import os
import signal
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import httpx
import psutil

from tests import patience
from tests.case_runner import Case
from tests.faults.installations import END_SECONDS, Installation, installed
from tests.faults.moments import MOMENTS
from tests.faults.world import EPOCHS, OVERRIDES, PARTS, SMALL, World, write_small_csv

PHASES = ("start", "audit", "review")
LONGEST_START, LONGEST_WORK = 15.0, 4.0
"""Seconds within which a kill hits the start, and an audit or a review, on a machine with two cores."""
SAMPLES = 240
ENDED = {"succeeded", "failed", "cancelled"}
VERDICTS = ("keep", "drop", "unsure")
Signals = tuple[signal.Signals, ...]


@dataclass
class Answered:
    """What the service has answered with success, by what is asked for it."""

    dataset: str = ""
    audits: list[str] = field(default_factory=list)
    verdicts: dict[int, str] = field(default_factory=dict)
    unsure: set[int] = field(default_factory=set)
    """Positions whose last verdict was under way when the service was killed: either may be stored."""
    given: int = 0

    def review(self, url: str, until: Callable[[], bool]) -> None:
        """Give one verdict after the other until told, or until the service is gone."""
        with httpx.Client(base_url=url, trust_env=False, timeout=patience.scale(30)) as client:
            while not until():
                self._review_next(client)

    def _review_next(self, client: httpx.Client) -> None:
        position, verdict = self.given % SAMPLES, VERDICTS[self.given // SAMPLES % len(VERDICTS)]
        self.given += 1
        self.unsure.add(position)
        path = f"/v1/datasets/{self.dataset}/samples/{position}/review"
        try:
            known = client.get(path)  # a verdict of an earlier round is replaced by naming its version
            if known.status_code not in (200, 404):
                return
            version = {"If-Match": f'"{known.json()["version"]}"'} if known.is_success else {}
            answer = client.put(path, json={"verdict": verdict}, headers=version)
        except httpx.TransportError:
            time.sleep(0.05)
            return
        if answer.is_success:
            self.verdicts[position] = verdict
            self.unsure.discard(position)
        else:
            assert answer.status_code == 503, answer.text

    def check(self, url: str) -> None:
        """Check that everything is there, and that what was under way ends."""
        with httpx.Client(base_url=url, trust_env=False, timeout=patience.scale(60)) as client:
            stored = _read_verdicts(client, self.dataset)
            lost = {
                position: (verdict, stored.get(position))
                for position, verdict in self.verdicts.items()
                if stored.get(position) != verdict and position not in self.unsure
            }
            assert not lost, f"answered verdicts are lost: {lost}"
            for audit in self.audits:
                _until_succeeded(client, audit)
            if len(self.audits) > 1:
                digests = {client.get(f"/v1/audits/{audit}/ranking.csv").text for audit in self.audits}
                assert len(digests) == 1, "the rankings of one seed differ"


def _read_verdicts(client: httpx.Client, dataset: str) -> dict[int, str]:
    found: dict[int, str] = {}
    cursor: str | None = None
    while True:
        parameters = {"limit": "500", **({} if cursor is None else {"cursor": cursor})}
        page = client.get(f"/v1/datasets/{dataset}/reviews", params=parameters).raise_for_status().json()
        found |= {item["position"]: item["verdict"] for item in page["items"]}
        cursor = page["next_cursor"]
        if cursor is None:
            return found


def _until_succeeded(client: httpx.Client, audit: str) -> None:
    deadline = time.monotonic() + patience.scale(150)
    while time.monotonic() < deadline:
        answer = client.get(f"/v1/audits/{audit}")
        if answer.is_success and answer.json()["status"] in ENDED:
            assert answer.json()["status"] == "succeeded", answer.json()["error"]
            return
        time.sleep(0.2)
    raise AssertionError(f"audit {audit} did not end")


def start_audit(url: str, dataset: str) -> str:
    body = {"dataset_id": dataset, "configuration": {**SMALL, "epochs": EPOCHS}}
    answer = httpx.post(f"{url}/v1/audits", json=body, trust_env=False, timeout=END_SECONDS)
    return str(answer.raise_for_status().json()["id"])


def upload(url: str, folder: Path) -> str:
    with httpx.Client(base_url=url, trust_env=False, timeout=END_SECONDS) as client:
        dataset = str(client.post("/v1/datasets", json={"name": "kept"}).raise_for_status().json()["id"])
        body = write_small_csv(folder / "small.csv").read_bytes()
        client.put(f"/v1/datasets/{dataset}/files/small.csv", content=body).raise_for_status()
        deadline = time.monotonic() + patience.scale(60)
        while client.get(f"/v1/datasets/{dataset}").json()["status"] != "ready":
            assert time.monotonic() < deadline, "the upload was not read"
            time.sleep(0.1)
    return dataset


# The whole service


def strike_service(_: World, *, name: str, signals: Signals, with_keeper: bool = False) -> str:
    """End `up` at random moments of its start, of an audit and of a review, in the same folder."""
    rng, answered = MOMENTS.draw(name), Answered()
    with installed() as made:
        made.environment = OVERRIDES | {
            "LIMIT_AUDIT_MAX_ATTEMPTS": "1000"
        }  # of a run that never gets anywhere
        made.start()
        answered.dataset = upload(made.until_ready(), made.folder)
        made.end(signal.SIGTERM)
        for attempt in range(MOMENTS.kills):
            made.start()
            phase = PHASES[attempt % len(PHASES)]
            seconds = rng.uniform(0.2, LONGEST_START if phase == "start" else LONGEST_WORK)
            end = partial(_end, made, signals[attempt % len(signals)], with_keeper=with_keeper)
            _strike_in(phase, made, answered, seconds, end)
            if not with_keeper:
                made.check_nothing_left()
        made.start()
        answered.check(made.until_ready())
        assert made.end(signal.SIGTERM) == 0, made.output[-1000:]
        made.check_nothing_left()
    return f"{MOMENTS.words()}: {len(answered.audits)} audits ended, {len(answered.verdicts)} verdicts kept"


def _strike_in(
    phase: str, made: Installation, answered: Answered, seconds: float, end: Callable[[], None]
) -> None:
    if phase == "start":
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline and "API  " not in made.output:
            made.note_token()
            time.sleep(0.02)
        end()
        return
    url = made.until_ready()
    if phase == "audit":
        answered.audits.append(start_audit(url, answered.dataset))
        time.sleep(seconds)
        end()
        return
    with _reviewing(url, answered):
        time.sleep(seconds)
        end()


@contextlib.contextmanager
def _reviewing(url: str, answered: Answered) -> Iterator[None]:
    """Give verdicts meanwhile; what goes wrong with one is raised."""
    ended = threading.Event()
    with ThreadPoolExecutor(1) as pool:
        review = pool.submit(answered.review, url, ended.is_set)
        try:
            yield
        finally:
            ended.set()
    review.result()


def _end(made: Installation, number: signal.Signals, *, with_keeper: bool) -> None:
    if with_keeper and made.process is not None:
        for child in psutil.Process(made.process.pid).children():
            if "app.embedded.keeper" in child.cmdline():
                child.kill()
    made.end(number)


# One part of it


def strike_part(world: World, *, part: str) -> str:
    """Kill one part at random moments while an audit runs and verdicts come in, and start it again."""
    rng = MOMENTS.draw(part)
    with tempfile.TemporaryDirectory() as folder:
        answered = Answered(dataset=world.upload(write_small_csv(Path(folder) / "small.csv")))
    assert world.until_read(answered.dataset)["status"] == "ready"
    audit, epoch = world.audit(), 0
    with _reviewing(world.stack.url, answered):
        for _ in range(MOMENTS.kills):
            if part == "worker-train":  # a run that is killed again and again without progress is given up
                epoch = world.until(partial(_progress, world, audit, epoch), "progress")
            time.sleep(rng.uniform(0.1, LONGEST_WORK / 2))
            process = world.stack.find_part(part).process
            if process.poll() is None:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                process.wait()
            world.stack.restart(part)
            world.until_healthy()
            if world.read(audit)["status"] in ENDED:
                world.succeeded(audit)
                audit, epoch = world.audit(), 0
    world.succeeded(audit)
    answered.check(world.stack.url)
    world.client.delete(f"/v1/datasets/{answered.dataset}")
    return f"{MOMENTS.words()}: {len(answered.verdicts)} verdicts kept, same ranking"


def _progress(world: World, audit: str, epoch: int) -> int | None:
    """Return the epoch of an audit's run if it is beyond the last one; the last one after its end."""
    answer = world.read(audit)
    reached = int((answer["runs"][0]["progress"] or {}).get("epoch") or 0)
    return max(reached, epoch) if reached > epoch or answer["status"] in ENDED else None


SERVICE_CASES = {
    "strike: up is killed in start, audit and review": {"signals": (signal.SIGKILL,)},
    "strike: up and its keeper are killed in start, audit and review": {
        "signals": (signal.SIGKILL,),
        "with_keeper": True,
    },
    "strike: up is ended in start, audit and review": {"signals": (signal.SIGTERM, signal.SIGHUP)},
}
CASES: list[Case[World]] = [
    *(
        Case(name=name, run=partial(strike_service, name=name, **options), seconds=1200)  # type: ignore[arg-type]
        for name, options in SERVICE_CASES.items()
    ),
    *(
        Case(
            name=f"strike: {part} is killed in audit and review",
            run=partial(strike_part, part=part),
            seconds=600,
        )
        for part in PARTS
    ),
]
