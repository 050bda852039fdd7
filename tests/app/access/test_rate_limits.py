"""One key's share: a rate, a number at once, and others that do not feel it."""

import pytest

from app.access.rate_limits import Limiter
from app.infra.errors import TooManyRequests


def ask(limiter: Limiter, caller: str, now: float) -> None:
    with limiter.admit(caller, now=now):
        pass


def test_a_burst_then_the_rate() -> None:
    limiter = Limiter(per_second=2, burst=3, concurrent=9)
    for _ in range(3):
        ask(limiter, "a", 100.0)
    with pytest.raises(TooManyRequests) as refused:
        ask(limiter, "a", 100.0)
    assert refused.value.headers == {"Retry-After": "1"}
    ask(limiter, "a", 100.5)
    with pytest.raises(TooManyRequests):
        ask(limiter, "a", 100.6)
    ask(limiter, "b", 100.6)


def test_what_is_under_way_counts_until_it_ends() -> None:
    limiter = Limiter(per_second=100, burst=100, concurrent=2)
    with limiter.admit("a"):
        with (
            limiter.admit("a"),
            pytest.raises(TooManyRequests, match="2 open requests"),
            limiter.admit("a"),
        ):
            pass
        with limiter.admit("a"), limiter.admit("b"):
            pass


def test_callers_that_went_away_are_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.access.rate_limits.MOST_CALLERS", 2)
    limiter = Limiter(per_second=1, burst=1, concurrent=9)
    for number in range(50):
        ask(limiter, str(number), 1.0)
    ask(limiter, "0", 1.0)  # its bucket was empty, and is a new one
    with pytest.raises(TooManyRequests):
        ask(limiter, "49", 1.0)
