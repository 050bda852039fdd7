"""Faults of workers: killed, told to stop, frozen, too many of them."""

import contextlib
import signal
import tempfile
import time
from functools import partial
from pathlib import Path
from typing import Any

import psutil

from app.infra.queue import Task
from tests import patience
from tests.case_runner import Case
from tests.faults.world import World, write_large_csv


def killed_while_training(world: World) -> str:
    """Kill the training worker with its child."""
    audit = world.audit()
    world.until_training(audit, epoch=3)
    world.kill_and_restart("worker-train")
    run = world.succeeded(audit)["runs"][0]
    assert run["attempt"] == 2
    return "resumed from its checkpoint by attempt 2, same ranking"


def child_killed_while_training(world: World) -> str:
    """Kill the child that trains and leave the worker."""
    audit = world.audit()
    world.until_training(audit, epoch=3)
    world.child("worker-train").kill()
    run = world.succeeded(audit)["runs"][0]
    return f"the worker made a new child, attempt {run['attempt']}, same ranking"


def killed_every_time(world: World) -> str:
    """Kill whoever takes the run, before it gets anywhere, until the service gives up."""
    audit = world.audit(epochs=2000)
    for attempt in (1, 2, 3):
        world.until(partial(_has_reached, world, audit, attempt), f"attempt {attempt}")
        with world.locked("run_epochs"):
            world.kill_and_restart("worker-train")
            world.until(lambda: None if _held(world, audit) else True, "a lapsed lease")
            if attempt == 1:
                world.execute("UPDATE runs SET lapses = 1 WHERE audit_id = :id", id=audit)
    ended = world.until_ended(audit)
    assert ended["status"] == "failed", ended["status"]
    assert "without progress" in ended["error"]["detail"]
    return f"failed: {ended['error']['detail']}"


def _attempt(world: World, audit: str) -> int:
    return int(world.read(audit)["runs"][0]["attempt"])


def _has_reached(world: World, audit: str, attempt: int) -> bool | None:
    return _attempt(world, audit) >= attempt or None


def _held(world: World, audit: str) -> bool:
    return bool(world.scalar("SELECT lease_until IS NOT NULL FROM runs WHERE audit_id = :id", id=audit))


def killed_while_ingesting(world: World) -> str:
    """Kill the worker that reads an upload."""
    with tempfile.TemporaryDirectory() as folder:
        dataset = world.upload(write_large_csv(Path(folder) / "large.csv"))
    world.until(lambda: _reading(world, dataset) or None, "a reader")
    world.kill_and_restart("worker-cpu")
    ready = world.until_read(dataset)
    assert (ready["status"], ready["sample_count"]) == ("ready", 60_000), ready["error"]
    attempts = world.scalar("SELECT attempt FROM datasets WHERE id = :id", id=dataset)
    world.client.delete(f"/v1/datasets/{dataset}")
    return f"read again by attempt {attempts}, 60000 samples once"


def _reading(world: World, dataset: str) -> bool:
    return bool(
        world.scalar("SELECT lease_until IS NOT NULL FROM datasets WHERE id = :id", id=dataset)
        and any(_is_reader(process) for process in _tree(world, "worker-cpu"))
    )


def _tree(world: World, part: str) -> list[psutil.Process]:
    return psutil.Process(world.stack.find_part(part).process.pid).children(recursive=True)


def _is_reader(process: psutil.Process) -> bool:
    try:
        return "worker.ingest.reading_process" in process.cmdline()
    except psutil.NoSuchProcess:
        return False


def reader_killed(world: World) -> str:
    """Kill the process that reads an upload, as the system does where memory runs out."""
    with tempfile.TemporaryDirectory() as folder:
        dataset = world.upload(write_large_csv(Path(folder) / "large.csv"))
    world.until(lambda: _reading(world, dataset) or None, "a reader")
    next(process for process in _tree(world, "worker-cpu") if _is_reader(process)).kill()
    ended = world.until_read(dataset)
    assert (ended["status"], ended["error"]["code"]) == ("rejected", "too_much_memory")
    world.client.delete(f"/v1/datasets/{dataset}")
    return f"rejected: {ended['error']['detail']}; the worker runs on"


def killed_while_committing_samples(world: World) -> str:
    """Kill the worker in the transaction that stores what was read."""
    with tempfile.TemporaryDirectory() as folder, world.locked("samples"):
        dataset = world.upload(write_large_csv(Path(folder) / "large.csv", rows=5_000))
        world.until_waiting_for("samples")
        world.kill_and_restart("worker-cpu")
    ready = world.until_read(dataset)
    assert (ready["status"], ready["sample_count"]) == ("ready", 5_000), ready["error"]
    world.client.delete(f"/v1/datasets/{dataset}")
    return "rolled back, read again, 5000 samples once"


def killed_while_finishing(world: World) -> str:
    """Kill the worker in the transaction that stores the scores."""
    with world.locked("scores"):
        audit = world.audit()
        world.until_waiting_for("scores")
        world.kill_and_restart("worker-finish")
    world.succeeded(audit)
    return "rolled back, finished by the next worker, one set of scores"


def killed_while_storing_an_epoch(world: World) -> str:
    """Kill the worker in the transaction that stores an epoch."""
    audit = world.audit()
    world.until_training(audit)
    with world.locked("run_epochs"):
        world.until_waiting_for("run_epochs")
        world.kill_and_restart("worker-train")
    world.succeeded(audit)
    return "resumed, every epoch stored once, same ranking"


def told_to_stop_while_training(world: World) -> str:
    """Send SIGTERM to the training worker."""
    audit = world.audit()
    world.until_training(audit, epoch=3)
    asked = time.monotonic()
    world.stack.find_part("worker-train").process.terminate()
    world.until(
        lambda: world.read(audit)["runs"][0]["status"] == "queued" or None, "the run in its queue again"
    )
    seconds = time.monotonic() - asked
    world.stack.find_part("worker-train").process.wait(patience.scale(30))
    world.stack.restart("worker-train")
    run = world.succeeded(audit)["runs"][0]
    lapses = world.scalar("SELECT lapses FROM runs WHERE audit_id = :id", id=audit)
    assert (run["attempt"], lapses) == (2, 0)
    return f"handed back after {seconds:.1f} s with a checkpoint, resumed, no lapse counted, same ranking"


def told_to_stop_while_ingesting(world: World) -> str:
    """Send SIGTERM to the worker that reads an upload."""
    with tempfile.TemporaryDirectory() as folder:
        dataset = world.upload(write_large_csv(Path(folder) / "large.csv"))
    world.until(lambda: _reading(world, dataset) or None, "a reader")
    world.stack.find_part("worker-cpu").process.terminate()
    world.stack.find_part("worker-cpu").process.wait(patience.scale(30))
    assert world.scalar("SELECT lapses FROM datasets WHERE id = :id", id=dataset) == 0
    world.stack.restart("worker-cpu")
    assert world.until_read(dataset)["status"] == "ready"
    world.client.delete(f"/v1/datasets/{dataset}")
    return "handed back, read by the next worker"


def two_workers_claim(world: World) -> str:
    """Have two training workers take the same run at once."""
    with world.another_training_worker():
        audit = world.audit()
        run = world.scalar("SELECT id FROM runs WHERE audit_id = :id", id=audit)
        for _ in range(6):
            world.send(Task.TRAIN, str(run))
        answer = world.succeeded(audit)
    assert answer["runs"][0]["attempt"] == 1
    return "seven messages, two workers, one attempt"


def zombie_finishes_late(world: World) -> str:
    """Freeze a worker until another has taken its run, then let it go on."""
    audit = world.audit()
    world.until_training(audit, epoch=3)
    frozen = world.child("worker-train")
    frozen.suspend()
    try:
        with world.another_training_worker():
            world.until(lambda: _attempt(world, audit) == 2 or None, "another attempt")
            frozen.resume()
            answer = world.succeeded(audit)
    finally:
        with contextlib.suppress(psutil.NoSuchProcess):  # it has ended by then, if all is well
            frozen.resume()
    assert answer["runs"][0]["attempt"] == 2
    return "the late one lost its lease and wrote nothing; attempt 2, same ranking"


def duplicate_messages(world: World) -> str:
    """Deliver every message of an upload and of an audit several times."""
    for _ in range(3):
        world.send(Task.INGEST, world.dataset)
    audit = world.audit()
    run = world.scalar("SELECT id FROM runs WHERE audit_id = :id", id=audit)
    for _ in range(3):
        world.send(Task.TRAIN, str(run))
        world.send(Task.FINISH, audit)
    world.succeeded(audit)
    for task, identifier in ((Task.TRAIN, str(run)), (Task.FINISH, audit), (Task.REPORT, audit)):
        world.send(task, identifier)
    time.sleep(1)
    world.succeeded(audit)
    assert world.scalar("SELECT attempt FROM datasets WHERE id = :id", id=world.dataset) == 1
    return "done once each"


def cancelled_while_training(world: World) -> str:
    """Cancel a long audit."""
    audit = world.audit(epochs=5000)
    world.until_training(audit)
    asked = time.monotonic()
    world.client.post(f"/v1/audits/{audit}/cancel")
    assert world.until_ended(audit)["status"] == "cancelled"
    seconds = time.monotonic() - asked
    assert seconds < 10, f"it took {seconds:.1f} seconds"
    return f"cancelled after {seconds:.1f} s"


def cancelled_in_a_long_epoch(world: World) -> str:
    """Cancel an audit whose epochs take minutes, at a worker with the default heartbeat."""
    with world.training_worker(LIMIT_AUDIT_HEARTBEAT_SECONDS="1"), tempfile.TemporaryDirectory() as folder:
        dataset = world.upload(write_large_csv(Path(folder) / "large.csv"))
        assert world.until_read(dataset)["status"] == "ready"
        answer = world.client.start_audit(dataset, method="limit_g", epochs=50, batch_size=2, seed=7)
        audit = str(answer["id"])
        world.audits.append(audit)

        def far() -> dict[str, Any] | None:
            progress = world.read(audit)["runs"][0]["progress"] or {}
            return progress if progress.get("samples_per_second") and progress["epoch"] <= 1 else None

        speed = world.until(far, "a first epoch")["samples_per_second"]
        asked = time.monotonic()
        world.client.post(f"/v1/audits/{audit}/cancel")
        assert world.until_ended(audit)["status"] == "cancelled"
        seconds = time.monotonic() - asked
    world.audits.remove(audit)
    world.client.delete(f"/v1/audits/{audit}")
    world.client.delete(f"/v1/datasets/{dataset}")
    epoch_seconds = 60_000 / speed
    assert epoch_seconds > 10, f"an epoch would take {epoch_seconds:.0f} s"
    assert seconds < 2, f"it took {seconds:.1f} seconds"
    return f"cancelled after {seconds:.2f} s, where an epoch takes {epoch_seconds:.0f} s"


def out_of_memory(world: World) -> str:
    """Train on a device that holds no batch of more than 32, as CUDA says it."""
    with world.training_worker("tests.faults.small_device"):
        audit = world.audit(epochs=5)
        ended = world.until_ended(audit)
    run = ended["runs"][0]
    assert ended["status"] == "succeeded", ended["error"]
    assert run["configuration"]["batch_size"] == 32
    assert [remark["code"] for remark in run["remarks"]] == ["out_of_memory"]
    return f"succeeded: {run['remarks'][0]['detail']}"


def killed_while_cancelling(world: World) -> str:
    """Freeze a worker, cancel its audit, and kill it."""
    audit = world.audit(epochs=5000)
    world.until_training(audit)
    world.child("worker-train").suspend()
    world.client.post(f"/v1/audits/{audit}/cancel")
    world.kill("worker-train", signal.SIGKILL)
    world.stack.restart("worker-train")
    ended = world.until_ended(audit)
    assert ended["status"] == "cancelled", ended["status"]
    return "the next attempt ended it as cancelled"


CASES: list[Case[World]] = [
    Case(name="training worker killed in training", run=killed_while_training),
    Case(name="training child killed in training", run=child_killed_while_training),
    Case(name="training worker killed storing an epoch", run=killed_while_storing_an_epoch),
    Case(name="training worker killed at every attempt", run=killed_every_time),
    Case(name="CPU worker killed in ingestion", run=killed_while_ingesting),
    Case(name="reader killed in ingestion", run=reader_killed),
    Case(name="CPU worker killed committing samples", run=killed_while_committing_samples),
    Case(name="CPU worker killed committing scores", run=killed_while_finishing),
    Case(name="SIGTERM in training", run=told_to_stop_while_training),
    Case(name="SIGTERM in ingestion", run=told_to_stop_while_ingesting),
    Case(name="two workers claim one run", run=two_workers_claim),
    Case(name="zombie goes on after its lease", run=zombie_finishes_late),
    Case(name="every message delivered several times", run=duplicate_messages),
    Case(name="cancelled in training", run=cancelled_while_training),
    Case(name="cancelled in a long epoch", run=cancelled_in_a_long_epoch),
    Case(name="CUDA out of memory, simulated", run=out_of_memory),
    Case(name="worker killed while it is cancelled", run=killed_while_cancelling),
]
