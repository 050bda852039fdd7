"""What else is wrong with the data of an audit, beside single labels: lists of samples, kind by kind."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from app.tables import IssueKind
from models.data_issues import duplicates, outliers
from models.data_issues.duplicates import Groups
from models.data_issues.fingerprints import Fingerprints, take_fingerprints
from models.data_issues.neighbours import Neighbours
from models.kinds.compared_kinds import find_compared_kind
from models.kinds.sample_arrays import Inputs

LISTED_MAX = 100_000
"""Rows of one kind that are listed; all are counted."""
RARE_BELOW = 20
"""A class of fewer samples is too small to be learnt and judged."""
UNREADABLE = frozenset({
    "not_an_image", "unreadable_image", "unsupported_pixels", "too_many_pixels", "missing_picture",
    "bad_member", "member_too_large", "compression_ratio", "unsupported_compression", "missing_file",
    "non_finite_feature", "non_finite_pixels", "bad_row",
})  # fmt: skip
"""Codes of ingestion's problems with content that could not be read, docs/formats.md."""
SCHEMA = pa.schema([
    ("kind", pa.string()), ("number", pa.int32()), ("position", pa.int32()), ("key", pa.string()),
    ("given_label", pa.int32()), ("group_number", pa.int32()), ("score", pa.float32()),
    ("detail", pa.string()),
])  # fmt: skip

Index = npt.NDArray[np.int64]
Counts = dict[str, dict[str, int | None]]


@dataclass(frozen=True, kw_only=True)
class AuditedData:
    """What the lists are made from."""

    inputs: Inputs
    labels_N: npt.NDArray[np.int32]
    """As uploaded, also in a rehearsal."""
    samples: pa.Table
    """`key` and `split` in order of position."""
    class_names: Sequence[str]
    problems: Sequence[tuple[str, str, str]]
    """Key, code and detail of what ingestion met."""
    neighbours: Neighbours | None


@dataclass(frozen=True, kw_only=True)
class _IssueList:
    """The issues of one kind, the most serious first; `count` of them before any were left out."""

    kind: IssueKind
    count: int
    columns: dict[str, Any]
    group_count: int | None = None


def find_issues(looked: AuditedData) -> tuple[pa.Table, Counts]:
    """Return the rows of all lists (SCHEMA), and how many samples and groups each has in all."""
    lists = [
        *_search_pack(looked, take_fingerprints(looked.inputs)),
        _list_unreadable(looked),
        _list_rare_classes(looked),
    ]
    tables = [_build_table(each) for each in lists]
    counts: Counts = {
        str(each.kind): {"count": each.count, "groups": each.group_count} for each in lists if each.count
    }
    return pa.concat_tables(tables), counts


def _build_table(each: _IssueList) -> pa.Table:
    length = min(each.count, LISTED_MAX)
    columns = {
        **each.columns,
        "kind": pa.repeat(str(each.kind), length),
        "number": np.arange(length, dtype=np.int32),
    }
    arrays = [
        pa.array(columns[field.name][:length], field.type)
        if field.name in columns
        else pa.nulls(length, field.type)
        for field in SCHEMA
    ]
    return pa.table(arrays, schema=SCHEMA)


def _search_pack(looked: AuditedData, seen: Fingerprints) -> Iterator[_IssueList]:
    copies = duplicates.exact(seen)
    yield _list_groups(
        looked, IssueKind.EXACT_DUPLICATE, copies, copies.position, sentence="same content as {}"
    )
    together = copies
    if looked.neighbours is not None:
        near = duplicates.near(looked.inputs, seen, looked.neighbours)
        yield _list_groups(
            looked, IssueKind.NEAR_DUPLICATE, near, near.position, sentence="hardly differs from {}"
        )
        together = duplicates.together(copies, near)
        yield _list_outliers(looked, looked.neighbours)
    yield _list_groups(
        looked,
        IssueKind.CONFLICTING_DUPLICATE,
        together,
        looked.labels_N[together.position].astype(np.int64),
        sentence="duplicate of {}, which is given as {}",
        of_partner=np.array(looked.class_names, dtype=object)[looked.labels_N],
    )
    splits = np.array(looked.samples["split"].fill_null("").to_pylist(), dtype=object)
    yield _list_groups(
        looked,
        IssueKind.DUPLICATE_ACROSS_SPLITS,
        together,
        np.unique(splits, return_inverse=True)[1][together.position],
        sentence="duplicate of {} in split {!r}",
        of_partner=splits,
    )
    blank_detail = find_compared_kind(looked.inputs).blank_detail
    yield _list_samples(looked, IssueKind.BLANK, np.flatnonzero(seen.is_blank_N), blank_detail)


def _list_groups(
    looked: AuditedData,
    kind: IssueKind,
    groups: Groups,
    value: Index,
    *,
    sentence: str,
    of_partner: npt.NDArray[np.object_] | None = None,
) -> _IssueList:
    """List the groups whose members differ in a value, each member with the first that differs from it.

    Args:
        looked: what is there.
        kind: of issue.
        groups: duplicates.
        value: of every member.
        sentence: said of a member, filled with its partner's key and, if given, its partner's `of_partner`.
        of_partner: by position.

    """
    kept, partner = duplicates.differing(groups, value)
    position = groups.position[kept]
    shown = position[:LISTED_MAX]
    other = groups.position[partner][:LISTED_MAX]
    keys = looked.samples["key"].take(pa.array(other)).to_pylist()
    extras = [()] * len(shown) if of_partner is None else [(extra,) for extra in of_partner[other]]
    numbers = np.unique(groups.group[kept], return_inverse=True)[1]
    return _IssueList(
        kind=kind,
        count=len(position),
        group_count=int(numbers.max(initial=-1)) + 1,
        columns={
            **_describe_samples(looked, shown),
            "group_number": numbers,
            "score": groups.likeness[kept],
            "detail": [sentence.format(key, *extra) for key, extra in zip(keys, extras, strict=True)],
        },
    )


def _list_outliers(looked: AuditedData, neighbours: Neighbours) -> _IssueList:
    isolation_N = outliers.isolation(neighbours)
    position = np.flatnonzero(outliers.is_outlier(isolation_N))
    position = position[np.argsort(-isolation_N[position], kind="stable")]
    listed = _list_samples(looked, IssueKind.OUTLIER, position, "unlike all others by the network's features")
    return _IssueList(
        kind=listed.kind,
        count=listed.count,
        columns={**listed.columns, "score": isolation_N[position]},
    )


def _list_samples(looked: AuditedData, kind: IssueKind, position: Index, detail: str) -> _IssueList:
    shown = position[:LISTED_MAX]
    columns = {**_describe_samples(looked, shown), "detail": [detail] * len(shown)}
    return _IssueList(kind=kind, count=len(position), columns=columns)


def _describe_samples(looked: AuditedData, position: Index) -> dict[str, Any]:
    return {
        "position": position,
        "key": looked.samples["key"].take(pa.array(position)).combine_chunks(),
        "given_label": looked.labels_N[position],
    }


def _list_unreadable(looked: AuditedData) -> _IssueList:
    problems = [(key, f"{code}: {detail}") for key, code, detail in looked.problems if code in UNREADABLE]
    return _IssueList(
        kind=IssueKind.UNREADABLE,
        count=len(problems),
        columns={"key": [key for key, _ in problems], "detail": [detail for _, detail in problems]},
    )


def _list_rare_classes(looked: AuditedData) -> _IssueList:
    count_K = np.bincount(looked.labels_N, minlength=len(looked.class_names))
    rare = np.flatnonzero((count_K > 0) & (count_K < RARE_BELOW))
    rare = rare[np.argsort(count_K[rare], kind="stable")]
    return _IssueList(
        kind=IssueKind.RARE_CLASS,
        count=len(rare),
        columns={
            "key": [looked.class_names[label] for label in rare.tolist()],
            "given_label": rare,
            "score": count_K[rare],
            "detail": [
                f"only {count} samples; {RARE_BELOW} or more can be judged" for count in count_K[rare]
            ],
        },
    )
