"""Audits MNIST and CIFAR-10 over REST on a GPU, the training worker started as the image starts it.

    python -m bench.gpu --data FOLDER --out service.json

FOLDER holds mnist/ and cifar10/. Each line says what was checked and what was measured. The JSON file has
all of it; the workers' log is written next to it.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from statistics import mean
from typing import Any

from app.client import Audit, Client, Dataset
from app.embedded.local_stack import LocalStack
from bench.gpu.card import Card
from bench.peers import data
from models.paper.label_noise import add_uniform_noise

MEMORY_SLACK_MIB = 64
"""A GPU without processes may hold so much more or less from one reading to the next."""
PATIENCE_SECONDS = 300
FLEET = (sys.executable, "-m", "worker.processes.fleet", "--require-gpu")


@dataclass
class Checks:
    """What was checked, and whether it held."""

    lines: list[dict[str, Any]] = field(default_factory=list)

    def note(self, name: str, *, holds: bool, **seen: object) -> None:
        """Add a line and show it."""
        self.lines.append({"check": name, "holds": holds, **seen})
        sys.stdout.write(f"{'ok' if holds else 'FAILED':<8}{name}  {json.dumps(seen, default=str)}\n")
        sys.stdout.flush()


@contextmanager
def fleet(stack: LocalStack) -> Iterator[None]:
    """Run the workers of a GPU host beside the service until the end, then stop them cleanly."""
    with (stack.data_dir / "logs" / "fleet.log").open("ab") as log:
        process = subprocess.Popen(FLEET, env=stack.environment, stdout=log, stderr=log)  # noqa: S603
    try:
        yield
    finally:
        process.terminate()
        process.wait(PATIENCE_SECONDS)


def until(condition: Callable[[], bool], what: str) -> float:
    """Wait for a condition; return the seconds that it took."""
    started = time.monotonic()
    while not condition():
        if time.monotonic() - started > PATIENCE_SECONDS:
            raise TimeoutError(f"not within {PATIENCE_SECONDS} s: {what}")
        time.sleep(0.1)
    return time.monotonic() - started


class Session:
    """One service with its datasets, a client and a card that is watched."""

    def __init__(self, client: Client, card: Card, checks: Checks) -> None:
        self._client, self._card, self.checks = client, card, checks
        self._idle_mib = card.memory_mib

    def upload(self, samples: data.Samples, *, rate: float, name: str) -> Dataset:
        """Upload pictures of whose labels a share is made wrong, with the truth beside them."""
        given_N, _ = add_uniform_noise(samples.labels_N, class_count=samples.class_count, rate=rate, seed=0)
        started = time.monotonic()
        arrays = {"y_true": samples.labels_N}
        dataset = self._client.upload(samples.inputs, given_N, arrays=arrays, name=name, progress=False)
        dataset.wait(progress=False)
        self.checks.note(
            f"{name}: uploaded and ingested",
            holds=dataset.status == "ready",
            samples=len(given_N),
            seconds=round(time.monotonic() - started, 1),
        )
        return dataset

    def audit(self, dataset: Dataset, name: str, *, least_auc: float, **configuration: object) -> None:
        """Audit from the request to the ranking, and see the memory come back."""
        started = time.monotonic()
        audit = dataset.audit(name=name, device="gpu", **configuration).wait(progress=False)
        seconds = time.monotonic() - started
        run, auc = audit["runs"][0], audit.metrics()["roc_auc"]
        epochs = _epochs(audit)
        busy = [reading for reading in self._card.since(started) if reading.utilisation > 0]
        self.checks.note(
            name,
            holds=auc >= least_auc and "NVIDIA" in run["device"],
            seconds=round(seconds, 1),
            training_seconds=round(_training_seconds(run), 1),
            epochs=len(epochs),
            last_epoch_seconds=round(epochs[-1]["seconds"], 2),
            samples_per_second=round(_sample_count(dataset) / epochs[-1]["seconds"]),
            roc_auc=round(auc, 4),
            device=run["device"],
            network=run["configuration"]["network"],
            utilisation_mean=round(mean(reading.utilisation for reading in busy)) if busy else None,
            memory_mib=max((reading.memory_mib for reading in busy), default=None),
        )
        self.memory_is_back(name)

    def memory_is_back(self, name: str) -> None:
        """Check that the card holds no more than before the first audit."""
        limit = self._idle_mib + MEMORY_SLACK_MIB
        waited = until(lambda: self._card.memory_mib <= limit, "memory given back")
        self.checks.note(
            f"{name}: memory given back",
            holds=True,
            before_mib=self._idle_mib,
            after_mib=self._card.memory_mib,
            seconds=round(waited, 1),
        )

    def cancel(self, dataset: Dataset) -> None:
        """Cancel an audit in its training."""
        audit = dataset.audit(name="cancelled", device="gpu", epochs=60)
        until(lambda: len(_epochs(audit)) >= 1, "a first epoch")
        audit.cancel()
        waited = until(lambda: audit.refresh().status == "cancelled", "cancelled")
        self.checks.note("cancel", holds=True, seconds=round(waited, 1), epochs_done=len(_epochs(audit)))
        self.memory_is_back("cancel")


def resume(client: Client, stack: LocalStack, dataset: Dataset, checks: Checks, *, epochs: int) -> None:
    """Stop the workers of the host in the middle of an audit, start them again, and see it go on."""
    audit = dataset.audit(name="resumed", device="gpu", epochs=epochs)
    with fleet(stack):
        until(lambda: len(_epochs(audit)) >= 2, "two epochs")  # noqa: PLR2004
    done = len(_epochs(audit))
    status = audit.refresh().status
    started = time.monotonic()
    with fleet(stack):
        audit = client.get_audit(audit.id).wait(progress=False)
    numbers = [epoch["epoch"] for epoch in _epochs(audit)]
    checks.note(
        "resume: the workers were stopped and started again",
        holds=numbers == list(range(1, epochs + 1)) and audit["runs"][0]["attempt"] > 1,
        epochs_before=done,
        status_between=status,
        attempts=audit["runs"][0]["attempt"],
        seconds_after=round(time.monotonic() - started, 1),
        roc_auc=round(audit.metrics()["roc_auc"], 4),
    )


def work_through(session: Session, client: Client, stack: LocalStack, options: argparse.Namespace) -> None:
    """Do everything there is to see, the workers stopped and started in between."""
    mnist = session.upload(data.mnist(options.data), rate=0.8, name="MNIST, 80 % wrong")
    cifar10 = data.cifar10(options.data).part(options.cifar_samples, 0)
    cifar10_wrong = session.upload(cifar10, rate=0.4, name="CIFAR-10, 40 % wrong")
    with fleet(stack):
        session.audit(mnist, "audit of MNIST", least_auc=0.99)
        session.audit(mnist, "audit of MNIST, again", least_auc=0.99)
        session.audit(cifar10_wrong, "audit of CIFAR-10", least_auc=0.9, epochs=options.epochs)
        session.cancel(cifar10_wrong)
    resume(client, stack, cifar10_wrong, session.checks, epochs=options.epochs)


def _sample_count(dataset: Dataset) -> int:
    return int(dataset.refresh()["sample_count"])


def _epochs(audit: Audit) -> list[dict[str, Any]]:
    return [epoch for run in audit.epochs() for epoch in run["epochs"]]


def _training_seconds(run: dict[str, Any]) -> float:
    started, finished = (datetime.fromisoformat(run[name]) for name in ("started_at", "finished_at"))
    return (finished - started).total_seconds()


def main() -> None:
    """Start a service, audit, and write what was seen."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True, help="JSON file")
    parser.add_argument("--cifar-samples", type=int, help="default: all")
    parser.add_argument("--epochs", type=int, default=4, help="of the CIFAR-10 audits")
    options = parser.parse_args()
    checks = Checks()
    with (
        tempfile.TemporaryDirectory() as folder,
        LocalStack(Path(folder)) as stack,
        Client(stack.url) as client,
        Card() as card,
    ):
        part = stack.find_part("worker-train").process
        part.terminate()
        part.wait(PATIENCE_SECONDS)
        until(lambda: bool(card.readings), "a reading of nvidia-smi")
        session = Session(client, card, checks)
        try:
            work_through(session, client, stack, options)
        finally:
            options.out.write_text(json.dumps(checks.lines, indent=1, default=str) + "\n")
            log = stack.data_dir / "logs" / "fleet.log"
            if log.exists():
                options.out.with_suffix(".log").write_bytes(log.read_bytes())
    if not all(line["holds"] for line in checks.lines):
        raise SystemExit("some checks failed")


if __name__ == "__main__":
    main()
