"""Options and limits of reading an upload."""

from __future__ import annotations

from dataclasses import dataclass

from models.catalogue.column_types import read_column_type
from models.catalogue.upload_formats import FORMATS
from models.reading.several_labels.class_cells import refuse_other_labels
from models.reading.several_labels.label_sets import read_separator


@dataclass(frozen=True, kw_only=True)
class IngestOptions:
    """Options of an upload; None: detect it."""

    format: str | None = None
    """One of FORMATS; files of another format are refused."""
    image_size: int | None = None
    """Side of the pack's square images, 8 to 512 pixels; None: native if uniform and small, else 64."""
    label_column: str | None = None
    label_separator: str | None = None
    """What separates the classes of a sample's label set; None: a label is one class."""
    class_columns: tuple[str, ...] = ()
    """Columns of 0 and 1 that are a class each, by name or as `first..last`."""
    key_column: str | None = None
    truth_column: str | None = None
    split_column: str | None = None
    include_columns: tuple[str, ...] = ()
    """Columns of a table that are features although their names say otherwise."""
    exclude_columns: tuple[str, ...] = ()
    """Columns of a table that are not used."""
    column_types: tuple[str, ...] = ()
    """Types of a table's columns, each as COLUMN=TYPE (`models.catalogue.column_types`); others are found."""
    encoding: str | None = None
    """Of the texts of tables and lists; None: UTF-8, or what their first bytes say."""
    delimiter: str | None = None
    """Of tables of text, `tab` for a tab; None: find it."""
    sheet: str | None = None
    """Of a workbook; None: the first that is shown and has a table."""
    class_folder: int | None = None
    """Which folder below the root is the class: 1 for the first; None: the first that is not a split."""

    def __post_init__(self) -> None:
        object.__setattr__(self, "include_columns", tuple(self.include_columns))
        object.__setattr__(self, "exclude_columns", tuple(self.exclude_columns))
        object.__setattr__(self, "column_types", tuple(self.column_types))
        object.__setattr__(self, "class_columns", tuple(self.class_columns))
        refuse_other_labels(
            self.class_columns,
            {name: getattr(self, name) for name in ("label_column", "label_separator", "truth_column")},
        )
        if self.label_separator is not None:
            read_separator(self.label_separator)
        for choice in self.column_types:
            read_column_type(choice)
        if self.format is not None and self.format not in FORMATS:
            raise ValueError(f"format must be one of {', '.join(FORMATS)}; found {self.format!r}")
        if self.image_size is not None and not 8 <= self.image_size <= 512:  # noqa: PLR2004
            raise ValueError(f"image_size must be 8 to 512 pixels; found {self.image_size}")


@dataclass(frozen=True, kw_only=True)
class IngestLimits:
    """Limits of ingestion, enforced on the bytes produced, not on what headers say."""

    max_members: int = 2_000_000
    """Files in an archive, rows in a table, images in an array."""
    max_total_bytes: int = 64 << 30
    """Bytes of the complete upload after decompression."""
    max_member_bytes: int = 256 << 20
    """Bytes of one picture, metadata file or pickle after decompression."""
    max_ratio: int = 500
    """Decompressed bytes for each compressed byte of one member or stream."""
    ratio_from_bytes: int = 16 << 20
    """Decompressed bytes below which the ratio is not checked (small flat pictures compress well)."""
    max_directory_bytes: int = 1 << 30
    """Bytes of a zip's central directory."""
    max_pixels: int = 100_000_000
    """Width x height of one picture, checked in its header before decoding."""
    max_features: int = 65_536
    """Columns of a feature table."""
    max_classes: int = 100_000
    max_class_bytes: int = 4 << 20
    """Bytes of all class names together, which go with the dataset everywhere: 42 for each of 100,000."""
    max_pack_bytes: int = 256 << 30
    """Bytes of the finished pack."""
    max_text_length: int = 1_000
    """Characters of one key or class name."""
    max_problems_listed: int = 1_000
    """Problems that are listed; all are counted."""
    max_cpu_seconds: int = 600
    """Processor time for reading an upload, besides that for its size."""
    cpu_seconds_per_mebibyte: int = 10
    """Further processor time for each MiB of the uploaded files: a hundred times what photographs take, since
    compressed tables unpack to many times their size."""
    max_picture_seconds: int = 120
    """Processor time for decoding one picture. Of 100,000,000 noisy pixels a JPEG takes 1, a PNG 1.1, an AVIF
    2.6 and a JPEG 2000, the slowest, 33 (EPYC, Pillow 12); a picture can be decoded more than once."""
    min_samples: int = 10
    """Fewest usable samples."""
    default_image_size: int = 64
    """Side in pixels without the option image_size, and the largest native side."""
