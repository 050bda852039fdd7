"""Issues of the data besides wrong labels, such as duplicates and outliers: one list for each kind."""

from collections.abc import Iterator, Sequence
from collections.abc import Set as AbstractSet
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
from worker.finish.box_issues import find_box_issues, has_boxes
from worker.finish.text_issues import find_foreign_scripts

LISTED_MAX = 100_000
"""Rows of one kind that are stored; all are counted."""
RARE_BELOW = 20
"""A class with fewer samples is too small to be learned and audited."""
UNREADABLE = frozenset({
    "not_an_image", "unreadable_image", "unsupported_pixels", "too_many_pixels", "missing_picture",
    "bad_member", "member_too_large", "compression_ratio", "unsupported_compression", "missing_file",
    "non_finite_feature", "non_finite_pixels", "bad_row", "empty_text", "bad_text",
})  # fmt: skip
"""Codes of ingestion's problems that mean unreadable content (docs/formats.md)."""
UNUSABLE_BOXES = frozenset({"box_not_finite", "box_inverted", "box_empty", "box_outside"})
"""Codes of ingestion's problems with the place of a box."""
SCHEMA = pa.schema([
    ("kind", pa.string()), ("number", pa.int32()), ("position", pa.int32()), ("key", pa.string()),
    ("given_label", pa.int32()), ("group_number", pa.int32()), ("score", pa.float32()),
    ("detail", pa.string()),
])  # fmt: skip

Index = npt.NDArray[np.int64]
Counts = dict[str, dict[str, int | None]]


@dataclass(frozen=True, kw_only=True)
class AuditedData:
    """The data in which issues are searched."""

    inputs: Inputs
    labels_N: npt.NDArray[np.int32]
    """As uploaded, also in a rehearsal."""
    samples: pa.Table
    """`key` and `split` in order of position; of boxes also where they lie."""
    class_names: Sequence[str]
    problems: Sequence[tuple[str, str, str]]
    """Key, code and detail of ingestion's problems."""
    neighbours: Neighbours | None
    texts: Sequence[str] = ()
    """In order of position; empty: the samples are none."""


@dataclass(frozen=True, kw_only=True)
class _IssueList:
    """The issues of one kind, the most serious first; `count` also counts those that are not listed."""

    kind: IssueKind
    count: int
    columns: dict[str, Any]
    group_count: int | None = None


def find_issues(data: AuditedData) -> tuple[pa.Table, Counts]:
    """Return the rows of all lists (SCHEMA), and the number of samples and groups in each."""
    lists = [
        *_search_pack(data, take_fingerprints(data.inputs)),
        _list_problems(data, IssueKind.UNREADABLE, UNREADABLE),
        _list_rare_classes(data),
        *_list_boxes(data),
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


def _search_pack(data: AuditedData, fingerprints: Fingerprints) -> Iterator[_IssueList]:
    copies = duplicates.find_exact_duplicates(fingerprints)
    yield _list_groups(
        data, IssueKind.EXACT_DUPLICATE, copies, copies.position, sentence="same content as {}"
    )
    together = copies
    if data.neighbours is not None:
        near = duplicates.find_near_duplicates(data.inputs, fingerprints, data.neighbours)
        yield _list_groups(
            data, IssueKind.NEAR_DUPLICATE, near, near.position, sentence="hardly differs from {}"
        )
        together = duplicates.merge_groups(copies, near)
    yield _list_groups(
        data,
        IssueKind.CONFLICTING_DUPLICATE,
        together,
        data.labels_N[together.position].astype(np.int64),
        sentence="duplicate of {}, which is given as {}",
        of_partner=np.array(data.class_names, dtype=object)[data.labels_N],
    )
    splits = np.array(data.samples["split"].fill_null("").to_pylist(), dtype=object)
    yield _list_groups(
        data,
        IssueKind.DUPLICATE_ACROSS_SPLITS,
        together,
        np.unique(splits, return_inverse=True)[1][together.position],
        sentence="duplicate of {} in split {!r}",
        of_partner=splits,
    )
    yield _list_outliers(data)
    blank_detail = find_compared_kind(data.inputs).blank_detail
    yield _list_samples(data, IssueKind.BLANK, np.flatnonzero(fingerprints.is_blank_N), blank_detail)


def _list_groups(
    data: AuditedData,
    kind: IssueKind,
    groups: Groups,
    value: Index,
    *,
    sentence: str,
    of_partner: npt.NDArray[np.object_] | None = None,
) -> _IssueList:
    """List the groups whose members differ in a value, each member with the first member that differs.

    Args:
        data: the audit's data.
        kind: kind of issue.
        groups: duplicates.
        value: the value of every member.
        sentence: detail of a member, formatted with its partner's key and its partner's `of_partner`, if any.
        of_partner: by position.

    """
    kept, partner = duplicates.find_differing(groups, value)
    position = groups.position[kept]
    listed = position[:LISTED_MAX]
    other = groups.position[partner][:LISTED_MAX]
    keys = data.samples["key"].take(pa.array(other)).to_pylist()
    extras = [()] * len(listed) if of_partner is None else [(extra,) for extra in of_partner[other]]
    numbers = np.unique(groups.group[kept], return_inverse=True)[1]
    return _IssueList(
        kind=kind,
        count=len(position),
        group_count=int(numbers.max(initial=-1)) + 1,
        columns={
            **_describe_samples(data, listed),
            "group_number": numbers,
            "score": groups.likeness[kept],
            "detail": [sentence.format(key, *extra) for key, extra in zip(keys, extras, strict=True)],
        },
    )


def _list_outliers(data: AuditedData) -> _IssueList:
    """List texts in a foreign script, then what is far from all else."""
    foreign, scripts = find_foreign_scripts(data.texts)
    isolation_N = np.full(len(data.labels_N), np.nan)
    position = np.empty(0, np.int64)
    if data.neighbours is not None:
        isolation_N = outliers.measure_isolation(data.neighbours)
        position = np.setdiff1d(np.flatnonzero(outliers.is_outlier(isolation_N)), foreign)
        position = position[np.argsort(-isolation_N[position], kind="stable")]
    listed = np.concatenate([foreign, position])
    details = [f"mostly in {script}, as hardly any other text is" for script in scripts]
    details += ["far from all other samples in the network's features"] * len(position)
    columns = {
        **_describe_samples(data, listed[:LISTED_MAX]),
        "score": pa.array(isolation_N[listed], from_pandas=True),
        "detail": details,
    }
    return _IssueList(kind=IssueKind.OUTLIER, count=len(listed), columns=columns)


def _list_samples(data: AuditedData, kind: IssueKind, position: Index, detail: str) -> _IssueList:
    listed = position[:LISTED_MAX]
    columns = {**_describe_samples(data, listed), "detail": [detail] * len(listed)}
    return _IssueList(kind=kind, count=len(position), columns=columns)


def _describe_samples(data: AuditedData, position: Index) -> dict[str, Any]:
    return {
        "position": position,
        "key": data.samples["key"].take(pa.array(position)).combine_chunks(),
        "given_label": data.labels_N[position],
    }


def _list_boxes(data: AuditedData) -> Iterator[_IssueList]:
    if not has_boxes(data.samples):
        return
    for found in find_box_issues(data.samples, data.labels_N):
        listed = found.position[:LISTED_MAX]
        columns = {
            **_describe_samples(data, listed),
            "score": found.score,
            "detail": found.detail,
            **({} if found.group is None else {"group_number": found.group}),
        }
        groups = None if found.group is None else len(np.unique(found.group))
        yield _IssueList(kind=found.kind, count=len(found.position), columns=columns, group_count=groups)
    yield _list_problems(data, IssueKind.UNUSABLE_BOX, UNUSABLE_BOXES)
    yield _list_problems(data, IssueKind.PICTURE_WITHOUT_BOXES, {"picture_without_boxes"})


def _list_problems(data: AuditedData, kind: IssueKind, codes: AbstractSet[str]) -> _IssueList:
    problems = [(key, f"{code}: {detail}") for key, code, detail in data.problems if code in codes]
    return _IssueList(
        kind=kind,
        count=len(problems),
        columns={"key": [key for key, _ in problems], "detail": [detail for _, detail in problems]},
    )


def _list_rare_classes(data: AuditedData) -> _IssueList:
    count_K = np.bincount(data.labels_N, minlength=len(data.class_names))
    rare = np.flatnonzero((count_K > 0) & (count_K < RARE_BELOW))
    rare = rare[np.argsort(count_K[rare], kind="stable")]
    return _IssueList(
        kind=IssueKind.RARE_CLASS,
        count=len(rare),
        columns={
            "key": [data.class_names[label] for label in rare.tolist()],
            "given_label": rare,
            "score": count_K[rare],
            "detail": [
                f"{count} samples; at least {RARE_BELOW} are needed to judge a class"
                for count in count_K[rare]
            ],
        },
    )
