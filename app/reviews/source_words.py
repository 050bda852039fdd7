"""What stands out among people's own columns, in words."""

from app.reviews.error_sources import ErrorSources, Judged


def describe_findings(sources: ErrorSources) -> list[str]:
    """Return a sentence for each value with more wrong labels than the other samples, the worst first."""
    found = [
        (column.name, judged)
        for column, groups in sources.columns
        for judged in groups
        if judged.share.finding == "more"
    ]
    found.sort(key=lambda each: (-(each[1].share.share or 0.0), each[1].share.place))
    return [f"{name} {_name_value(judged)}: {_describe(sources, judged)}" for name, judged in found]


def _name_value(judged: Judged) -> str:
    return "without a value" if judged.group.value is None else judged.group.value


def _describe(sources: ErrorSources, judged: Judged) -> str:
    share = judged.share
    if share.share is None or share.low is None or share.high is None:
        return (
            f"its {share.count:,} labels are more suspicious than the others; how many are wrong cannot be"
            " told yet"
        )
    wrong = "wrong" if sources.basis == "checks" else "probably wrong"
    return (
        f"{share.share:.0%} ({share.low:.0%} to {share.high:.0%}) of its {share.count:,} labels are {wrong},"
        f" more than of the others ({sources.rests_on})"
    )
