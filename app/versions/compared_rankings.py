"""The samples of two rankings side by side: which were fixed, are new suspects, or moved.

Shape suffix: N samples of an audit by position.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from sqlalchemy import func, select
from sqlalchemy.dialects.postgresql import aggregate_order_by
from sqlalchemy.orm import Session

from app.reviews.checked_figures import find_settled, mark_flagged
from app.reviews.ranked_scores import read_ranked_scores
from app.tables import Audit, Dataset, Sample, Score
from app.versions.compared_counts import AuditCount
from app.versions.content_matching import Places

State = Literal["relabelled", "dropped", "added", "new_suspect", "cleared", "still_suspect"]
STATES: tuple[State, ...] = ("relabelled", "dropped", "new_suspect", "cleared", "still_suspect", "added")
NOWHERE = -1


@dataclass(frozen=True, kw_only=True)
class Moved:
    """A sample of one or both audits."""

    state: State
    key: str
    first_position: int | None
    second_position: int | None
    first_label: str | None
    second_label: str | None
    suggested_label: str | None
    """By the second audit; by the first where the sample was dropped."""
    first_rank: int | None
    second_rank: int | None
    first_score: float | None
    second_score: float | None
    """0 to 1, high = bad."""


@dataclass(frozen=True, kw_only=True, eq=False)
class _Ranked:
    """An audit's ranking by position; rank 0: the sample has no score."""

    rank_N: npt.NDArray[np.int64]
    score_N: npt.NDArray[np.float64]
    suggested_N: npt.NDArray[np.int64]
    given_N: npt.NDArray[np.int64]
    is_flagged_N: npt.NDArray[np.bool_]


def _read_ranking(session: Session, audit: Audit, sample_count: int) -> _Ranked:
    columns = (Score.position, Score.score, Score.suggested_label, Score.given_label, Score.is_label_issue)
    ordered = [func.array_agg(aggregate_order_by(column, Score.rank)) for column in columns]
    found = session.execute(select(*ordered).where(Score.audit_id == audit.id)).one()
    positions, scores, suggested, given, flagged = (each or [] for each in found)
    figures = find_settled(session.connection(), audit.id, audit.dataset_id)
    is_flagged = np.array([bool(each) for each in flagged], np.bool_)
    if figures is not None:
        is_flagged = mark_flagged(read_ranked_scores(session.connection(), audit.id), figures.settled)
    at = np.array(positions, np.int64)

    def place(values: Any, dtype: Any) -> npt.NDArray[Any]:  # noqa: ANN401 - one type for each column
        placed = np.zeros(sample_count, dtype)
        placed[at] = values
        return placed

    return _Ranked(
        rank_N=place(np.arange(1, len(at) + 1), np.int64),
        score_N=place([np.nan if each is None else each for each in scores], np.float64),
        suggested_N=place(suggested, np.int64),
        given_N=place(given, np.int64),
        is_flagged_N=place(is_flagged, np.bool_),
    )


@dataclass(frozen=True, kw_only=True, eq=False)
class SortedSamples:
    """Pairs of positions in the first and the second audit, by state, in the order of showing."""

    pairs: dict[State, list[tuple[int, int]]]
    first: _Ranked
    second: _Ranked


def sort_samples(session: Session, counts: Sequence[AuditCount], places_N: Places) -> SortedSamples:
    """Return the samples of both rankings by state."""
    first, second = (_read_ranking(session, count.audit, count.dataset.sample_count or 0) for count in counts)
    names = [np.array([*(count.dataset.class_names or []), ""], dtype=object) for count in counts]
    pairs: dict[State, list[tuple[int, int]]] = {state: [] for state in STATES}
    for position, place in enumerate(places_N.tolist()):
        if place < 0:
            pairs["added"].append((NOWHERE, position))
        elif not (first.rank_N[place] and second.rank_N[position]):
            continue  # one of the audits left it out
        elif names[0][first.given_N[place]] != names[1][second.given_N[position]]:
            pairs["relabelled"].append((place, position))
        else:
            was, is_now = bool(first.is_flagged_N[place]), bool(second.is_flagged_N[position])
            state = _name_state(was=was, is_now=is_now)
            if state is not None:
                pairs[state].append((place, position))
    kept = set(places_N.tolist())
    pairs["dropped"] = [(place, NOWHERE) for place in range(len(first.rank_N)) if place not in kept]
    return SortedSamples(pairs=_order(pairs, first, second), first=first, second=second)


def _name_state(*, was: bool, is_now: bool) -> State | None:
    if was and is_now:
        return "still_suspect"
    if was:
        return "cleared"
    return "new_suspect" if is_now else None


def _order(
    pairs: dict[State, list[tuple[int, int]]], first: _Ranked, second: _Ranked
) -> dict[State, list[tuple[int, int]]]:
    """Order by the rank that made a sample suspect; those that stayed suspects by how far they moved."""

    def by_first(pair: tuple[int, int]) -> float:
        return float(first.rank_N[pair[0]]) or np.inf

    def by_second(pair: tuple[int, int]) -> float:
        return float(second.rank_N[pair[1]]) or np.inf

    def by_move(pair: tuple[int, int]) -> float:
        share = first.rank_N[pair[0]] / len(first.rank_N) - second.rank_N[pair[1]] / len(second.rank_N)
        return -abs(float(share))

    orders = {"new_suspect": by_second, "added": by_second, "still_suspect": by_move}
    return {state: sorted(some, key=orders.get(state, by_first)) for state, some in pairs.items()}


def describe_samples(
    session: Session, states: SortedSamples, state: State, counts: Sequence[AuditCount], limit: int
) -> list[Moved]:
    """Return the first samples of a state."""
    some = states.pairs[state][:limit]
    keys = [
        _read_keys(session, count.dataset, [pair[side] for pair in some if pair[side] != NOWHERE])
        for side, count in enumerate(counts)
    ]
    return [_make_moved(states, state, pair, counts, keys) for pair in some]


def _make_moved(
    states: SortedSamples,
    state: State,
    pair: tuple[int, int],
    counts: Sequence[AuditCount],
    keys: Sequence[dict[int, str]],
) -> Moved:
    place, position = pair
    sides = [
        _read_side(ranked, at, count.dataset)
        for ranked, at, count in zip((states.first, states.second), pair, counts, strict=True)
    ]
    (first, suggested_before), (second, suggested) = sides
    return Moved(
        state=state,
        key=keys[1].get(position) or keys[0].get(place) or "",
        suggested_label=suggested if position != NOWHERE else suggested_before,
        **{f"first_{name}": value for name, value in first.items()},
        **{f"second_{name}": value for name, value in second.items()},
    )


def _read_side(ranked: _Ranked, position: int, dataset: Dataset) -> tuple[dict[str, Any], str | None]:
    if position == NOWHERE or not ranked.rank_N[position]:
        at = None if position == NOWHERE else position
        return {"position": at, "label": None, "rank": None, "score": None}, None
    names = dataset.class_names or []
    score = float(ranked.score_N[position])
    side = {
        "position": position,
        "label": names[ranked.given_N[position]],
        "rank": int(ranked.rank_N[position]),
        "score": None if np.isnan(score) else score,
    }
    return side, names[ranked.suggested_N[position]]


def _read_keys(session: Session, dataset: Dataset, positions: list[int]) -> dict[int, str]:
    statement = select(Sample.position, Sample.key).where(
        Sample.dataset_id == dataset.id, Sample.position.in_(positions)
    )
    return {row[0]: row[1] for row in session.execute(statement)}
