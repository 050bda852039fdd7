"""Building of a pack from uploaded files: one array of pixels or features, and a table of its samples."""

from __future__ import annotations

import hashlib
import time
from collections import Counter
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import numpy as np

from models.catalogue.kinds import CELLS, TERMS, TEXTS_FILE
from models.reading.several_labels.label_sets import (
    count_members,
    find_separator,
    have_numbers,
    read_separator,
    split_label_set,
    summarise_sets,
)
from models.reading.text_tables import SHEET_TABLE
from worker.formats.archives.placed_archive import PlacedMembers
from worker.formats.detect import note_not_had, open_placed_source, open_source
from worker.formats.packs.samples_table import (
    Labels,
    assign_labels,
    collect_keys,
    collect_splits,
    write_samples,
)
from worker.formats.shared.label_codes import MISSING
from worker.formats.shared.problems import IngestError, Problem, ProblemLog
from worker.formats.shared.sample import CellsNeeded, Features, Ingestion, ListsNeeded
from worker.formats.shared.upload_limits import IngestLimits, IngestOptions
from worker.ingest.understanding_summary import note_rare, summarise
from worker.kinds.pack_writers import write_pack

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from worker.formats.packs.samples_table import Labels
    from worker.formats.packs.written_pack import Report, WrittenPack

__all__ = ["IngestError", "IngestLimits", "IngestOptions", "IngestResult", "Problem", "build_pack"]

_PROGRESS_SECONDS = 0.2
_KEPT = frozenset({"duplicate_key"})
"""Problems of samples that are used all the same."""
_CODES_NAMED = 3
_NAMES_COMPARED = 2_000
_NAMES_KEPT = 1_000


@dataclass(frozen=True, kw_only=True)
class IngestResult:
    """A finished pack and its description; the files are in the destination folder."""

    format: str
    """One of `models.catalogue.upload_formats.FORMATS`."""
    kind: str
    """The name of one of `models.catalogue.kinds`."""
    sample_count: int
    class_names: tuple[str, ...]
    """Index = label; the names of given and true labels together."""
    shape: tuple[int, ...]
    """Of one sample: (H, W, C) of pictures, (D,) of features."""
    dtype: str
    pack_path: Path
    """.npy, `dtype` [N, *shape], memory-mappable."""
    pack_sha256: str
    labels_path: Path
    """.npy, int32 [N]: given labels."""
    samples_path: Path
    """.parquet, one row for each sample in order of position."""
    problems: tuple[Problem, ...]
    problem_count: int
    """All problems; can exceed len(problems)."""
    statistics: dict[str, Any]
    """Figures about the upload that are shown to the user; JSON."""
    has_truth: bool


def build_pack(
    files: Sequence[Path],
    *,
    options: IngestOptions,
    limits: IngestLimits,
    destination: Path,
    on_progress: Callable[[int, int | None], None] | None = None,
    members: PlacedMembers | None = None,
) -> IngestResult:
    """Read an upload, or `members` in their place, to `pack.npy`, `labels.npy` and `samples.parquet`.

    Columns that are no features go to `own.parquet`, where there are some.

    `on_progress(samples done, all samples or None)` is called a few times a second and can raise to stop.
    IngestError if the upload cannot be used. Only these files are left behind, of a table whose cells are not
    all numbers `cells.parquet`, and of a workbook the sheet that was read, as CSV.
    """
    report = _throttle(on_progress)
    reads_cells, reads_lists = bool(options.column_types), False
    while True:
        try:
            return _build(
                files if members is None else members,
                options,
                limits,
                destination,
                report,
                reads_cells=reads_cells,
                reads_lists=reads_lists,
            )
        except CellsNeeded:
            reads_cells = True
        except ListsNeeded:
            reads_lists = True


def _build(
    data: Sequence[Path] | PlacedMembers,
    options: IngestOptions,
    limits: IngestLimits,
    destination: Path,
    report: Report,
    *,
    reads_cells: bool,
    reads_lists: bool,
) -> IngestResult:
    pack_path = destination / "pack.npy"
    with TemporaryDirectory(dir=destination, prefix="staging-") as staging, ExitStack() as resources:
        ingestion = Ingestion(
            options=options,
            limits=limits,
            problems=ProblemLog(max_listed=limits.max_problems_listed),
            destination=destination,
            staging=Path(staging),
            resources=resources,
            alive=lambda: report(0, None),
            reads_cells=reads_cells,
            reads_lists=reads_lists,
        )
        ingestion.vocabulary.has_sets = options.label_separator is not None
        try:
            source = (
                open_placed_source(data, ingestion)
                if isinstance(data, PlacedMembers)
                else open_source(data, ingestion)
            )
            if isinstance(source, Features):
                ingestion.layout["feature_names"] = list(source.names[:_NAMES_KEPT])
            written = write_pack(source, ingestion, pack_path, report)
            if isinstance(data, PlacedMembers):
                note_not_had(ingestion)
            return _finish_pack(source.format, written, ingestion, pack_path)
        except BaseException:
            for path in (
                pack_path,
                *(destination / name for name in (CELLS, SHEET_TABLE, TEXTS_FILE, TERMS)),
            ):
                path.unlink(missing_ok=True)
            raise


def _throttle(on_progress: Callable[[int, int | None], None] | None) -> Callable[[int, int | None], None]:
    """Limit the calls of `on_progress` to a few a second, and one at the end."""
    last = 0.0

    def report(done: int, total: int | None) -> None:
        nonlocal last
        now = time.monotonic()
        if on_progress is not None and (now - last >= _PROGRESS_SECONDS or done == total):
            last = now
            on_progress(done, total)

    return report


def _finish_pack(
    format_name: str, written: WrittenPack, ingestion: Ingestion, pack_path: Path
) -> IngestResult:
    """Assign the labels, write labels and table beside the pack, and describe the result."""
    ingestion.numbers.check(ingestion.understood)
    _describe_sets(format_name, ingestion)
    labels = assign_labels(written, ingestion)
    _note_sets(labels, ingestion)
    _note_left_out(len(labels.given), ingestion)
    keys = collect_keys(written, ingestion)
    labels_path, samples_path = pack_path.with_name("labels.npy"), pack_path.with_name("samples.parquet")
    write_samples(samples_path, written, labels, keys)
    np.save(labels_path, labels.given)
    own = ingestion.own.write(pack_path.parent, written.rows, written.row_numbers)
    statistics = _collect_statistics(written, labels, ingestion, own)
    counts = dict(statistics["member_counts"] if ingestion.has_sets else statistics["class_counts"])
    note_rare(counts, ingestion.understood)
    understood = summarise(written, labels, ingestion, format_name=format_name, pack_path=pack_path)
    if ingestion.has_sets:
        understood |= summarise_sets(
            statistics["member_counts"], statistics["class_counts"], _find_separator(ingestion)
        )
    return IngestResult(
        format=format_name,
        kind=written.kind.name,
        sample_count=len(keys),
        class_names=labels.class_names,
        shape=written.shape,
        dtype=written.kind.dtype,
        pack_path=pack_path,
        pack_sha256=_hash_file(pack_path),
        labels_path=labels_path,
        samples_path=samples_path,
        problems=tuple(ingestion.problems.listed),
        problem_count=ingestion.problems.count,
        statistics=statistics | {"understood": understood},
        has_truth=labels.has_truth,
    )


def _describe_sets(format_name: str, ingestion: Ingestion) -> None:
    """Store how sets of labels are written, and say it where the options alone do not.

    Raises:
        IngestError: columns were chosen as classes, and the labels stand elsewhere.

    """
    classes, facts = ingestion.classes, ingestion.understood.facts
    if ingestion.has_sets:
        ingestion.layout["lists_hold_numbers"] = have_numbers(ingestion.vocabulary.names)
    if ingestion.options.class_columns:
        if not classes.classes:
            raise IngestError(
                "bad_class_column",
                "expected a table, or pictures that a table lists, with the columns of class_columns; found"
                f" {format_name}, whose labels stand elsewhere",
            )
        ingestion.layout["class_columns"] = classes.describe(ingestion.understood)
        facts["label_sets"] = f"a column for each class: {', '.join(classes.classes)}"
    elif ingestion.reads_lists:
        ingestion.layout["label_lists"] = True
        facts["label_sets"] = "lists: each is a set of classes"


def _find_separator(ingestion: Ingestion) -> str | None:
    chosen = ingestion.options.label_separator
    return None if chosen is None else read_separator(chosen)


def _note_sets(labels: Labels, ingestion: Ingestion) -> None:
    """Note a separator that stands in no label, or that class names look like sets and were not read so."""
    chosen = _find_separator(ingestion)
    if chosen is not None and not any(len(split_label_set(name, chosen)) > 1 for name in labels.class_names):
        ingestion.understood.note(
            "separator_not_found",
            f"the separator {chosen!r} stands in no label, so each label was read as one class",
            option="label_separator",
        )
    if ingestion.has_sets or len(labels.class_names) > _NAMES_COMPARED:
        return
    separator = find_separator(labels.class_names)
    if separator is not None:
        ingestion.understood.note(
            "labels_look_like_sets",
            f"classes such as {next(name for name in labels.class_names if separator in name)!r} look like"
            f" several labels of one sample, and were read as one class; label_separator={separator} reads"
            " them as a set, of which each class is audited",
            option="label_separator",
        )


def _note_left_out(used: int, ingestion: Ingestion) -> None:
    """Note how many samples or files are not used, and why, beside all other notes."""
    codes = [(code, count) for code, count in ingestion.problems.by_code.most_common() if code not in _KEPT]
    if codes:
        named = ", ".join(f"{count:,} {code}" for code, count in codes[:_CODES_NAMED])
        more = f" and {len(codes) - _CODES_NAMED} more reasons" if len(codes) > _CODES_NAMED else ""
        ingestion.understood.note(
            "left_out",
            f"{used:,} samples are used, {sum(count for _, count in codes):,} samples or files were left out:"
            f" {named}{more}; they are listed as problems",
        )


def _collect_statistics(
    written: WrittenPack, labels: Labels, ingestion: Ingestion, own: list[dict[str, object]]
) -> dict[str, Any]:
    """Count classes, splits, true labels that differ, and problems by code."""
    counts = np.bincount(labels.given, minlength=len(labels.class_names)).tolist()
    ingestion.layout["class_spellings"] = list(labels.spellings)
    statistics = written.statistics | {
        "class_counts": dict(zip(labels.class_names, counts, strict=True)),
        "split_counts": dict(Counter(split or "" for split in collect_splits(written) or ())),
        "problem_counts": dict(ingestion.problems.by_code.most_common()),
        "left_out": len(written.columns.given) - len(written.rows),
        "layout": ingestion.layout,
        "own_columns": own,
        "duplicate_keys": ingestion.problems.by_code["duplicate_key"],
    }
    if ingestion.has_sets:
        separator = _find_separator(ingestion)
        statistics["member_counts"] = count_members(statistics["class_counts"], separator)
    if labels.true is not None:
        known = labels.true != MISSING
        statistics["truth_known"] = int(known.sum())
        statistics["truth_differs"] = int((known & (labels.true != labels.given)).sum())
    return statistics


def _hash_file(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
