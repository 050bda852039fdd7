"""Versions and comparisons in sentences."""

from collections.abc import Iterator

from app.client import Json

STATES = {
    "relabelled": "got another label",
    "dropped": "were dropped",
    "added": "are new",
    "new_suspect": "are flagged now and were not before",
    "cleared": "were flagged and are not any more, with the same label",
    "still_suspect": "are flagged by both",
}


def describe_origin(lineage: Json) -> Iterator[str]:
    """Yield how a version came to be, what is carried over, and what to beware of."""
    origin = lineage["origin"]
    if origin is None:
        return
    parent = origin["parent"]
    yield (
        f"Version {lineage['version']} of {parent['name']!r} (version {parent['version']}):"
        f" {origin['relabelled']:,} labels changed, {origin['dropped']:,} samples dropped,"
        f" {origin['carried']:,} verdicts carried over."
    )
    remaining = origin.get("remaining")
    if remaining is not None:
        dropped = remaining.get("dropped", 0)
        less = f", and as many of the {dropped:,} dropped samples as had wrong labels" if dropped else ""
        yield (
            f"{remaining['low']:,.0f} to {remaining['high']:,.0f} of its labels are still wrong, as far as"
            f" the corrections are right ({remaining['rests_on']} of version {parent['version']}, less"
            f" {remaining['corrected']:,} corrections{less})."
        )
    for warning in origin.get("warnings", ()):
        yield f"warning: {warning}."
    yield from origin.get("not_carried", ())


def describe_relatives(lineage: Json) -> Iterator[str]:
    """Yield whose samples an upload has: the nearest dataset alone; and what was made of it."""
    origin = lineage.get("origin")
    if origin is not None and origin["how"] == "content":
        yield "note: it is exactly what the verdicts make of its parent, so it became a version of it:"
        yield from describe_origin(lineage)
        return
    relatives = lineage.get("relatives") or ()
    if not relatives:
        return
    other, more = relatives[0], len(relatives) - 1
    told = (
        "the same samples with the same labels"
        if other["is_same"]
        else f"{other['shared']:,} of these samples, {other['relabelled']:,} with another label"
    )
    others = f" ({more} more {'has' if more == 1 else 'have'} such samples: see its page)" if more else ""
    yield (
        f"note: {other['name']!r} (version {other['version']}) has {told}; if this is a version of it:"
        f" limit-audit dataset parent @last {other['id']}{others}"
    )


def describe_differences(found: Json) -> Iterator[str]:
    """Yield what differs between a dataset and the place of its files."""
    yield f"{found['new']:,} new, {found['changed']:,} changed, {found['gone']:,} gone"
    for kind in ("new", "changed", "gone"):
        names = found["examples"][kind]
        if names:
            more = found[kind] - len(names)
            yield f"{kind}: {', '.join(names)}{f' and {more:,} more' if more else ''}"


def describe_changes(found: Json) -> str:
    """Return what differs between two datasets."""
    first, second = found["first"], found["second"]
    return (
        f"{first['name']!r} (version {first['version']}) and {second['name']!r} (version"
        f" {second['version']}) share {found['shared']:,} samples: {found['relabelled']:,} labels changed,"
        f" {found['dropped']:,} samples dropped, {found['added']:,} new."
    )


def describe_comparison(found: Json) -> Iterator[str]:
    """Yield both counts, whether they differ, and what became of the suspects."""
    for side in ("first", "second"):
        audit = found[side]
        interval = audit["interval"]
        count = (
            "cannot tell how many labels are wrong"
            if interval is None
            else f"{interval[0]:,.0f} to {interval[1]:,.0f} of {audit['sample_count']:,} labels wrong"
            f" ({audit['rests_on']})"
        )
        dataset = audit["dataset"]
        flagged = f"{audit['flagged']:,} {'to look at first' if interval is None else 'flagged'}"
        yield f"{audit['name']!r} of {dataset['name']!r} (version {dataset['version']}): {count}; {flagged}"
    yield found["detail"]
    for caveat in found["caveats"]:
        yield f"note: {caveat}"
    for state, number in found["states"].items():
        if number:
            yield f"{number:,} samples {STATES[state]} ({state})"
