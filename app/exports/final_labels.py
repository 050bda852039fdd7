"""The final label of every sample, and its source."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt
from sqlalchemy import select
from sqlalchemy.orm import Session

from app.datasets import dataset_service
from app.exports.files.final_rows import DROPPED, FinalRows, Labels
from app.exports.files.placed_stream import open_placed_stream
from app.exports.files.stored_files import open_stored_file
from app.exports.files.stored_samples import (
    OLD_PACK,
    SampleRow,
    is_built_version,
    iterate_samples,
    map_final_rows,
)
from app.exports.registry import Issues
from app.infra.errors import Invalid, WrongState
from app.infra.storage import PACK, Storage
from app.label_sets.class_views import require_sets
from app.label_sets.final_sets import find_flips, read_decisions
from app.people.decision_columns import EMPTY, DecisionColumns, read_decision_columns
from app.places.file_lists import ORIGINALS
from app.places.originals import PlacedOriginals
from app.places.place_comparison import compare_place
from app.reviews import relabelling
from app.reviews.checked_figures import find_settled
from app.reviews.final_sources import AUDIT, LabelSource, describe_carried
from app.tables import Audit, AuditStatus, Dataset, Json, Review, Score, Verdict
from models.reading.label_texts import decode_spelling
from models.reading.several_labels.label_sets import (
    NO_CLASS,
    split_label_set,
    write_label_set,
    write_list,
)
from models.reading.table_files import parse_delimiter

DROPPED_ROWS = "dropped_rows.npy"
"""The file beside the pack of a version with the rows of the upload whose samples were dropped since."""


@dataclass(frozen=True, kw_only=True)
class AddedLabel:
    """A label that samples are given in the review and none was uploaded with."""

    name: str
    spelling: object
    """As the upload would write it."""


@dataclass(frozen=True, kw_only=True)
class Decisions:
    """The final labels of a dataset."""

    dataset: Dataset
    files: list[Path]
    """The uploaded files."""
    storage: Storage
    final_N: Labels
    """Final label by position; DROPPED for dropped samples."""
    sources: dict[int, LabelSource]
    """Sources by position, of samples with a verdict."""
    is_flagged_N: npt.NDArray[np.bool_] | None = None
    """By position, where unreviewed issues are relabelled or dropped, which samples are issues."""
    columns: dict[int, DecisionColumns] = field(default_factory=dict)
    """What several people say of a sample, by position, where there is anything."""
    added: Sequence[AddedLabel] = ()
    """Labels that no sample was uploaded with, such as sets of classes; they follow the dataset's."""
    originals: PlacedOriginals | None = None
    """Reads the files of a dataset that lie elsewhere; None: they were uploaded."""
    reserve_bytes: int = 0
    """Of the disk, which stay free beside files that are written to be sent."""

    @cached_property
    def names(self) -> list[str]:
        """Return the class names, index = label."""
        return [*(self.dataset.class_names or ()), *(each.name for each in self.added)]

    @cached_property
    def pack(self) -> npt.NDArray[Any]:
        """Return the samples as training reads them."""
        pack: npt.NDArray[Any] = np.load(self.storage.fetch_pack_file(self.dataset, PACK), mmap_mode="r")
        return pack

    def open(self, file: Path) -> BinaryIO:
        """Open an uploaded file, on disk or in a bucket, or the files in their place."""
        if self.originals is not None:
            return open_placed_stream(self.originals)
        return open_stored_file(self.storage, file)

    @property
    def stem(self) -> str:
        """Return the dataset's name without its suffix: the first part of the names of its exports."""
        name, ending = self.dataset.name, f"v{self.dataset.version}"
        if self.dataset.version > 1:  # a version says so, whatever it is called
            return name if name.endswith(ending) else f"{name} {ending}"
        return name.rpartition(".")[0] or name

    @property
    def layout(self) -> Json:
        """Return the layout of the upload, as ingestion stored it."""
        return dict((self.dataset.statistics or {}).get("layout", {}))

    @property
    def chosen_delimiter(self) -> str | None:
        """Return the delimiter that was chosen for the reading of tables; None: it was found."""
        return parse_delimiter(self.dataset.options.get("delimiter"))

    def require_unchanged(self) -> None:
        """Raise WrongState if files that lie elsewhere are no longer what was read."""
        if self.originals is None:
            return
        found = compare_place(self.originals)
        if found.changed or found.gone:
            raise WrongState(
                f"in the place of this dataset {len(found.changed)} files have changed and {len(found.gone)}"
                " are gone; synchronise it, or use format=npz, which has the samples as they were read"
            )

    def require_original(self) -> None:
        """Raise Invalid if the dataset cannot be exported in the format of its upload."""
        if "layout" not in (self.dataset.statistics or {}):
            raise Invalid(OLD_PACK)
        if self.layout.get("nested"):
            raise Invalid(
                "the data is in an archive inside the upload; use format=npz, which contains"
                " the samples as training reads them"
            )

    @property
    def samples(self) -> Path:
        """Return a local path of the table of samples."""
        return self.storage.fetch_pack_file(self.dataset, "samples.parquet")

    def iterate_rows(self) -> Iterator[SampleRow]:
        """Iterate over all samples by position, with a few thousand in memory at a time."""
        return iterate_samples(self.samples)

    def map_rows(self, *, marks_unchanged: bool = True) -> FinalRows:
        """Return what becomes of the rows of the upload; labels that stay are UNCHANGED, or themselves."""
        return map_final_rows(self.samples, self.final_N, marks_unchanged=marks_unchanged)

    def map_table_rows(self) -> FinalRows:
        """Return what becomes of the rows of an uploaded table: those that never were a sample stay."""
        dropped = read_dropped_rows(self.storage, self.dataset)
        return map_final_rows(self.samples, self.final_N, marks_unchanged=True, dropped_before=dropped)

    def is_changed(self, row: SampleRow) -> bool:
        """Return whether a kept sample gets another label than the uploaded file has."""
        return bool(self.final_N[row.position] != row.uploaded)

    def iterate_kept_rows(self) -> Iterator[SampleRow]:
        """Iterate over the samples that are not dropped."""
        return (row for row in self.iterate_rows() if self.final_N[row.position] != DROPPED)

    @cached_property
    def spellings(self) -> list[object]:
        """Return each class as the upload writes it, index = label; its name where no spelling is stored."""
        names = self.dataset.class_names or []
        stored = self.layout.get("class_spellings") or [None] * len(names)
        uploaded = [
            name if spelled is None else decode_spelling(spelled)
            for name, spelled in zip(names, stored, strict=True)
        ]
        return [*uploaded, *(each.spelling for each in self.added)]

    @cached_property
    def new_labels(self) -> frozenset[int]:
        """Return the labels that samples are changed to."""
        rows = (row for row in self.iterate_kept_rows() if self.is_changed(row))
        return frozenset(int(self.final_N[row.position]) for row in rows)

    @cached_property
    def flips(self) -> dict[int, dict[str, list[str]]]:
        """Return, of an upload with a column for each class, the columns that change by row of the upload."""
        columns = self.layout.get("class_columns")
        if columns is None:
            return {}
        return {
            row.source_row: find_flips(columns, self.names[row.uploaded], self.get_final_name(row.position))
            for row in self.iterate_kept_rows()
            if self.is_changed(row)
        }

    def shape_label(self, given: object, final: object) -> object:
        """Return a final class as JSON: a list where the given label is one, or where others are."""
        if not (isinstance(given, list) or self.layout.get("label_lists")):
            return final
        names = split_label_set(str(final), None)
        return write_list(names, like=given, of_numbers=bool(self.layout.get("lists_hold_numbers")))

    def split_classes(self, label: int) -> Sequence[str]:
        """Return the classes of a label that the upload writes as a list, in their order."""
        name = self.names[label]
        return split_label_set(name, None) if self.layout.get("label_lists") else (name,)

    def find_source(self, position: int) -> LabelSource | None:
        """Return the source of a final label; None: neither a person nor an audit has decided it."""
        if position not in self.sources and self.is_flagged_N is not None and self.is_flagged_N[position]:
            return AUDIT
        return self.sources.get(position)

    def get_final_value(self, position: int) -> object:
        """Return the final class of a kept sample as the upload writes it."""
        return self.spellings[int(self.final_N[position])]

    def get_final_name(self, position: int) -> str:
        """Return the final class name of a kept sample."""
        return self.names[int(self.final_N[position])]


def read_dropped_rows(storage: Storage, dataset: Dataset) -> npt.NDArray[np.int64] | None:
    """Return the rows of an upload whose samples earlier versions dropped; None: an old version knows not."""
    if storage.exists(storage.locate_pack(dataset.id) / DROPPED_ROWS):
        rows: npt.NDArray[np.int64] = np.load(storage.fetch_pack_file(dataset, DROPPED_ROWS))
        return rows
    is_built = is_built_version(storage.fetch_pack_file(dataset, "samples.parquet"))
    return None if is_built else np.empty(0, np.int64)


def decide_labels(
    session: Session,
    storage: Storage,
    dataset: Dataset,
    *,
    audit: Audit | None,
    issues: Issues,
    confirmed: bool = False,
) -> Decisions:
    """Decide the final labels of a dataset: by reviews and, for unreviewed samples, by `issues`.

    Raises:
        Invalid: `issues` needs a finished audit of this dataset's own labels, and none is given.
        WrongState: nobody knows how many labels relabelling would make worse, and it is not confirmed.

    """
    dataset_service.require_ready(dataset)
    given_N = np.load(storage.fetch_pack_file(dataset, "labels.npy"))
    final_N = given_N.astype(np.int32)
    sources: dict[int, LabelSource] = {}
    is_flagged_N = None
    if issues != Issues.KEEP:
        usable = _require_usable(dataset, audit)
        if issues == Issues.RELABEL:
            relabelling.require_consent(session, usable, confirmed=confirmed)
        is_flagged_N = _apply_issues(session, final_N, usable, issues)
    columns = read_decision_columns(session, dataset.id)
    for review in session.scalars(select(Review).where(Review.dataset_id == dataset.id)):
        final_N[review.position] = _choose_final_label(review, int(given_N[review.position]))
        reviewer = columns.get(review.position, EMPTY).first_reviewer or review.reviewer
        sources[review.position] = LabelSource(
            name=review.verdict,
            reviewer=reviewer,
            at=review.reviewed_at,
            carried=describe_carried(review.carried),
        )
    files = [
        storage.locate_upload(dataset.id, file.name)
        for file in dataset_service.list_files(session, [dataset.id])[dataset.id]
    ] or [storage.locate_pack(dataset.id) / ORIGINALS]
    decisions = Decisions(
        dataset=dataset,
        files=files,
        storage=storage,
        final_N=final_N,
        sources=sources,
        is_flagged_N=is_flagged_N,
        columns=columns,
    )
    return _apply_sets(session, decisions) if dataset_service.has_sets(dataset) else decisions


def _apply_sets(session: Session, decisions: Decisions) -> Decisions:
    """Give the samples of a dataset with sets of labels the sets that people decided, class by class."""
    separator = require_sets(decisions.dataset)
    names, spellings, final_N = decisions.names, decisions.spellings, decisions.final_N
    codes = {name: code for code, name in enumerate(names)}
    added: list[AddedLabel] = []
    for position, decision in read_decisions(session, decisions.dataset).items():
        given = int(final_N[position])
        classes = decision.apply(names[given], separator)
        decisions.sources[position] = LabelSource(
            name=decision.verdict,
            reviewer=", ".join(decision.reviewers),
            carried=describe_carried(decision.carried),
        )
        if decision.verdict == Verdict.DROP:
            final_N[position] = DROPPED
        elif decision.added or decision.removed:
            like = str(spellings[given] or "")
            text = write_label_set(classes, separator, like=like)
            name = text or NO_CLASS
            if name not in codes:
                codes[name] = len(names) + len(added)
                added.append(AddedLabel(name=name, spelling=text))
            final_N[position] = codes[name]
    return replace(decisions, added=added)


def _require_usable(dataset: Dataset, audit: Audit | None) -> Audit:
    if audit is None:
        raise Invalid("to change unreviewed issues, give the audit that flags them: audit_id=...")
    if audit.dataset_id != dataset.id or audit.is_rehearsal:
        raise Invalid(f"audit {audit.id} does not rank this dataset's own labels")
    if audit.status != AuditStatus.SUCCEEDED:
        raise Invalid(f"this needs an audit that has succeeded, this audit is {audit.status}")
    return audit


def _apply_issues(session: Session, final_N: Labels, audit: Audit, issues: Issues) -> npt.NDArray[np.bool_]:
    """Change the labels of issues, and return which samples are some [N]."""
    is_flagged_N: npt.NDArray[np.bool_] = np.zeros(len(final_N), np.bool_)
    figures = find_settled(session.connection(), audit.id, audit.dataset_id)
    settled = None if figures is None else figures.settled
    flagged = select(Score.position, Score.suggested_label).where(
        Score.audit_id == audit.id, relabelling.flag(settled)
    )
    for position, suggested in session.execute(flagged, {} if settled is None else {"cut": settled.cut}):
        final_N[position] = suggested if issues == Issues.RELABEL else DROPPED
        is_flagged_N[position] = True
    return is_flagged_N


def _choose_final_label(review: Review, given: int) -> int:
    """Return the final label of a reviewed sample; "unsure" keeps the given label."""
    if review.verdict == Verdict.DROP:
        return DROPPED
    return given if review.label is None else review.label
