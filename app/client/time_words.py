"""The time of an audit that has not been started, in words."""

from math import floor, log10

from app.client.service.answer_types import Json

DEFAULT_SAYS = "What limit-audit chooses by itself."
MINUTE, HOUR = 60, 3_600


def list_choices(estimates: Json) -> list[Json]:
    """Return the default, Fast and Thorough, each with its time and what is said of it."""
    default = {"name": "default", "says": DEFAULT_SAYS, "estimate": estimates["estimate"]}
    return [
        {"effort": each["name"], "time": describe_span(each["estimate"]), "says": each["says"]}
        for each in (default, *estimates["presets"])
    ]


def describe_estimate(estimates: Json, effort: str | None) -> str:
    """Return the time of an audit, what it rests on, and who waits before it."""
    presets = [preset for preset in estimates["presets"] if preset["name"] == effort]
    estimate: Json = (presets[0] if presets else estimates)["estimate"]
    parts = [
        f"{name} {describe_span(part)} ({part['rests_on']})"
        for name, part in estimate["parts"].items()
        if part["high_seconds"] != 0
    ]
    return f"Time: {describe_span(estimate)}: {'; '.join(parts)}. {describe_waiting(estimates)}"


def describe_waiting(estimates: Json) -> str:
    """Return who would compute, and how many jobs wait before."""
    workers, waiting = estimates["workers"], estimates["waiting"]
    if workers is None:
        who = "It is not known how many workers there are."
    elif workers == 0:
        who = "No worker for it has answered within a second; it starts once one takes it."
    else:
        who = f"{workers} {'worker answers' if workers == 1 else 'workers answer'}."
    before = f"{waiting} {'job waits' if waiting == 1 else 'jobs wait'}"
    return f"{who} {before} before it; that time is not counted." if waiting else who


def describe_span(span: Json) -> str:
    """Return a range of seconds; two digits are as much as an estimate has."""
    if span["low_seconds"] is None or span["high_seconds"] is None:
        return "unknown"
    low, high = (_describe_seconds(span[name]) for name in ("low_seconds", "high_seconds"))
    return f"about {high}" if low == high else f"{low} to {high}"


def _describe_seconds(seconds: float) -> str:
    unit = 10 ** max(0, floor(log10(max(seconds, 1))) - 1)
    whole = max(1, round(seconds / unit) * unit)
    if whole < MINUTE:
        return f"{whole} s"
    size, unit, part, part_unit = (MINUTE, "min", 1, "s") if whole < HOUR else (HOUR, "h", MINUTE, "min")
    rest = whole % size // part
    return f"{whole // size} {unit}" + (f" {rest} {part_unit}" if rest else "")
