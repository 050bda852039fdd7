"""The figures that a gate judges: shares of wrong labels with intervals, conflicts, and what is new.

Shape suffix: N samples in order of rank.
"""

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from sqlalchemy import Connection, Integer, any_, cast, select
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.orm import Session

from app.infra.storage import Storage
from app.reviews.audit_opinion import DecidedSamples, form_opinion
from app.reviews.verdicts import require_own_labels
from app.tables import Audit, Issue, IssueKind, Score
from app.versions.audit_comparison import AuditComparison, compare_audits
from app.versions.compared_counts import AuditCount, count_wrong_labels
from app.versions.dataset_comparison import ADDED, RELABELLED
from models.checks.group_shares import Opinion, measure_shares


@dataclass(frozen=True, kw_only=True)
class Interval:
    """The 95 % interval of a share, in [0, 1]."""

    low: float
    high: float


@dataclass(frozen=True, kw_only=True)
class Measured:
    """The wrong labels among some samples."""

    subject: str | None
    """The class; None: no class."""
    samples: int
    interval: Interval | None
    """None: cannot tell, or there are no samples."""


@dataclass(frozen=True, kw_only=True)
class Conflict:
    """Duplicates with different labels."""

    keys: Sequence[str]
    is_new: bool
    """Whether one of them is new, or has another label, since the baseline; always without one."""


@dataclass(frozen=True, kw_only=True)
class Conflicts:
    """The groups of duplicates with different labels."""

    count: int
    listed: Sequence[Conflict]
    """Fewer than `count` where an audit has more than it lists."""


@dataclass(frozen=True, kw_only=True)
class GateFigures:
    """What a gate judges."""

    sample_count: int
    left_out: int
    """Problems of reading: samples that nobody has judged, and warnings."""
    rests_on: str | None
    """None: the audit cannot tell how many labels are wrong."""
    is_checked: bool
    """Whether people checked samples at random, so that counts do not rest on networks alone."""
    reasons: Sequence[str]
    """Why the audit cannot tell how many labels are wrong; empty: it can."""
    total: Measured
    classes: Sequence[Measured]
    """Intervals that hold together."""
    new: Measured | None
    """Samples that are new, or have another label, since the baseline; None: there is no baseline."""
    conflicts: Conflicts | None
    """None: an earlier version made the audit and did not look for them."""
    since: AuditComparison | None
    """The baseline's audit compared with this one."""


def read_figures(session: Session, storage: Storage, audit: Audit, baseline: Audit | None) -> GateFigures:
    """Return the figures of an audit that has succeeded.

    Raises:
        Invalid: an audit is a rehearsal, or the two have no sample in common.
        WrongState: the baseline has not succeeded, or a dataset was read without digests.

    """
    require_own_labels(audit)
    since = (
        None if baseline is None else compare_audits(session, storage, baseline, audit, state=None, limit=0)
    )
    counted = count_wrong_labels(session, audit)
    opinion, _, _ = form_opinion(session.connection(), audit)
    opinion = DecidedSamples.read(session.connection(), audit, len(opinion.given_N)).decide(opinion)
    changed = _find_changed(since)
    return GateFigures(
        sample_count=counted.sample_count,
        left_out=counted.dataset.problem_count or 0,
        rests_on=None if counted.interval is None else counted.rests_on,
        is_checked=counted.is_checked,
        reasons=_list_reasons(audit, counted),
        total=_measure_total(counted),
        classes=_measure_classes(opinion, counted.dataset.class_names or []),
        new=None if since is None else _measure_new(session.connection(), audit, opinion, changed),
        conflicts=_read_conflicts(session, audit, None if since is None else changed),
        since=since,
    )


def _find_changed(since: AuditComparison | None) -> set[int]:
    """Return the positions of the samples that are new or have another label."""
    if since is None or since.datasets is None:
        return set()
    changes = since.datasets.changes
    return {
        change.second[0]
        for change in changes
        if change.what in (ADDED, RELABELLED) and change.second is not None
    }


def _list_reasons(audit: Audit, counted: AuditCount) -> list[str]:
    if counted.interval is not None:
        return []
    estimate = (audit.summary or {}).get("estimate") or {}
    return [reason["detail"] for reason in estimate.get("reasons", ())]


def _measure_total(counted: AuditCount) -> Measured:
    samples = counted.sample_count
    if counted.interval is None or not samples:
        return Measured(subject=None, samples=samples, interval=None)
    low, high = (end / samples for end in counted.interval)
    return Measured(subject=None, samples=samples, interval=Interval(low=low, high=high))


def _measure_classes(opinion: Opinion, names: Sequence[str]) -> list[Measured]:
    """Measure the classes that have samples."""
    ranks_K = {
        label: np.flatnonzero(opinion.given_N == label) + 1 for label in np.unique(opinion.given_N).tolist()
    }
    intervals = _measure_groups(list(ranks_K.values()), opinion)
    return [
        Measured(subject=names[label], samples=len(ranks), interval=interval)
        for (label, ranks), interval in zip(ranks_K.items(), intervals, strict=True)
    ]


def _measure_groups(groups: Sequence[npt.NDArray[np.int64]], opinion: Opinion) -> list[Interval | None]:
    if opinion.error_probability_N is None:
        return [None] * len(groups)
    shares = measure_shares(groups, opinion, together=len(groups))
    return [Interval(low=low, high=high) for _, low, high in shares]


def _measure_new(
    connection: Connection, audit: Audit, opinion: Opinion, changed: Collection[int]
) -> Measured:
    is_changed = Score.position == any_(cast(list(changed), ARRAY(Integer)))
    wanted = select(Score.rank).where(Score.audit_id == audit.id, is_changed)
    ranks = np.array(connection.scalars(wanted).all(), np.int64)
    interval = _measure_groups([ranks], opinion)[0] if len(ranks) else None
    return Measured(subject=None, samples=len(ranks), interval=interval)


def _read_conflicts(session: Session, audit: Audit, changed: Collection[int] | None) -> Conflicts | None:
    """Read the conflicts; `changed`: the positions that are new since the baseline, None: there is none."""
    counts = (audit.summary or {}).get("issues")
    if counts is None:
        return None
    statement = select(Issue.group_number, Issue.position, Issue.key).where(
        Issue.audit_id == audit.id, Issue.kind == IssueKind.CONFLICTING_DUPLICATE
    )
    members: dict[int | None, list[tuple[int | None, str]]] = defaultdict(list)
    for group, position, key in session.execute(statement.order_by(Issue.number)):
        members[group].append((position, key))
    listed = [
        Conflict(
            keys=[key for _, key in group],
            is_new=changed is None or any(position in changed for position, _ in group),
        )
        for group in members.values()
    ]
    groups = (counts.get(IssueKind.CONFLICTING_DUPLICATE) or {}).get("groups") or 0
    return Conflicts(count=max(len(listed), groups), listed=listed)
