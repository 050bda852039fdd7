"""What was recognised in an upload, in words: the lines that a dataset's page shows."""

from collections.abc import Mapping

from app.tables import Json

SHOWN = 6
LABELS = {
    "sizes": "Sizes of pictures",
    "modes": "Colour modes",
    "encodings": "Encodings",
    "feature_count": "Features",
    "split_counts": "Splits",
    "truth_known": "Correct labels known",
    "duplicate_keys": "Repeated keys",
}
"""By the name of a statistic; the page shows no other, and none that is zero or empty."""


def describe(statistics: Json) -> list[tuple[str, str]]:
    """Return a label and a text for everything that a person may want to know about an upload."""
    facts = [
        (label, _text(statistics[name], statistics.get("size_count") if name == "sizes" else None))
        for name, label in LABELS.items()
        if _says_something(statistics.get(name))
    ]
    if "native_size" in statistics:
        facts.append(("Pixels", "as uploaded" if statistics["native_size"] else "resized"))
    if "label_column" in statistics.get("layout", {}):
        facts.append(("Label column", statistics["layout"]["label_column"]))
    return facts


def _says_something(value: object) -> bool:
    """Return whether there is anything to count: an upload without splits has one that is empty."""
    return bool(set(value) - {""}) if isinstance(value, Mapping) else bool(value)


def _text(value: object, total: int | None) -> str:
    """Return a number, or the first counts of a mapping that has `total` in all, its length if None."""
    if not isinstance(value, Mapping):
        return f"{value:,}" if isinstance(value, int) else str(value)
    parts = [f"{name or 'none'}: {count:,}" for name, count in list(value.items())[:SHOWN]]
    left = (len(value) if total is None else total) - len(parts)
    return ", ".join(parts) + (f" and {left:,} more" if left > 0 else "")
