"""The scores of a finished audit as arrays in order of rank, kept in memory: they never change.

Shape suffix: N samples in order of rank.
"""

from collections import OrderedDict
from dataclasses import dataclass
from threading import Lock
from uuid import UUID

import numpy as np
import numpy.typing as npt
from sqlalchemy import Connection, cast, func, literal_column, select
from sqlalchemy.dialects.postgresql import REAL, aggregate_order_by

from app.audits.suspects import STORED_PROBABILITY
from app.tables import Score

AUDITS_MAX = 4
"""Audits in memory: a million samples take 12 MB and, where they are not in memory, 2 s (docs/speed.md)."""
READ_AT_ONCE = 100_000
"""Samples a query: PostgreSQL joins them into one value."""
RECORD = np.dtype([("probability", ">f4"), ("given", ">i4"), ("suggested", ">i4")])
_kept: "OrderedDict[UUID, RankedScores]" = OrderedDict()
_lock = Lock()


@dataclass(frozen=True, kw_only=True)
class RankedScores:
    """The scores of an audit."""

    error_probability_N: npt.NDArray[np.float32]
    """`STORED_PROBABILITY`: random checks make probabilities of what ranks, too."""
    given_N: npt.NDArray[np.int32]
    suggested_N: npt.NDArray[np.int32]

    @property
    def has_other_N(self) -> npt.NDArray[np.bool_]:  # noqa: N802 - the shape suffix
        """Return whether another label than the given one is suggested."""
        has_other_N: npt.NDArray[np.bool_] = self.suggested_N != self.given_N
        return has_other_N


def read_ranked_scores(connection: Connection, audit_id: UUID) -> RankedScores:
    """Return the scores of an audit that has succeeded."""
    with _lock:
        if audit_id in _kept:
            _kept.move_to_end(audit_id)
            return _kept[audit_id]
    scores = _read_scores(connection, audit_id)
    with _lock:
        _kept[audit_id] = scores
        while len(_kept) > AUDITS_MAX:
            _kept.popitem(last=False)
    return scores


def _read_scores(connection: Connection, audit_id: UUID) -> RankedScores:
    """Read the columns as binary values: rows would take many times as long."""
    parts = [_read_part(connection, audit_id, after_rank=0)]
    while len(parts[-1]) == READ_AT_ONCE:
        parts.append(_read_part(connection, audit_id, after_rank=len(parts) * READ_AT_ONCE))
    rows = np.concatenate(parts)
    return RankedScores(
        error_probability_N=rows["probability"].astype(np.float32),
        given_N=rows["given"].astype(np.int32),
        suggested_N=rows["suggested"].astype(np.int32),
    )


def _read_part(connection: Connection, audit_id: UUID, *, after_rank: int) -> npt.NDArray[np.void]:
    """Read the scores of the ranks after the given one, at most READ_AT_ONCE."""
    record = func.float4send(cast(STORED_PROBABILITY, REAL)).op("||")(func.int4send(Score.given_label))
    record = record.op("||")(func.int4send(Score.suggested_label))
    joined = func.string_agg(record, aggregate_order_by(literal_column("''::bytea"), Score.rank))
    statement = select(joined).where(
        Score.audit_id == audit_id, Score.rank > after_rank, Score.rank <= after_rank + READ_AT_ONCE
    )
    return np.frombuffer(connection.scalar(statement) or b"", RECORD)
