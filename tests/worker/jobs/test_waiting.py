"""Outages are waited for, whichever library tells of them."""

from types import SimpleNamespace
from typing import Any, cast

import psycopg
import pytest
from sqlalchemy.exc import OperationalError

from worker.jobs import waiting

OUTAGES = [
    psycopg.errors.DiskFull("could not extend file"),  # of a COPY, which goes past SQLAlchemy
    psycopg.OperationalError("the connection is lost"),
    OperationalError("SELECT 1", {}, Exception("the connection is lost")),
    OSError(28, "No space left on device"),
]


@pytest.mark.parametrize("outage", OUTAGES, ids=lambda outage: type(outage).__name__)
def test_an_outage_is_waited_for(outage: Exception, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waiting, "PAUSE_SECONDS", 0.01)
    heartbeat = SimpleNamespace(progress=None, check=lambda: None)
    attempts = iter([outage, outage, None])

    def act() -> str:
        error = next(attempts)
        if error is not None:
            raise error
        return "done"

    assert waiting.retry_during_outage(act, cast("Any", heartbeat)) == "done"
    assert heartbeat.progress["waiting"]


def test_what_is_no_outage_is_raised() -> None:
    def act() -> None:
        raise psycopg.errors.UniqueViolation("twice")

    with pytest.raises(psycopg.errors.UniqueViolation):
        waiting.retry_during_outage(act, cast("Any", SimpleNamespace(progress=None, check=lambda: None)))
