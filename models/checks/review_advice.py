"""Whether going on with a review is worth it, and what that rests on."""

from dataclasses import dataclass
from enum import StrEnum

from models.checks.checked_counts import find_jeffreys_interval

PSEUDO_VERDICTS = 10
"""Verdicts that the probabilities of the next samples count as, beside the latest verdicts themselves."""
NEARLY_DONE, STOP = 0.25, 0.1
"""Share of errors among the next samples below which the review is nearly done, and over.

The upper end of what the share may be has to be below it: a middle is no reason to stop."""
ENOUGH_VERDICTS = 20
"""Latest verdicts from which on they carry advice alone."""


class Advice(StrEnum):
    """What to do next."""

    CHECK = "check"
    """Check samples at random first: nothing can be said yet."""
    GO_ON = "go_on"
    NEARLY_DONE = "nearly_done"
    STOP = "stop"


@dataclass(frozen=True, kw_only=True)
class ReviewState:
    """What is known when somebody asks whether to go on."""

    upcoming: float | None
    """Mean error probability of the next samples of the ranking; None: there are none left."""
    is_upcoming_sound: bool
    """Whether it may be claimed, or was recalibrated by random checks."""
    recent_errors: int
    recent_decided: int
    """The latest decided verdicts in the ranking's order and the wrong labels among them."""
    upcoming_count: int = 1
    """How many next samples there are; 1 or more."""
    most_left: tuple[float, float] | None = None
    """Wrong labels nobody has found, by random checks: the middle and the end of the 95 % interval.

    None: nobody has counted them at random."""


def count_missing(state: ReviewState) -> int:
    """Return how many more decided verdicts carry advice alone; 0: there are enough, or it needs none."""
    return 0 if state.is_upcoming_sound else max(0, ENOUGH_VERDICTS - state.recent_decided)


def expect_next(state: ReviewState) -> float | None:
    """Return the share of errors to expect among the next samples, in [0, 1]; None: unknown, or none left.

    The latest verdicts are of samples just above the next ones, so they weigh as verdicts, and the
    probabilities as some more. Unsound probabilities weigh nothing. There are never more errors among the
    next samples than random checks leave among all.
    """
    share, _ = _weigh(state)
    return share if share is None or state.most_left is None else min(share, _share_left(state)[0])


def expect_left(state: ReviewState, expected: float | None, found: int) -> float | None:
    """Return how many wrong labels nobody has found; None: unknown.

    What an audit estimates without checks is never below what the next samples are expected to hold.

    Args:
        state: what is known about the next samples.
        expected: wrong labels in all; None: unknown.
        found: wrong labels that people found.

    """
    if state.most_left is not None:
        return state.most_left[0]
    if expected is None:
        return None
    return max(0.0, expected - found, (expect_next(state) or 0.0) * state.upcoming_count)


def advise(state: ReviewState) -> Advice:
    """Return what to do next, by the upper end of the share of errors among the next samples."""
    if state.upcoming is None:
        return Advice.STOP
    share, weight = _weigh(state)
    if share is None:
        return Advice.CHECK
    highest = find_jeffreys_interval(share, weight)[1]
    if state.most_left is not None:
        highest = min(highest, _share_left(state)[1])
    if highest < STOP:
        return Advice.STOP
    return Advice.NEARLY_DONE if highest < NEARLY_DONE else Advice.GO_ON


def _weigh(state: ReviewState) -> tuple[float | None, int]:
    """Return the share of errors by verdicts and probabilities, and how many verdicts it weighs as.

    None: nothing is left, or the probabilities are unsound and there are too few verdicts to go by.
    """
    weight = PSEUDO_VERDICTS if state.is_upcoming_sound else 0
    total = weight + state.recent_decided
    if state.upcoming is None or count_missing(state):
        return None, 0
    return (weight * state.upcoming + state.recent_errors) / total, total


def _share_left(state: ReviewState) -> tuple[float, float]:
    """Return the middle and the upper end of the share of the next samples, were all left errors in them."""
    assert state.most_left is not None
    middle, high = (min(1.0, left / max(1, state.upcoming_count)) for left in state.most_left)
    return middle, high
