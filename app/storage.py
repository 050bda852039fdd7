"""Files by key, in a local folder. A key is a relative path with forward slashes."""

import shutil
from functools import lru_cache
from pathlib import Path
from uuid import UUID

from app.settings import settings


class Storage:
    """The folder that holds uploads, packs and results."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def upload(self, dataset_id: UUID, name: str) -> Path:
        """Return where an uploaded file lies."""
        return self.root / "datasets" / str(dataset_id) / "files" / name

    def incoming(self, dataset_id: UUID, name: str) -> Path:
        """Return where a body is written until it is complete: the same volume as its final place."""
        return self.root / "datasets" / str(dataset_id) / "incoming" / name

    def pack(self, dataset_id: UUID) -> Path:
        """Return the folder of a dataset's pack."""
        return self.root / "datasets" / str(dataset_id) / "pack"

    def dataset(self, dataset_id: UUID) -> Path:
        """Return the folder of everything that belongs to a dataset."""
        return self.root / "datasets" / str(dataset_id)

    def audit(self, audit_id: UUID) -> Path:
        """Return the folder of an audit's results."""
        return self.root / "audits" / str(audit_id)

    def run(self, audit_id: UUID, number: int) -> Path:
        """Return the folder of a run's checkpoint, network and signals."""
        return self.audit(audit_id) / "runs" / str(number)

    def free_bytes(self) -> int:
        """Return the space left on the volume."""
        self.root.mkdir(parents=True, exist_ok=True)
        return shutil.disk_usage(self.root).free

    @staticmethod
    def remove(folder: Path) -> None:
        """Delete a folder and all it holds; one that is already gone is fine."""
        shutil.rmtree(folder, ignore_errors=True)


@lru_cache(maxsize=1)
def storage() -> Storage:
    """Return this process's storage."""
    return Storage(settings().storage_dir)
