"""What every reader returns: columns about the samples, and their content."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

from models.catalogue.kinds import FEATURES, IMAGES, TABLES, TEXTS, Kind
from worker.formats.shared.class_columns import ClassColumns
from worker.formats.shared.class_numbers import ClassNumbers
from worker.formats.shared.label_codes import Vocabulary
from worker.formats.shared.own_rows import OwnRows
from worker.formats.shared.understanding import Understanding

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from contextlib import ExitStack
    from pathlib import Path

    import numpy as np
    import pyarrow as pa
    from numpy.typing import NDArray

    from worker.formats.shared.problems import ProblemLog
    from worker.formats.shared.table_columns import TableColumn
    from worker.formats.shared.upload_limits import IngestLimits, IngestOptions


@dataclass(frozen=True, kw_only=True)
class Ingestion:
    """The state of reading one upload: options, limits, problems and layout."""

    options: IngestOptions
    limits: IngestLimits
    problems: ProblemLog
    destination: Path
    """The pack's folder; what a reader leaves there is stored beside the pack."""
    staging: Path
    """A folder that is deleted at the end."""
    resources: ExitStack
    """Closes the readers' files at the end."""
    alive: Callable[[], None] = lambda: None
    """Called regularly during long preparations; can raise to stop."""
    vocabulary: Vocabulary = field(default_factory=Vocabulary)
    numbers: ClassNumbers = field(default_factory=ClassNumbers)
    classes: ClassColumns = field(default_factory=ClassColumns)
    understood: Understanding = field(default_factory=Understanding)
    reads_cells: bool = False
    """Whether a table's cells are read by their types; False: its features are numbers without a blank, or
    `CellsNeeded` is raised."""
    reads_lists: bool = False
    """Whether lists in JSON are sets; False: `ListsNeeded` is raised at the first one of several classes."""
    own: OwnRows = field(default_factory=OwnRows)
    """Columns about the samples that are no features."""
    layout: dict[str, Any] = field(default_factory=dict)
    """How the files are laid out, for exports in the same format: label_column, parts, nested; for an npz
    also content, class_names and features."""

    @property
    def has_sets(self) -> bool:
        """Return whether the labels are sets of classes."""
        options = self.options
        return options.label_separator is not None or bool(options.class_columns) or self.reads_lists


class CellsNeeded(Exception):
    """A table has features that are not numbers, or blank ones: it is read again by its cells' types."""


class ListsNeeded(Exception):
    """A label in JSON is a list of several classes: the upload is read again, with lists as sets."""


@dataclass(frozen=True, kw_only=True)
class Columns:
    """Everything about N candidate samples except their content, in their final order."""

    given: NDArray[np.int32]
    """Codes [N] of the shared vocabulary; MISSING (-1) if the sample has no label."""
    true: NDArray[np.int32] | None = None
    keys: Sequence[str] | None = None
    """None: the row's number."""
    splits: Sequence[str | None] | None = None


@dataclass(frozen=True, kw_only=True)
class Locations:
    """Location of encoded originals in the upload: byte offset, stored bytes, zip method (0, 8), each [N]."""

    offsets: NDArray[np.int64]
    lengths: NDArray[np.int64]
    methods: NDArray[np.int16]


@dataclass(frozen=True, kw_only=True)
class EncodedChunk:
    """Consecutive pictures; `load(k)` returns the bytes of row `start + k`, or raises SampleError."""

    start: int
    count: int
    load: Callable[[int], bytes]


@dataclass(frozen=True, kw_only=True)
class SampleBoxes:
    """Where each sample lies in its picture; the rows of one picture follow one another."""

    corners: NDArray[np.float64]
    """Left, top, right, bottom [N, 4] as written."""
    is_share: bool
    """Whether corners are shares of the upright picture; else pixels."""
    stated: NDArray[np.int64]
    """Width and height of the picture as the annotation states them [N, 2]; 0: it does not."""
    pictures: NDArray[np.int64]
    """Number of each sample's picture [N]."""


@dataclass(frozen=True, kw_only=True)
class EncodedImages:
    """Pictures in their files' own encoding."""

    kind: ClassVar[Kind] = IMAGES
    format: str
    columns: Columns
    chunks: Callable[[], Iterator[EncodedChunk]]
    """Covers all N rows in order; can be called again."""
    probe: Callable[[int], Iterator[bytes]]
    """`probe(count)`: at most `count` pictures, spread over the complete upload, without unreadable ones."""
    names: Sequence[str] | None = None
    """Members of an archive [N]."""
    locations: Callable[[], Locations | None] = lambda: None
    """Only complete after the last chunk has been loaded."""
    records: NDArray[np.int64] | None = None
    """Record of a table or list that names each [N]; None: the samples count their rows."""
    boxes: SampleBoxes | None = None
    """None: each sample is a whole picture."""


@dataclass(frozen=True, kw_only=True)
class ArrayImages:
    """Pictures as one array."""

    kind: ClassVar[Kind] = IMAGES
    format: str
    columns: Columns
    shape: tuple[int, int, int]
    """H, W, C with C 1 or 3."""
    read: Callable[[int, int], tuple[NDArray[np.uint8], NDArray[np.bool_]]]
    """`read(start, stop)`: uint8 [n, H, W, C] and whether each is usable [n]; thread-safe."""


@dataclass(frozen=True, kw_only=True)
class FeatureBatch:
    """Consecutive rows of a feature table; columns as in Columns."""

    features: NDArray[np.float32]
    """[n, D]; NaN for a missing value."""
    columns: Columns


@dataclass(frozen=True, kw_only=True)
class Features:
    """A table of numbers; its batches can be read only once."""

    kind: ClassVar[Kind] = FEATURES
    format: str
    names: Sequence[str]
    batches: Iterator[FeatureBatch]
    row_numbers: Callable[[NDArray[Any]], NDArray[Any]] = lambda rows: rows
    """Maps indices of rows read to row numbers in the file, which also counts lines that were not parsed."""
    total: int | None = None


@dataclass(frozen=True, kw_only=True)
class TableBatch:
    """Consecutive rows of a table; columns as in Columns."""

    cells: pa.RecordBatch
    """Of the columns that are used: float64, bool, timestamps or, of categories, text; null where blank."""
    columns: Columns


@dataclass(frozen=True, kw_only=True)
class Table:
    """A table with categories, dates or blanks; its batches can be read only once."""

    kind: ClassVar[Kind] = TABLES
    format: str
    described: Sequence[TableColumn]
    batches: Iterator[TableBatch]
    row_numbers: Callable[[NDArray[Any]], NDArray[Any]] = lambda rows: rows
    """As in Features."""
    total: int | None = None


@dataclass(frozen=True, kw_only=True)
class TextBatch:
    """Consecutive texts; columns as in Columns."""

    texts: Sequence[str | None]
    """Blank or None: there is no text."""
    columns: Columns


@dataclass(frozen=True, kw_only=True)
class Documents:
    """Texts; its batches can be read only once."""

    kind: ClassVar[Kind] = TEXTS
    format: str
    batches: Iterator[TextBatch]
    names: Sequence[str] | None = None
    """Members of an archive [N]."""
    locations: Callable[[], Locations | None] = lambda: None
    """Only complete after the last batch."""
    row_numbers: Callable[[NDArray[Any]], NDArray[Any]] = lambda rows: rows
    """As in Features."""
    total: int | None = None


class Source(Protocol):
    """Samples of one kind, as a reader returns them; only the kind's pack writer uses the other fields."""

    kind: ClassVar[Kind]

    @property
    def format(self) -> str:
        """One of `models.catalogue.upload_formats.FORMATS`."""
        ...
