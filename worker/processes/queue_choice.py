"""The queues of a training worker: the configured ones, else all that its devices can serve."""

from app.audits import placement
from app.infra.settings import Settings
from models.inputs.device_memory import measure_main_memory
from worker.processes import fleet

GIGABYTE = 10**9


def choose_queues(settings: Settings) -> list[str]:
    """Return the queues of this worker, the one with the most memory first; CUDA is not initialised.

    Of devices that train together, the one with the least memory counts: each holds complete networks.
    """
    if settings.train_queues:
        return [queue.strip() for queue in settings.train_queues.split(",")]
    gpus = [] if settings.devices.startswith("cpu") else fleet.list_gpus()
    if not gpus:
        return placement.list_served_queues("cpu", measure_main_memory() / GIGABYTE, settings.memory_steps_gb)
    named = [int(device.partition(":")[2] or 0) for device in settings.devices.split(",")]
    memory_gb = min(gpus[place].memory_mib for place in named) * 2**20 / GIGABYTE
    return placement.list_served_queues("gpu", memory_gb, settings.memory_steps_gb)
