"""The details of an upload on a dataset's page, as labels and texts."""

from collections.abc import Mapping

from app.tables import Json

PARTS_MAX = 6
LABELS = {
    "sizes": "Image sizes",
    "modes": "Colour modes",
    "encodings": "Encodings",
    "feature_count": "Features",
    "split_counts": "Splits",
    "truth_known": "Known correct labels",
    "duplicate_keys": "Repeated keys",
}
"""Labels by name of the statistic; the page omits all others, and those that are zero or empty."""


def describe(statistics: Json) -> list[tuple[str, str]]:
    """Return a label and a text for each detail of an upload."""
    facts = [
        (
            label,
            _format_statistic(statistics[name], statistics.get("size_count") if name == "sizes" else None),
        )
        for name, label in LABELS.items()
        if _has_content(statistics.get(name))
    ]
    if "native_size" in statistics:
        facts.append(("Pixels", "as uploaded" if statistics["native_size"] else "resized"))
    if "label_column" in statistics.get("layout", {}):
        facts.append(("Label column", statistics["layout"]["label_column"]))
    return facts


def _has_content(value: object) -> bool:
    """Return whether a statistic has content; an upload without splits counts only the empty name."""
    return bool(set(value) - {""}) if isinstance(value, Mapping) else bool(value)


def _format_statistic(value: object, total: int | None) -> str:
    """Return a number, or the first counts of a mapping with `total` entries (by default its length)."""
    if not isinstance(value, Mapping):
        return f"{value:,}" if isinstance(value, int) else str(value)
    parts = [f"{name or 'none'}: {count:,}" for name, count in list(value.items())[:PARTS_MAX]]
    left = (len(value) if total is None else total) - len(parts)
    return ", ".join(parts) + (f" and {left:,} more" if left > 0 else "")
