"""Which training workers may take a run: a queue for every class of device and step of memory.

`train` is everybody's; `train.cpu` and `train.gpu` are those of one class; `train.gpu.40` is that of workers
whose GPU has 40 GB or more. GB are 10^9 bytes, as on a GPU's box; on processors the host's memory counts.
"""

from collections.abc import Sequence

from app.audits.audit_configuration import AuditConfiguration, Device
from app.audits.configuration_errors import refuse
from app.infra.queue import Queue
from app.tables import Json

CALLED = {"cpu": "processors", "gpu": "a GPU"}


def choose_queue(configuration: AuditConfiguration, *, device: Device, steps_gb: Sequence[int]) -> str:
    """Return the queue for what an audit asks for; `device` is meant where it names none.

    Raises:
        Invalid: more memory is asked for than the largest step has.

    """
    asked, memory_gb = configuration.device or device, configuration.device_memory_gb
    if memory_gb is None:
        return str(Queue.TRAIN) if asked == "any" else _name(asked)
    enough = [step for step in sorted(steps_gb) if step >= memory_gb]
    if not enough:
        raise refuse(
            f"device_memory_gb is {max(steps_gb)} at most here, found {memory_gb:g}", ("device_memory_gb",)
        )
    return _name("gpu" if asked == "any" else asked, enough[0])


def list_devices(queue: str) -> list[str]:
    """Return the classes of device whose workers take runs from a queue."""
    _, _, wanted = queue.partition(".")
    device = wanted.partition(".")[0]
    return [device] if device else list(CALLED)


def list_served_queues(device: str, memory_gb: float, steps_gb: Sequence[int]) -> list[str]:
    """Return the queues that a worker with such a device takes from, the most demanding first."""
    held = sorted((step for step in steps_gb if step <= memory_gb), reverse=True)
    return [*(_name(device, step) for step in held), _name(device), str(Queue.TRAIN)]


def list_queues(steps_gb: Sequence[int]) -> list[str]:
    """Return the names of all training queues."""
    return [
        str(Queue.TRAIN),
        *(queue for device in CALLED for queue in list_served_queues(device, 1e9, steps_gb)[:-1]),
    ]


def explain_waiting(queue: str) -> Json:
    """Return, as an answer shows it, why no worker takes the runs of a queue."""
    _, _, wanted = queue.partition(".")
    device, _, memory = wanted.partition(".")
    needed = f" with {CALLED[device]}" if device else ""
    needed += f" and {memory} GB or more" if memory else ""
    return {
        "code": "no_worker",
        "detail": f"no training worker{needed} answers; the run starts once one does (queue {queue})",
    }


def _name(device: str, memory_gb: int | None = None) -> str:
    return f"{Queue.TRAIN}.{device}" if memory_gb is None else f"{Queue.TRAIN}.{device}.{memory_gb}"
