"""What of a verdict holds when the label may have changed: every case by hand."""

import pytest

from app.tables import Verdict
from app.versions.carried_verdicts import Decided, carry

KEEP, RELABEL, DROP, UNSURE = Verdict.KEEP, Verdict.RELABEL, Verdict.DROP, Verdict.UNSURE


@pytest.mark.parametrize(
    ("decided", "given_now", "expected"),
    [
        ((KEEP, None), "ant", (KEEP, None)),
        ((KEEP, None), "bee", None),  # somebody changed what was said to be right
        ((RELABEL, "bee"), "bee", (KEEP, None)),  # decided: the label is bee now
        ((RELABEL, "bee"), "ant", (RELABEL, "bee")),  # not applied yet
        ((RELABEL, "bee"), "cat", None),  # became a third one
        ((DROP, None), "ant", (DROP, None)),  # still there, with the same label
        ((DROP, None), "bee", None),
        ((UNSURE, None), "ant", (UNSURE, None)),
        ((UNSURE, None), "bee", None),
    ],
)
def test_a_verdict_is_carried_over_where_it_still_says_something(
    decided: Decided, given_now: str, expected: Decided | None
) -> None:
    assert carry(decided, given_before="ant", given_now=given_now) == expected
