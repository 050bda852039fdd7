"""Use the generated Python client: upload, audit, read suspects, and read an error by its type."""

import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Protocol, TypeVar
from uuid import uuid4

from limit_audit_client import AuthenticatedClient
from limit_audit_client.api.audits import create_audit, list_suspects, read_audit
from limit_audit_client.api.datasets import create_dataset, list_datasets, put_file, read_dataset, read_image
from limit_audit_client.models import (
    AuditOut,
    AuditRequest,
    DatasetOut,
    DatasetPage,
    DatasetRequest,
    ProblemDocument,
    SuspectPage,
)
from limit_audit_client.types import File


class HasStatus(Protocol):
    @property
    def status(self) -> object: ...


Found = TypeVar("Found", bound=HasStatus)
SECONDS = 600


def main(url: str, archive: Path) -> None:
    client = AuthenticatedClient(base_url=url, token="unused", timeout=60)  # noqa: S106 - no keys are asked for
    dataset = create_dataset.sync(client=client, body=DatasetRequest.from_dict({"name": "generated"}))
    assert isinstance(dataset, DatasetOut), dataset
    with archive.open("rb") as stream:
        sent = put_file.sync(dataset.id, archive.name, client=client, body=File(payload=stream))
    assert isinstance(sent, DatasetOut), sent
    ready = wait_until(lambda: read_dataset.sync(dataset.id, client=client), {"ready"})
    asked = {"dataset_id": str(dataset.id), "configuration": {"method": "ce", "epochs": 2, "folds": 1}}
    audit = create_audit.sync(client=client, body=AuditRequest.from_dict(asked))
    assert isinstance(audit, AuditOut), audit
    wait_until(lambda: read_audit.sync(audit.id, client=client), {"succeeded"})
    suspects = list_suspects.sync(audit.id, client=client)
    assert isinstance(suspects, SuspectPage), suspects
    assert suspects.items
    listed = list_datasets.sync(client=client)
    assert isinstance(listed, DatasetPage), listed
    assert listed.items[0].id == dataset.id
    picture = read_image.sync(dataset.id, 0, client=client)
    assert isinstance(picture, File), picture
    assert picture.payload.read(4) == b"\x89PNG"
    problem = read_dataset.sync(uuid4(), client=client)
    assert isinstance(problem, ProblemDocument), problem
    assert problem.status == 404
    print(  # noqa: T201 - what it prints is its output
        f"Python: {ready.sample_count} samples, {len(suspects.items)} suspects; an error is a ProblemDocument"
    )


def wait_until(read: Callable[[], Found], ends: set[str]) -> Found:
    deadline = time.monotonic() + SECONDS
    while time.monotonic() < deadline:
        found = read()
        if str(found.status) in ends:
            return found
        assert str(found.status) not in {"rejected", "failed", "cancelled"}, found
        time.sleep(0.5)
    raise TimeoutError(f"still {found.status} after {SECONDS} s")


main(sys.argv[1], Path(sys.argv[2]))
