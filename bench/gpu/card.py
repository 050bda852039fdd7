"""Samples a GPU's load and memory with nvidia-smi while other programs use it."""

import subprocess
import threading
import time
from dataclasses import dataclass
from types import TracebackType
from typing import Self

INTERVAL_MS = 200
QUERY = ("nvidia-smi", "--query-gpu=utilization.gpu,memory.used", "--format=csv,noheader,nounits")


@dataclass(frozen=True, kw_only=True)
class Reading:
    """What the driver said at one moment."""

    at: float
    """Of time.monotonic."""
    utilisation: int
    """Per cent of the time in which a kernel ran."""
    memory_mib: int


class Card:
    """Reads the first GPU five times a second."""

    def __enter__(self) -> Self:
        self.readings: list[Reading] = []
        self._process = subprocess.Popen(  # noqa: S603 - the driver's own program
            [*QUERY, "--loop-ms", str(INTERVAL_MS)], stdout=subprocess.PIPE, text=True
        )
        self._thread = threading.Thread(target=self._read, daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.terminate()
        self._process.wait()
        self._thread.join()

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            utilisation, memory_mib = map(int, line.split(", "))
            self.readings.append(Reading(at=time.monotonic(), utilisation=utilisation, memory_mib=memory_mib))

    @property
    def memory_mib(self) -> int:
        """Return what is in use now."""
        return self.readings[-1].memory_mib if self.readings else 0

    def since(self, moment: float) -> list[Reading]:
        """Return the readings after a moment of time.monotonic."""
        return [reading for reading in self.readings if reading.at >= moment]
