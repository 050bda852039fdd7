"""The job of a map: choose samples, lay them out in a process of its own, store the points."""

import hashlib
import io
import time
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from uuid import UUID

import numpy as np
import numpy.typing as npt
import structlog
from sqlalchemy import Integer, any_, func, literal, select
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Session

from app.audits.suspects import DISTANCE_MAX
from app.infra import leases
from app.infra.database import Database, send_after_commit
from app.infra.errors import ApiError
from app.infra.queue import Task
from app.infra.settings import Settings
from app.infra.storage import Storage
from app.maps import map_files, map_service
from app.tables import Audit, AuditMap, Dataset, Json, MapStatus, Score
from worker.jobs.atomic_files import write_atomically
from worker.jobs.heartbeat import Heartbeat, Interrupted, WorkerStopping
from worker.jobs.waiting import DATABASE_DOWN
from worker.maps.layout_process import lay_out_in_child
from worker.maps.map_points import PointSource, choose_source

log = structlog.get_logger()
SEED = 0
LayOut = Callable[[Json, Callable[[float | None], None]], Json]


def draw_waiting(
    database: Database, storage: Storage, settings: Settings, *, lay_out: LayOut = lay_out_in_child
) -> None:
    """Compute the maps that wait, one after the other."""
    while True:
        with database.transaction() as session:
            map_id = map_service.find_waiting(session)
        if map_id is None or not draw(database, storage, settings, map_id, lay_out=lay_out):
            return


def draw(
    database: Database,
    storage: Storage,
    settings: Settings,
    map_id: UUID,
    *,
    lay_out: LayOut = lay_out_in_child,
) -> bool:
    """Claim a map, and store its points or how it ended; False: this worker is stopping."""
    with database.transaction() as session:
        claimed = leases.claim(
            session, AuditMap, map_id, lease_seconds=settings.lease_seconds, status=MapStatus.RUNNING
        )
    if claimed is None:
        return True
    try:
        with Heartbeat(database, AuditMap, map_id, claimed.attempt, settings=settings) as heartbeat:
            _Drawing(
                database, storage, settings, claimed=claimed, heartbeat=heartbeat, lay_out=lay_out
            ).draw()
    except WorkerStopping:
        _return(database, claimed)
        return False
    except Interrupted:
        log.info("map stopped", map=str(map_id))
    except DATABASE_DOWN:
        raise  # the lease lapses, and the map is computed again
    except Exception as error:  # any other error would come again
        log.exception("map failed", map=str(map_id))
        code = error.code if isinstance(error, ApiError) else type(error).__name__
        with database.transaction() as session:
            if leases.update_held(session, AuditMap, map_id, claimed.attempt, progress=None):
                map_service.fail(session, map_id, {"code": code, "detail": str(error)})
    return True


def _return(database: Database, claimed: AuditMap) -> None:
    """Return a map to its queue; this does not count as a lapse."""
    waits = {"status": MapStatus.QUEUED, "lease_until": None, "progress": None, "sent_at": func.now()}
    with database.transaction() as session:
        if leases.update_held(session, AuditMap, claimed.id, claimed.attempt, **waits):
            send_after_commit(session, Task.MAP, claimed.id)


class _Drawing:
    """One map that is being computed."""

    def __init__(
        self,
        database: Database,
        storage: Storage,
        settings: Settings,
        *,
        claimed: AuditMap,
        heartbeat: Heartbeat[AuditMap],
        lay_out: LayOut,
    ) -> None:
        self._database, self._storage, self._settings = database, storage, settings
        self._claimed, self._heartbeat, self._lay_out = claimed, heartbeat, lay_out

    def draw(self) -> None:
        began = time.monotonic()
        with self._database.transaction() as session:
            audit = session.get_one(Audit, self._claimed.audit_id)
            dataset = session.get_one(Dataset, audit.dataset_id)
            columns, first = _read_columns(session, audit, self._settings.map_points)
            source = choose_source(session, self._storage, self._settings, audit, dataset)
        self._heartbeat.check()
        points_N2, facts = self._find_points(source, columns, first)
        columns[1:3] = points_N2.T
        file = _store(self._storage, audit.id, columns)
        values: dict[str, Any] = {
            "source": source.kind,
            "encoder": source.name,
            "points": columns.shape[1],
            "samples": dataset.sample_count,
            "highest_ranked": first,
            **facts,
            "seconds": round(time.monotonic() - began, 1),
        }
        with self._database.transaction() as session:
            leases.update_held(
                session,
                AuditMap,
                self._claimed.id,
                self._claimed.attempt,
                status=MapStatus.SUCCEEDED,
                facts=values,
                file=file,
                progress=None,
                lease_until=None,
                finished_at=func.now(),
            )
        log.info("map drawn", audit=str(audit.id), **values)

    def _find_points(
        self, source: PointSource, columns: map_files.Columns, first: int
    ) -> tuple[npt.NDArray[np.float32], Json]:
        """Return the points, from an earlier map of the same rows where there is one."""
        positions_N = columns[0].astype(np.int64)
        stored = source.folder / f"{source.make_key(positions_N)}.npz"
        if self._storage.exists(stored):
            with self._storage.open(stored) as opened, np.load(opened) as earlier:
                return earlier["points"], {
                    "landmarks": int(earlier["landmarks"]),
                    "is_complete": bool(earlier["is_complete"]),
                }
        points_N2, facts = self._compute(source, positions_N, first)
        if facts["is_complete"]:
            write_atomically(stored, lambda file: np.savez(file, points=points_N2, **facts))
            self._storage.publish(stored)
        return points_N2, facts

    def _compute(
        self, source: PointSource, positions_N: npt.NDArray[np.int64], first: int
    ) -> tuple[npt.NDArray[np.float32], Json]:
        with TemporaryDirectory(prefix="limit-audit-") as name:
            positions, target = Path(name) / "positions.npy", Path(name) / "points.npy"
            np.save(positions, positions_N)
            task = {
                "source": source.describe(),
                "positions": str(positions),
                "target": str(target),
                "first": first,
                "seed": SEED,
                "seconds": self._settings.map_seconds,
                "memory_bytes": self._settings.map_memory_bytes,
            }
            facts = self._lay_out(task, self._follow)
            return np.load(target), facts

    def _follow(self, share: float | None) -> None:
        if share is not None:
            self._heartbeat.progress = {"fraction": share}
        self._heartbeat.check()


def _read_columns(session: Session, audit: Audit, points_max: int) -> tuple[map_files.Columns, int]:
    """Return the columns of the samples on a map, without their points, and how many ranks come first.

    All samples where they are few enough; else the highest-ranked half, and of the others some at random.
    """
    total = session.scalar(select(func.count()).where(Score.audit_id == audit.id)) or 0
    scores = select(
        Score.position,
        Score.rank,
        Score.given_label,
        Score.suggested_label,
        func.coalesce(Score.score, Score.distance / DISTANCE_MAX),
    ).where(Score.audit_id == audit.id)
    first = total
    if total > points_max:
        first = points_max // 2
        others = np.random.default_rng(SEED).choice(total - first, points_max - first, replace=False)
        scores = scores.where(
            (Score.rank <= first)
            | (Score.rank == any_(literal((others + first + 1).tolist(), ARRAY(Integer))))
        )
    rows = np.array([tuple(row) for row in session.execute(scores.order_by(Score.rank))], dtype=np.float64)
    columns = np.zeros((len(map_files.COLUMNS), len(rows)), dtype=np.float32)
    columns[[0, 3, 4, 5, 6]] = rows.reshape(-1, 5).T
    return columns, first


def _store(storage: Storage, audit_id: UUID, columns: map_files.Columns) -> Json:
    buffer = io.BytesIO()
    np.save(buffer, columns)
    content = buffer.getvalue()
    sha256 = hashlib.sha256(content).hexdigest()
    path = map_files.locate_points(storage, audit_id, sha256)
    write_atomically(path, lambda file: file.write(content))
    storage.publish(path)
    return {"path": path.name, "bytes": len(content), "sha256": sha256}
