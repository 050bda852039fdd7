"""The error for clients while the database does not answer."""

import structlog

from app.infra.errors import Unavailable

log = structlog.get_logger()
RETRY_SECONDS = 5


def describe_outage(error: Exception) -> Unavailable:
    """Return the client's error for a temporary database error, and log the cause."""
    log.warning("the database does not answer", error=str(error))
    sentence = "the database does not answer at present; stored data is safe, retry later"
    return Unavailable(sentence, seconds=RETRY_SECONDS)
