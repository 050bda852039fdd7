"""Structured logs: one JSON object a line, or text for people."""

import logging
import re
from typing import Any, Literal

import structlog

# Keys and cookies as they are sent, and the password of a URL.
SECRETS = re.compile(
    r"\bla_[A-Za-z0-9_-]{16,}|(?<=Bearer )\S+|(?<=limit_audit_session=)[^;\s]+|(?<=://)[^/@\s:]*:[^/@\s]+(?=@)"
)


def remove_secrets(_: object, __: str, event: structlog.typing.EventDict) -> structlog.typing.EventDict:
    """Strike out of a log line what would let its reader in."""
    return {name: _mask(value) for name, value in event.items()}


def _mask(value: Any) -> Any:  # noqa: ANN401 - whatever was logged
    if isinstance(value, str):
        return SECRETS.sub("***", value)
    if isinstance(value, dict):
        return {name: _mask(part) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [_mask(part) for part in value]
    return value


def configure_logging(log_format: Literal["json", "text"]) -> None:
    """Send this process's own events and the standard library's through one renderer."""
    stamps: list[structlog.types.Processor] = [
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
        processors=[*stamps, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler()
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta, remove_secrets, renderer,
        ], foreign_pre_chain=stamps)
    )  # fmt: skip
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(logging.INFO)
