"""Structured logs: one JSON object per line, or plain text."""

import logging
import re
from typing import Any, Literal

import structlog

# Keys and cookies as sent by clients, users and passwords in URLs.
SECRETS = re.compile(
    r"\bla_[A-Za-z0-9_-]{16,}|(?<=Bearer )\S+|(?<=limit_audit_session=)[^;\s]+|(?<=://)[^/@\s?#]+(?=@)"
)
QUERIES = re.compile(r"(\b[a-z0-9]{2,}://[^\s'\"<>?]*[?])[^\s'\"<>]+")
"""Of addresses: what signs a request stands there."""
TELLTALES = ("httpx", "httpcore")
"""Libraries that log whole addresses, whose paths may be secret, as those of Slack's webhooks are."""


def remove_secrets(_: object, __: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
    """Mask keys, cookies and passwords in a log event."""
    return {name: _mask(value) for name, value in event.items()}


def _mask(value: Any) -> Any:  # noqa: ANN401 - any logged value
    if isinstance(value, str):
        return QUERIES.sub(r"\1***", SECRETS.sub("***", value))
    if isinstance(value, dict):
        return {name: _mask(part) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [_mask(part) for part in value]
    return value


def configure_logging(log_format: Literal["json", "text"]) -> None:
    """Render this process's events and the standard library's log records the same way."""
    shared_processors: list[structlog.types.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
    ]
    renderer: structlog.types.Processor = (
        structlog.processors.JSONRenderer()
        if log_format == "json"
        else structlog.dev.ConsoleRenderer(colors=False)
    )
    structlog.configure(
        processors=[*shared_processors, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler()
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta, remove_secrets, renderer,
        ], foreign_pre_chain=shared_processors)
    )  # fmt: skip
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(logging.INFO)
    for name in TELLTALES:
        logging.getLogger(name).setLevel(logging.WARNING)
