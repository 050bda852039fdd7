"""The counts of two audits side by side, and whether they differ by more than their intervals say."""

from dataclasses import dataclass
from typing import Literal

from sqlalchemy.orm import Session

from app.datasets import dataset_service
from app.reviews.checked_summary import read_summary
from app.tables import Audit, Dataset
from app.versions import lineage

Difference = Literal["unknown", "within", "beyond"]


@dataclass(frozen=True, kw_only=True)
class AuditCount:
    """How many labels an audit says are wrong."""

    audit: Audit
    dataset: Dataset
    sample_count: int
    flagged: int
    interval: tuple[float, float] | None
    """Wrong labels; None: it cannot tell."""
    rests_on: str
    is_checked: bool


def count_wrong_labels(session: Session, audit: Audit) -> AuditCount:
    """Return what an audit says about its labels, after its random checks if there are some."""
    dataset = dataset_service.get(session, audit.dataset_id)
    summary = read_summary(session, audit) or {}
    estimate = summary.get("estimate") or {}
    low_high = estimate.get("interval") if estimate.get("may_claim") else None
    return AuditCount(
        audit=audit,
        dataset=dataset,
        sample_count=int(summary.get("sample_count") or 0),
        flagged=int(summary.get("label_issue_count") or 0),
        interval=None if low_high is None else (float(low_high[0]), float(low_high[1])),
        rests_on=summary.get("rests_on")
        or "By the audit's own evidence, without a check of samples at random",
        is_checked=bool(summary.get("checked")),
    )


def judge_difference(first: AuditCount, second: AuditCount) -> tuple[Difference, str]:
    """Return whether the shares of wrong labels differ by more than the intervals, and a sentence."""
    untold = [count.audit.name for count in (first, second) if count.interval is None]
    if untold:
        return "unknown", (
            f"{' and '.join(map(repr, untold))} cannot tell how many labels are wrong, so it is not known"
            " whether their number has changed. Check samples at random to count them."
        )
    (low, high), (other_low, other_high) = _scale(first), _scale(second)
    if other_high < low or other_low > high:
        way = "fewer" if other_high < low else "more"
        return "beyond", (
            f"The second audit says {way} wrong labels, and the intervals do not overlap, so the difference"
            " is larger than the uncertainty that they state."
        )
    return "within", (
        "The intervals of both counts overlap, so the difference between them may be chance: these counts do"
        " not show that the number of wrong labels has changed."
    )


def _scale(count: AuditCount) -> tuple[float, float]:
    assert count.interval is not None
    return count.interval[0] / count.sample_count, count.interval[1] / count.sample_count


def list_caveats(session: Session, first: AuditCount, second: AuditCount) -> list[str]:
    """Return what to keep in mind about a comparison."""
    caveats = []
    told = [count for count in (first, second) if count.interval is not None]
    unchecked = [count.audit.name for count in told if not count.is_checked]
    if unchecked:
        caveats.append(
            f"The count of {' and '.join(map(repr, unchecked))} is the audit's own estimate; nobody has"
            " checked it at random."
        )
    if second.dataset.id != first.dataset.id and _descends(session, second.dataset, first.dataset):
        caveats.append(
            "The second dataset is a later version of the first one. Where its corrections followed audits,"
            " its own audit no longer sees what they found hard, so a lower count is no independent evidence:"
            " only a check of the second dataset at random is."
        )
    if first.audit.configuration != second.audit.configuration:
        caveats.append(
            "The audits have different configurations, so ranks and scores may differ by that alone."
        )
    else:
        caveats.append("Ranks and scores also move by chance when networks are trained again.")
    return caveats


def _descends(session: Session, dataset: Dataset, ancestor: Dataset) -> bool:
    versions = {version.id: version for version in lineage.list_versions(session, dataset)}
    place: Dataset | None = dataset
    while place is not None and place.parent_id is not None:
        if place.parent_id == ancestor.id:
            return True
        place = versions.get(place.parent_id)
    return False
