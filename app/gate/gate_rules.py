"""The rules of a gate: each compares one figure with its limit, by the lower end of its interval."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from app.gate.gate_figures import Conflicts, GateFigures, Interval, Measured
from app.versions.compared_counts import AuditCount

Outcome = Literal["within", "undecided", "exceeded", "cannot_tell"]
Verdict = Literal["passed", "failed", "cannot_tell"]
Rule = Literal["max_noise", "max_class_noise", "max_new_noise", "no_conflicts", "not_worse"]
KEYS_SHOWN = 3
UNSEEN = (
    "Wrong labels that follow a rule, such as all red ones of a class, look like right labels to any model"
    " and are not counted; a check of samples at random shows them."
)


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What a gate demands; shares in [0, 1], None: not demanded."""

    max_noise: float | None = None
    max_class_noise: float | None = None
    max_new_noise: float | None = None
    no_conflicts: bool = False
    not_worse: bool = False

    @property
    def need_baseline(self) -> bool:
        """Return whether a rule compares with a baseline."""
        return self.max_new_noise is not None or self.not_worse

    @property
    def are_empty(self) -> bool:
        """Return whether nothing is demanded."""
        shares = (self.max_noise, self.max_class_noise, self.max_new_noise)
        return all(share is None for share in shares) and not self.no_conflicts and not self.not_worse


@dataclass(frozen=True, kw_only=True)
class Check:
    """A rule applied to one figure."""

    rule: Rule
    subject: str | None = None
    """The class; None: the rule is about no class."""
    outcome: Outcome
    detail: str
    limit: float | None = None
    interval: Interval | None = None
    samples: int


def judge(figures: GateFigures, limits: Limits) -> list[Check]:
    """Return the checks of all rules that are demanded; `not_worse` and `max_new_noise` need a baseline.

    A share exceeds its limit if the whole interval lies above it, so that the same data do not pass once and
    fail once because networks were trained again. It is within if the whole interval lies below. Between, it
    is undecided: not shown to be too high, and not shown to be low enough.
    """
    return list(_apply_rules(figures, limits))


def conclude(checks: Sequence[Check]) -> Verdict:
    """Return what the checks come to: one that fails outweighs one that cannot tell."""
    outcomes = {check.outcome for check in checks}
    if "exceeded" in outcomes:
        return "failed"
    return "cannot_tell" if "cannot_tell" in outcomes else "passed"


def describe_unseen(figures: GateFigures, checks: Sequence[Check]) -> str | None:
    """Return what no share of wrong labels counts; None: no share was judged, or people checked at random."""
    has_share = any(check.interval is not None for check in checks)
    return UNSEEN if has_share and not figures.is_checked else None


def _apply_rules(figures: GateFigures, limits: Limits) -> Iterator[Check]:
    why = " ".join(figures.reasons) or "This audit does not say how many labels are wrong."
    if limits.max_noise is not None:
        yield _check_share("max_noise", figures.total, limits.max_noise, why)
    if limits.max_class_noise is not None:
        yield from _check_classes(figures.classes, limits.max_class_noise, why)
    if limits.max_new_noise is not None and figures.new is not None:
        yield _check_new(figures.new, limits.max_new_noise, why)
    if limits.no_conflicts:
        yield _check_conflicts(figures)
    if limits.not_worse:
        yield _check_difference(figures)


def _check_share(rule: Rule, measured: Measured, limit: float, why: str) -> Check:
    interval = measured.interval
    if interval is None:
        outcome: Outcome = "cannot_tell"
        detail = f"how many labels are wrong cannot be told: {why}"
    else:
        outcome, words = _compare(interval, limit)
        ends = f"{format_share(interval.low)} to {format_share(interval.high)}"
        detail = f"{ends} of {measured.samples:,} labels are wrong{words}"
    return Check(
        rule=rule,
        subject=measured.subject,
        outcome=outcome,
        detail=detail,
        limit=limit,
        interval=interval,
        samples=measured.samples,
    )


def _compare(interval: Interval, limit: float) -> tuple[Outcome, str]:
    allowed = format_share(limit)
    if interval.low > limit:
        return "exceeded", f", more than {allowed}"
    if interval.high <= limit:
        return "within", f", no more than {allowed}"
    return "undecided", f"; whether that is more than {allowed} is not certain"


def _check_classes(classes: Sequence[Measured], limit: float, why: str) -> Iterator[Check]:
    """Check every class; where nothing can be told, all of them at once."""
    if all(each.interval is None for each in classes):
        samples = sum(each.samples for each in classes)
        yield _check_share(
            "max_class_noise", Measured(subject=None, samples=samples, interval=None), limit, why
        )
        return
    for each in classes:
        yield _check_share("max_class_noise", each, limit, why)


def _check_new(new: Measured, limit: float, why: str) -> Check:
    if new.samples:
        return _check_share("max_new_noise", new, limit, why)
    detail = "no sample is new, and none has another label, since the baseline"
    return Check(rule="max_new_noise", outcome="within", detail=detail, limit=limit, samples=0)


def _check_conflicts(figures: GateFigures) -> Check:
    conflicts = figures.conflicts
    if conflicts is None:
        outcome: Outcome = "cannot_tell"
        detail = "an earlier version made this audit and did not look for duplicates with different labels"
    else:
        outcome, detail = _judge_conflicts(conflicts, has_baseline=figures.since is not None)
    return Check(rule="no_conflicts", outcome=outcome, detail=detail, samples=figures.sample_count)


def _judge_conflicts(conflicts: Conflicts, *, has_baseline: bool) -> tuple[Outcome, str]:
    since = " since the baseline" if has_baseline else ""
    new = [conflict for conflict in conflicts.listed if conflict.is_new]
    if new:
        keys = "; ".join(", ".join(conflict.keys[:KEYS_SHOWN]) for conflict in new[:KEYS_SHOWN])
        return "exceeded", f"{_count_groups(len(new))} with different labels{since}: {keys}"
    if conflicts.count > len(conflicts.listed):
        return "cannot_tell", (
            f"{_count_groups(conflicts.count)} with different labels, more than the audit lists, so it is not"
            " known which are new"
        )
    known = f"; {_count_groups(conflicts.count)} were there before" if conflicts.count else ""
    return "within", f"no duplicates with different labels{since}{known}"


def _count_groups(count: int) -> str:
    return f"{count:,} group{'s' if count != 1 else ''} of duplicates"


def _check_difference(figures: GateFigures) -> Check:
    assert figures.since is not None, "the rule needs a baseline"
    since = figures.since
    if since.difference == "unknown":
        outcome: Outcome = "cannot_tell"
    elif since.difference == "within":
        outcome = "undecided"
    else:
        outcome = "exceeded" if _find_least(since.second) > _find_least(since.first) else "within"
    return Check(
        rule="not_worse",
        outcome=outcome,
        detail=since.detail,
        interval=figures.total.interval,
        samples=figures.sample_count,
    )


def _find_least(count: AuditCount) -> float:
    assert count.interval is not None, "their difference is known"
    return count.interval[0] / count.sample_count


def format_share(share: float) -> str:
    """Return a share in percent; one that is neither nothing nor all is not rounded to it."""
    percent = f"{100 * share:.2f} %"
    if percent == "0.00 %" and share > 0:
        return "under 0.01 %"
    return "over 99.99 %" if percent == "100.00 %" and share < 1 else percent
