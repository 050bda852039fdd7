"""What a client is told while the database does not answer."""

import structlog

from app.infra.errors import Unavailable

log = structlog.get_logger()
RETRY_SECONDS = 5


def describe_outage(error: Exception) -> Unavailable:
    """Return the refusal for an error of the database that passes by itself; the log has the error."""
    log.warning("the database does not answer", error=str(error))
    sentence = "the database does not answer at present; what was stored is safe, ask again"
    return Unavailable(sentence, seconds=RETRY_SECONDS)
