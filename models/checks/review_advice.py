"""Whether going on with a review is worth it, and what that rests on."""

from dataclasses import dataclass
from enum import StrEnum

PSEUDO_VERDICTS = 10
"""Verdicts that the probabilities of the next samples count as, beside the latest verdicts themselves."""
NEARLY_DONE, STOP = 0.25, 0.1
"""Share of errors among the next samples below which the review is nearly done, and over."""
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


def count_missing(state: ReviewState) -> int:
    """Return how many more decided verdicts carry advice alone; 0: there are enough, or it needs none."""
    return 0 if state.is_upcoming_sound else max(0, ENOUGH_VERDICTS - state.recent_decided)


def expect_next(state: ReviewState) -> float | None:
    """Return the share of errors to expect among the next samples, in [0, 1]; None: unknown, or none left.

    The latest verdicts are of samples just above the next ones, so they weigh as verdicts, and the
    probabilities as some more. Unsound probabilities weigh nothing.
    """
    weight = PSEUDO_VERDICTS if state.is_upcoming_sound else 0
    total = weight + state.recent_decided
    if state.upcoming is None or not total:
        return None
    return (weight * state.upcoming + state.recent_errors) / total


def advise(state: ReviewState) -> Advice:
    """Return what to do next."""
    if state.upcoming is None:
        return Advice.STOP
    share = expect_next(state)
    if share is None or not (state.is_upcoming_sound or state.recent_decided >= ENOUGH_VERDICTS):
        return Advice.CHECK
    if share < STOP:
        return Advice.STOP
    return Advice.NEARLY_DONE if share < NEARLY_DONE else Advice.GO_ON
