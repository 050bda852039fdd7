"""Rate limits of one key: a token bucket for the rate, and a count of open requests.

Each API process counts separately, so that the limits do not depend on Redis. With n processes a key can
reach n times the limit.
"""

import time
from collections import OrderedDict
from collections.abc import Hashable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from app.infra.errors import TooManyRequests

MOST_CALLERS = 10_000


@dataclass
class _Bucket:
    tokens: float
    at: float
    open: int = 0


class Limiter:
    """Counts requests by caller. It has no lock: use it in one event loop only."""

    def __init__(self, *, per_second: float, burst: int, concurrent: int, caller: str = "this key") -> None:
        self._caller = caller
        self._per_second, self._burst, self._concurrent = per_second, burst, concurrent
        self._buckets: OrderedDict[Hashable, _Bucket] = OrderedDict()

    @contextmanager
    def admit(self, caller: Hashable, *, now: float | None = None) -> Iterator[None]:
        """Count a request while it is open.

        Raises:
            TooMany: it is one too many; the answer says when to come back.

        """
        bucket = self._refill(caller, time.monotonic() if now is None else now)
        if bucket.open >= self._concurrent:
            raise TooManyRequests(f"{self._caller} has {bucket.open} open requests, the maximum", seconds=1)
        if bucket.tokens < 1:
            raise TooManyRequests(
                f"{self._caller} can send {self._per_second:g} requests a second, {self._burst} at once",
                seconds=(1 - bucket.tokens) / self._per_second,
            )
        bucket.tokens -= 1
        bucket.open += 1
        try:
            yield
        finally:
            bucket.open -= 1

    def _refill(self, caller: Hashable, now: float) -> _Bucket:
        bucket = self._buckets.setdefault(caller, _Bucket(tokens=self._burst, at=now))
        self._buckets.move_to_end(caller)
        bucket.tokens = min(self._burst, bucket.tokens + (now - bucket.at) * self._per_second)
        bucket.at = now
        oldest = next(iter(self._buckets))
        if len(self._buckets) > MOST_CALLERS and self._buckets[oldest].open == 0:
            del self._buckets[oldest]
        return bucket
