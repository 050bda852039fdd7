"""What a person may choose about an upload, and how large anything in it may be."""

from __future__ import annotations

from dataclasses import dataclass

from models.catalogue.upload_formats import FORMATS


@dataclass(frozen=True, kw_only=True)
class IngestOptions:
    """What the person who uploads may say; None means "find it out"."""

    format: str | None = None
    """One of FORMATS; anything else found in the files is then refused."""
    image_size: int | None = None
    """Side of the pack's square images, 8 to 512 pixels; None: native where uniform and small, else 64."""
    label_column: str | None = None
    key_column: str | None = None
    truth_column: str | None = None
    split_column: str | None = None

    def __post_init__(self) -> None:
        if self.format is not None and self.format not in FORMATS:
            raise ValueError(f"format must be one of {', '.join(FORMATS)}; found {self.format!r}")
        if self.image_size is not None and not 8 <= self.image_size <= 512:  # noqa: PLR2004
            raise ValueError(f"image_size must be 8 to 512 pixels; found {self.image_size}")


@dataclass(frozen=True, kw_only=True)
class IngestLimits:
    """Every cap of ingestion; enforced by bytes actually produced, not by what headers promise."""

    max_members: int = 2_000_000
    """Files in an archive, rows in a table, images in an array."""
    max_total_bytes: int = 64 << 30
    """Bytes after decompression of the whole upload."""
    max_member_bytes: int = 256 << 20
    """Bytes after decompression of one picture, metadata file or pickle."""
    max_ratio: int = 500
    """Decompressed over compressed bytes of one member or stream."""
    ratio_from_bytes: int = 16 << 20
    """Decompressed bytes below which the ratio is not judged (small flat pictures compress well)."""
    max_directory_bytes: int = 1 << 30
    """Bytes of a zip's central directory."""
    max_pixels: int = 100_000_000
    """Width x height of one picture, judged from its header before decoding."""
    max_features: int = 65_536
    """Columns of a feature table."""
    max_classes: int = 100_000
    max_pack_bytes: int = 256 << 30
    """Bytes of the finished pack."""
    max_text_length: int = 1_000
    """Characters of one key or class name."""
    max_problems_listed: int = 1_000
    """Problems kept word by word; the rest is counted."""
    min_samples: int = 10
    """Fewer usable samples cannot be audited."""
    default_image_size: int = 64
    """Side in pixels of automatic packs, and the largest native side."""
