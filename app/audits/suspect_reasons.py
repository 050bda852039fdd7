"""Why a row of a table or a text is suspicious: what speaks for another class, as a run stored it."""

from contextlib import suppress
from dataclasses import dataclass

import numpy as np
from sqlalchemy.orm import Session

from app.audits import audit_service
from app.infra.storage import Storage
from app.tables import Audit

REASONS = "column_reasons.npz"
"""File of a run on a table; other runs have none."""
WORD_REASONS = "word_reasons.npz"
"""File of a run on texts."""

WORD_ARRAYS = ("starts_MW", "lengths_MW", "effects_MW")


@dataclass(frozen=True, kw_only=True)
class Reasons:
    """The columns of one sample that speak for a class instead of its label, the strongest first."""

    rival: int
    columns: tuple[tuple[int, float], ...] = ()
    """Place of each in the table's cells, and how much the log-odds of the class fall without it: above 0."""
    words: tuple[tuple[int, int, float], ...] = ()
    """Start and length of each in the text, and how many nats it adds to the log-odds of the class."""


def find_reasons(session: Session, files: Storage, audit: Audit, position: int) -> Reasons | None:
    """Return a sample's reasons; None: none were stored for it."""
    for run in audit_service.list_runs(session, [audit.id])[audit.id]:
        if not run.is_chosen:
            continue
        for name in (REASONS, WORD_REASONS):
            path = files.locate_run(audit.id, run.number) / name
            with suppress(FileNotFoundError):
                local = files.fetch_cached(path, name=f"{audit.id}.{run.number}.{name}")
                with np.load(local) as stored:
                    return _select(dict(stored), position)
    return None


def _select(stored: dict[str, np.ndarray], position: int) -> Reasons | None:
    place = int(np.searchsorted(stored["positions_M"], position))
    if place == len(stored["positions_M"]) or stored["positions_M"][place] != position:
        return None
    rival = int(stored["rivals_M"][place])
    if "starts_MW" in stored:
        words = zip(*(stored[name][place].tolist() for name in WORD_ARRAYS), strict=True)
        return Reasons(rival=rival, words=tuple(word for word in words if word[1]))
    pairs = zip(stored["columns_M5"][place].tolist(), stored["effects_M5"][place].tolist(), strict=True)
    return Reasons(rival=rival, columns=tuple(pair for pair in pairs if pair[1] > 0))
