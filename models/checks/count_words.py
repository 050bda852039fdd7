"""How many labels are wrong, in words that are never surer than the figures."""

from collections.abc import Mapping
from typing import Any


def describe_count(summary: Mapping[str, Any]) -> str:
    """Return how many labels are wrong by the summary of an audit; where that cannot be told, it says so."""
    estimate = summary.get("estimate")
    if estimate is None:
        return "This server says nothing about how many labels are wrong."
    if estimate["may_claim"]:
        low, high = estimate["interval"]
        if summary.get("checked"):
            share = f"{low:,.0f} to {high:,.0f} of {estimate['sample_count']:,} labels"
            return f"{share} are wrong ({summary['rests_on']})."
        return (
            f"About {low:,.0f} to {high:,.0f} of {estimate['sample_count']:,} labels are probably wrong, by"
            " this audit's own evidence; nobody has checked it."
        )
    reasons = " ".join(reason["detail"] for reason in estimate["reasons"])
    return f"Cannot tell yet how many labels are wrong. {reasons} Check 100 samples at random."
