"""Issues of the geometry of boxes: those that overlap, leave their picture, or are tiny.

Shape suffixes: N samples, P pairs.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from app.tables import IssueKind

SAME_PLACE = 0.9
"""Two boxes of one class whose overlap is at least this are one object, boxed twice."""
SAME_OBJECT = 0.5
"""Two boxes with at least this overlap (area in both by area in either) are of one object, by the
criterion of Pascal VOC (Everingham et al. 2010, section 4.2)."""
TINY_BELOW = 16
"""Pixels of the longer side."""
ROUNDING = 1.0
"""Pixels by which a box may leave its picture: programs round, and some count pixels from 1."""
STEPS_MOST = 1_000
"""Boxes to the right with which each is compared in its picture."""
COLUMNS = ("box_left", "box_top", "box_width", "box_height", "width", "height", "picture")
NONE: npt.NDArray[np.int64] = np.empty(0, dtype=np.int64)

Index = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class BoxIssues:
    """The boxes of one kind, the most serious first; pairs stand one after the other."""

    kind: IssueKind
    position: Index
    score: Floats
    detail: Sequence[str]
    group: Index | None = None
    """Number of the pair."""


def has_boxes(samples: pa.Table) -> bool:
    """Return whether samples are boxes in pictures."""
    is_there = set(COLUMNS) <= set(samples.column_names)
    return is_there and len(samples) > 0 and bool(samples["box_left"].null_count == 0)


def find_box_issues(samples: pa.Table, labels_N: npt.NDArray[np.int32]) -> Iterator[BoxIssues]:
    """Yield the issues of each kind."""
    columns = [samples[name].to_numpy().astype(np.float64) for name in COLUMNS]
    left_N, top_N, width_N, height_N, across_N, down_N, picture_N = columns
    edges_N4 = np.column_stack([left_N, top_N, left_N + width_N, top_N + height_N])
    yield from _find_pairs(samples, edges_N4, picture_N, labels_N)
    yield _find_clipped(edges_N4, across_N, down_N)
    longer_N = np.maximum(width_N, height_N)
    tiny = np.flatnonzero(longer_N < TINY_BELOW)
    tiny = tiny[np.argsort(longer_N[tiny], kind="stable")]
    sizes = zip(width_N[tiny].tolist(), height_N[tiny].tolist(), strict=True)
    yield BoxIssues(
        kind=IssueKind.TINY_BOX,
        position=tiny,
        score=longer_N[tiny],
        detail=[f"{across:.3g} x {down:.3g} pixels: too few to tell a class" for across, down in sizes],
    )


def _find_clipped(edges_N4: Floats, across_N: Floats, down_N: Floats) -> BoxIssues:
    beyond_N = np.max(
        [-edges_N4[:, 0], -edges_N4[:, 1], edges_N4[:, 2] - across_N, edges_N4[:, 3] - down_N], axis=0
    )
    inside_N = (np.minimum(edges_N4[:, 2], across_N) - np.maximum(edges_N4[:, 0], 0)) * (
        np.minimum(edges_N4[:, 3], down_N) - np.maximum(edges_N4[:, 1], 0)
    )
    share_N = 1 - inside_N / _measure_area(edges_N4)
    clipped = np.flatnonzero(beyond_N > ROUNDING)
    clipped = clipped[np.argsort(-share_N[clipped], kind="stable")]
    return BoxIssues(
        kind=IssueKind.CLIPPED_BOX,
        position=clipped,
        score=share_N[clipped],
        detail=[f"{share:.1%} of its area lies outside of the picture" for share in share_N[clipped]],
    )


def _measure_area(edges_N4: Floats) -> Floats:
    area_N: Floats = (edges_N4[:, 2] - edges_N4[:, 0]) * (edges_N4[:, 3] - edges_N4[:, 1])
    return area_N


def _find_pairs(
    samples: pa.Table, edges_N4: Floats, picture_N: Floats, labels_N: npt.NDArray[np.int32]
) -> Iterator[BoxIssues]:
    first_P, second_P, overlap_P = _compare_boxes(edges_N4, picture_N)
    is_alike_P = labels_N[first_P] == labels_N[second_P]
    for kind, chosen_P, words in (
        (IssueKind.DUPLICATE_BOX, is_alike_P & (overlap_P >= SAME_PLACE), "the same class"),
        (IssueKind.OVERLAPPING_BOXES, ~is_alike_P & (overlap_P >= SAME_OBJECT), "another class"),
    ):
        order = np.flatnonzero(chosen_P)
        order = order[np.lexsort((first_P[order], -overlap_P[order]))]
        position = np.column_stack([first_P[order], second_P[order]]).reshape(-1)
        other = np.column_stack([second_P[order], first_P[order]]).reshape(-1)
        score = np.repeat(overlap_P[order], 2)
        keys = samples["key"].take(pa.array(other)).to_pylist()
        yield BoxIssues(
            kind=kind,
            position=position,
            score=score,
            detail=[
                f"shares {share:.0%} of the area with {key}, which has {words}"
                for share, key in zip(score, keys, strict=True)
            ],
            group=np.repeat(np.arange(len(order)), 2),
        )


def _compare_boxes(edges_N4: Floats, picture_N: Floats) -> tuple[Index, Index, Floats]:
    """Return the pairs of boxes of one picture that overlap by SAME_OBJECT or more, and their overlap.

    Boxes are put in order of their left edges: each is compared with those that follow, as long as they begin
    before it ends.
    """
    order = np.lexsort((edges_N4[:, 0], picture_N))
    edges, picture, area = edges_N4[order], picture_N[order], _measure_area(edges_N4[order])
    waiting = np.arange(len(order))
    found: list[tuple[Index, Index, Floats]] = []
    for step in range(1, STEPS_MOST + 1):
        waiting = waiting[waiting + step < len(order)]
        other = waiting + step
        touches = (picture[waiting] == picture[other]) & (edges[other, 0] < edges[waiting, 2])
        waiting, other = waiting[touches], other[touches]
        if not len(waiting):
            break
        across = np.minimum(edges[waiting, 2], edges[other, 2]) - edges[other, 0]
        down = np.minimum(edges[waiting, 3], edges[other, 3]) - np.maximum(edges[waiting, 1], edges[other, 1])
        both = across * np.maximum(down, 0)
        overlap = both / (area[waiting] + area[other] - both)
        is_near = overlap >= SAME_OBJECT
        found.append((order[waiting[is_near]], order[other[is_near]], overlap[is_near]))
    if not found:
        return NONE, NONE, np.empty(0)
    one, other, overlaps = (np.concatenate(parts) for parts in zip(*found, strict=True))
    return np.minimum(one, other), np.maximum(one, other), overlaps
