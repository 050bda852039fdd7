"""The writers of pack files, one for each kind of data."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from worker.kinds.feature_packs import write_features
from worker.kinds.image_packs import write_images
from worker.kinds.table_packs import write_table

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from worker.formats.packs.written_pack import Report, WrittenPack
    from worker.formats.shared.sample import Ingestion, Source


class PackWriter(Protocol):
    """Writes samples to a .npy file of the kind's dtype; unusable ones are logged."""

    def __call__(self, source: Any, ingestion: Ingestion, path: Path, report: Report) -> WrittenPack:  # noqa: ANN401 - each kind has its own sources
        """Write the file and return its contents; IngestError if it would be too large."""
        ...


def write_texts(source: Any, ingestion: Ingestion, path: Path, report: Report) -> WrittenPack:  # noqa: ANN401 - as above
    """Write texts; see `text_packs.write_texts`."""
    from worker.kinds import text_packs  # noqa: PLC0415 - scikit-learn takes a second, and most uploads have no texts

    return text_packs.write_texts(source, ingestion, path, report)


PACK_WRITERS: Mapping[str, PackWriter] = {
    "images": write_images,
    "features": write_features,
    "tables": write_table,
    "texts": write_texts,
}
"""By the names of `models.catalogue.kinds`."""


def write_pack(source: Source, ingestion: Ingestion, path: Path, report: Report) -> WrittenPack:
    """Write the samples of a source to a pack file."""
    return PACK_WRITERS[source.kind.name](source, ingestion, path, report)
