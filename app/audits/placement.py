"""Placement of runs on training workers: a queue for every device class and memory step.

Every worker takes from `train`; workers of one device class take from `train.cpu` or `train.gpu`; workers
with a GPU of 40 GB or more take from `train.gpu.40`. GB are 10^9 bytes, as GPU vendors state them; on a CPU,
the host's memory counts.
"""

from collections.abc import Sequence

from app.audits.audit_configuration import AuditConfiguration, Device
from app.audits.configuration_errors import refuse
from app.infra.queue import Queue
from app.tables import Json

DEVICE_NAMES = {"cpu": "a CPU", "gpu": "a GPU"}


def choose_queue(configuration: AuditConfiguration, *, device: Device, steps_gb: Sequence[int]) -> str:
    """Return the queue for a configuration; `device` is the default class.

    Raises:
        Invalid: the requested memory is more than the largest step.

    """
    device_class, memory_gb = configuration.device or device, configuration.device_memory_gb
    if memory_gb is None:
        return str(Queue.TRAIN) if device_class == "any" else _name(device_class)
    enough = [step for step in sorted(steps_gb) if step >= memory_gb]
    if not enough:
        raise refuse(
            f"device_memory_gb can be at most {max(steps_gb)} here, found {memory_gb:g}",
            ("device_memory_gb",),
        )
    return _name("gpu" if device_class == "any" else device_class, enough[0])


def list_devices(queue: str) -> list[str]:
    """Return the device classes of the workers that take runs from a queue."""
    _, _, suffix = queue.partition(".")
    device = suffix.partition(".")[0]
    return [device] if device else list(DEVICE_NAMES)


def list_served_queues(device: str, memory_gb: float, steps_gb: Sequence[int]) -> list[str]:
    """Return the queues of a worker with this device, the most demanding first."""
    available = sorted((step for step in steps_gb if step <= memory_gb), reverse=True)
    return [*(_name(device, step) for step in available), _name(device), str(Queue.TRAIN)]


def list_queues(steps_gb: Sequence[int]) -> list[str]:
    """Return the names of all training queues."""
    return [
        str(Queue.TRAIN),
        *(queue for device in DEVICE_NAMES for queue in list_served_queues(device, 1e9, steps_gb)[:-1]),
    ]


def explain_waiting(queue: str) -> Json:
    """Return the code and the reason why no worker takes the runs of a queue."""
    _, _, suffix = queue.partition(".")
    device, _, memory = suffix.partition(".")
    requirement = f" with {DEVICE_NAMES[device]}" if device else ""
    requirement += f" and {memory} GB or more" if memory else ""
    return {
        "code": "no_worker",
        "detail": f"no training worker{requirement} answers; the run starts once one does (queue {queue})",
    }


def _name(device: str, memory_gb: int | None = None) -> str:
    return f"{Queue.TRAIN}.{device}" if memory_gb is None else f"{Queue.TRAIN}.{device}.{memory_gb}"
