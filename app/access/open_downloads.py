"""How many downloads of a workspace are written at a time, each counted until its last byte is sent.

Each keeps what it writes from in memory or on disk for as long as its reader takes. Each API process counts
separately, as for rate limits.
"""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from uuid import UUID

from app.infra.errors import TooManyRequests

RETRY_SECONDS = 5


class OpenDownloads:
    """Counts downloads by workspace. It has no lock: use it in one event loop only."""

    def __init__(self) -> None:
        self._open: Counter[UUID | None] = Counter()

    @contextmanager
    def admit(self, workspace_id: UUID | None, *, most: int) -> Iterator[None]:
        """Count a download while it is open.

        Raises:
            TooManyRequests: `most` are open.

        """
        if self._open[workspace_id] >= most:
            raise TooManyRequests(
                f"this workspace has {self._open[workspace_id]} open downloads, the maximum; go on when one"
                " has ended",
                seconds=RETRY_SECONDS,
            )
        self._open[workspace_id] += 1
        try:
            yield
        finally:
            self._open[workspace_id] -= 1
            if not self._open[workspace_id]:
                del self._open[workspace_id]
