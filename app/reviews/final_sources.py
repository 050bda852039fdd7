"""Who or what decided a final label."""

from dataclasses import dataclass
from datetime import datetime

from app.tables import Json


@dataclass(frozen=True, kw_only=True)
class LabelSource:
    """The source of a final label."""

    name: str
    """A verdict, or `audit` if an unreviewed issue was relabelled or dropped."""
    reviewer: str = ""
    at: datetime | None = None
    carried: str = ""
    """The version and verdict that it was carried over from, such as `version 1: relabel`."""


AUDIT = LabelSource(name="audit")


def describe_carried(carried: Json | None) -> str:
    """Return the version and verdict that a review was carried over from, "" for none."""
    return "" if carried is None else f"version {carried['version']}: {carried['verdict']}"
