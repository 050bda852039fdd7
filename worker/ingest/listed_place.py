"""Listing of a dataset's place, before its files are read."""

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, wait
from pathlib import Path

from app.infra.database import Database
from app.infra.errors import ApiError
from app.infra.settings import Settings
from app.places.file_lists import write_listing
from app.places.place_access import open_place
from app.places.place_opening import find_access
from app.places.place_types import PlacedFile
from app.tables import Dataset
from worker.formats.shared.problems import IngestError
from worker.formats.shared.upload_limits import IngestLimits
from worker.ingest.reading_process import ListedPlace
from worker.jobs.heartbeat import Heartbeat

LOOK_SECONDS = 0.5
LISTING_SECONDS = 3600.0
"""Longest list: ten million objects of a bucket come in 10,000 answers, of a fifth of a second each."""


def list_place(
    database: Database, settings: Settings, dataset: Dataset, path: Path, heartbeat: Heartbeat[Dataset]
) -> ListedPlace | None:
    """Write the list of the files of a dataset's place; None: its files were uploaded.

    Raises:
        IngestError: the place may not be read, does not answer, or has too many files.

    """
    if dataset.place is None:
        return None
    most, total = IngestLimits(**settings.ingest_limits).max_members, 0

    def count(files: Iterator[PlacedFile]) -> Iterator[PlacedFile]:
        nonlocal total
        for number, file in enumerate(files):
            if number >= most:
                raise IngestError("too_many_members", f"expected at most {most} files in a place; found more")
            total += file.size or 0
            yield file

    try:
        with database.transaction() as session:
            access = find_access(session, dataset, settings)
        _wait_for(
            lambda: write_listing(path, count(open_place(access, is_patient=True).list_files())), heartbeat
        )
    except ApiError as error:
        raise IngestError(error.code, error.detail) from error
    return ListedPlace(access=access, listing=path, total_bytes=total)


def _wait_for(work: Callable[[], object], heartbeat: Heartbeat[Dataset]) -> None:
    """Do what may wait for somebody's server; stop when the lease is lost, the rest ends by itself."""
    done: Future[object] = Future()

    def run() -> None:
        try:
            done.set_result(work())
        except BaseException as error:  # noqa: BLE001 - it is raised where the work is awaited
            done.set_exception(error)

    threading.Thread(target=run, daemon=True, name="listing").start()
    deadline = time.monotonic() + LISTING_SECONDS
    while not wait([done], LOOK_SECONDS).done:
        heartbeat.check()
        if time.monotonic() > deadline:
            raise IngestError("place_failed", f"the list of files did not end in {LISTING_SECONDS:.0f} s")
    done.result()
