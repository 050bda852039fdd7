import pytest

from app.audits.audit_configuration import AuditConfiguration, Device
from app.audits.placement import choose_queue, explain_waiting, list_devices, list_queues, list_served_queues
from app.infra.errors import Invalid

STEPS = [24, 8, 80]


@pytest.mark.parametrize(
    ("asked", "device", "queue"),
    [
        ({}, "any", "train"),
        ({"device": None, "device_memory_gb": None}, "gpu", "train.gpu"),
        ({"device": "any"}, "gpu", "train"),
        ({"device": "cpu"}, "any", "train.cpu"),
        ({"device_memory_gb": 9.5}, "any", "train.gpu.24"),
        ({"device_memory_gb": 24}, "any", "train.gpu.24"),
        ({"device": "cpu", "device_memory_gb": 1}, "gpu", "train.cpu.8"),
    ],
)
def test_a_run_goes_to_the_least_step_that_suffices(
    asked: dict[str, object], device: Device, queue: str
) -> None:
    assert choose_queue(AuditConfiguration.read(asked), device=device, steps_gb=STEPS) == queue


def test_more_memory_than_there_is_a_queue_for_is_refused() -> None:
    with pytest.raises(Invalid, match="can be at most 80 here, found 81"):
        choose_queue(AuditConfiguration.read({"device_memory_gb": 81}), device="any", steps_gb=STEPS)


def test_a_worker_serves_what_its_device_can_hold_the_most_demanding_first() -> None:
    assert list_served_queues("gpu", 25.7, STEPS) == ["train.gpu.24", "train.gpu.8", "train.gpu", "train"]
    assert list_served_queues("cpu", 4, STEPS) == ["train.cpu", "train"]


def test_every_queue_is_served_by_some_worker() -> None:
    served = {*list_served_queues("gpu", 80, STEPS), *list_served_queues("cpu", 80, STEPS)}
    assert set(list_queues(STEPS)) == served
    assert len(list_queues(STEPS)) == len(served) == 9


def test_a_queue_names_the_devices_that_serve_it() -> None:
    assert list_devices("train") == ["cpu", "gpu"]
    assert (list_devices("train.cpu"), list_devices("train.gpu.24")) == (["cpu"], ["gpu"])


def test_the_reason_says_what_is_missing() -> None:
    assert explain_waiting("train")["detail"].startswith("no training worker answers; ")
    assert explain_waiting("train.cpu")["detail"].startswith("no training worker with a CPU answers; ")
    whole = "no training worker with a GPU and 80 GB or more answers; the run starts once one does"
    assert explain_waiting("train.gpu.80") == {"code": "no_worker", "detail": f"{whole} (queue train.gpu.80)"}
