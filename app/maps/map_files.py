"""The file of a map: a .npy of float32 [7, N], one row a column of `COLUMNS`, one column a point.

float32 holds every whole number up to 2^24 exactly, so positions and ranks keep their values.
"""

from pathlib import Path
from uuid import UUID

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.infra.storage import Storage
from app.tables import Json, Review, Verdict

COLUMNS = ("position", "x", "y", "rank", "given_label", "suggested_label", "score")
"""Labels are indices of the dataset's class names; the score is what ranks, 0 to 1, high = bad."""
POSITIONS_MAX = 2**24
VERDICTS = ("none", *(str(verdict) for verdict in Verdict))
"""Verdicts of points, as numbers: the place in this list."""

Columns = npt.NDArray[np.float32]


def locate_points(storage: Storage, audit_id: UUID, sha256: str) -> Path:
    """Return the path of an audit's points."""
    return storage.locate_audit(audit_id) / f"map-{sha256}.npy"


def read_points(storage: Storage, audit_id: UUID, file: Json) -> Columns:
    """Return the columns [7, N] of a map.

    Raises:
        FileNotFoundError: its file is gone.

    """
    with storage.open(locate_points(storage, audit_id, file["sha256"])) as opened:
        columns: Columns = np.load(opened)
    return columns


def read_verdicts(
    session: Session, dataset_id: UUID, positions_N: npt.NDArray[np.int64]
) -> npt.NDArray[np.uint8]:
    """Return the verdict of every point [N], as a place in `VERDICTS`."""
    rows = session.execute(
        select(Review.position, Review.verdict).where(Review.dataset_id == dataset_id)
    ).all()
    verdicts_N = np.zeros(len(positions_N), dtype=np.uint8)
    if not rows or not len(positions_N):
        return verdicts_N
    order_N = np.argsort(positions_N)
    wanted = np.array([position for position, _ in rows])
    place = np.searchsorted(positions_N[order_N], wanted).clip(max=len(positions_N) - 1)
    is_there = positions_N[order_N][place] == wanted
    codes = np.array([VERDICTS.index(verdict) for _, verdict in rows], dtype=np.uint8)
    verdicts_N[order_N[place[is_there]]] = codes[is_there]
    return verdicts_N


def make_table(columns: Columns, names: list[str], verdicts_N: npt.NDArray[np.uint8]) -> pa.Table:
    """Return a map as a table for people, with class names and verdicts."""
    classes = pa.array(names, pa.string())
    values = dict(zip(COLUMNS, columns, strict=True))
    return pa.table(
        {
            "position": pa.array(values["position"].astype(np.int32)),
            "x": pa.array(values["x"]),
            "y": pa.array(values["y"]),
            "rank": pa.array(values["rank"].astype(np.int32)),
            "given_label": classes.take(pa.array(values["given_label"].astype(np.int32))),
            "suggested_label": classes.take(pa.array(values["suggested_label"].astype(np.int32))),
            "score": pa.array(values["score"]),
            "verdict": pa.array([None, *VERDICTS[1:]], pa.string()).take(pa.array(verdicts_N)),
        }
    )
