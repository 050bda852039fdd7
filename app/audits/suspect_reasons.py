"""Why a row of a table is suspicious: the columns that speak for another class, as a run stored them."""

from contextlib import suppress
from dataclasses import dataclass

import numpy as np
from sqlalchemy.orm import Session

from app.audits import audit_service
from app.infra.storage import Storage
from app.tables import Audit

REASONS = "column_reasons.npz"
"""File of a run on a table; other runs have none."""


@dataclass(frozen=True, kw_only=True)
class Reasons:
    """The columns of one sample that speak for a class instead of its label, the strongest first."""

    rival: int
    columns: tuple[tuple[int, float], ...]
    """Place of each in the table's cells, and how much the log-odds of the class fall without it: above 0."""


def find_reasons(session: Session, files: Storage, audit: Audit, position: int) -> Reasons | None:
    """Return a sample's reasons; None: none were stored for it."""
    for run in audit_service.list_runs(session, [audit.id])[audit.id]:
        if not run.is_chosen:
            continue
        path = files.locate_run(audit.id, run.number) / REASONS
        with suppress(FileNotFoundError):
            local = files.fetch_cached(path, name=f"{audit.id}.{run.number}.{REASONS}")
            with np.load(local) as stored:
                return _select(dict(stored), position)
    return None


def _select(stored: dict[str, np.ndarray], position: int) -> Reasons | None:
    place = int(np.searchsorted(stored["positions_M"], position))
    if place == len(stored["positions_M"]) or stored["positions_M"][place] != position:
        return None
    pairs = zip(stored["columns_M5"][place].tolist(), stored["effects_M5"][place].tolist(), strict=True)
    return Reasons(rival=int(stored["rivals_M"][place]), columns=tuple(pair for pair in pairs if pair[1] > 0))
