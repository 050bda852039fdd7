"""The cleaned dataset in the format it came in, or as an npz of what is trained on."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from app.exports import archive_exports, array_exports, published_formats, table_exports
from app.exports.final_labels import Decisions
from app.infra.errors import Invalid

ZIP, NPZ = "application/zip", "application/octet-stream"
Write = Callable[[Decisions], Iterator[bytes]]


@dataclass(frozen=True)
class Writer:
    """How a format is written."""

    write: Write
    suffix: str
    media_type: str


WRITERS = {
    "class_folders": Writer(archive_exports.class_folders_zip, "zip", ZIP),
    "manifest": Writer(archive_exports.manifest_zip, "zip", ZIP),
    "list_files": Writer(archive_exports.list_files_zip, "zip", ZIP),
    "npz": Writer(array_exports.original_npz, "npz", NPZ),
    "csv": Writer(table_exports.csv_table, "csv", "text/csv; charset=utf-8"),
    "parquet_features": Writer(table_exports.parquet_table, "parquet", "application/vnd.apache.parquet"),
    "parquet_images": Writer(table_exports.parquet_table, "parquet", "application/vnd.apache.parquet"),
    "idx": Writer(published_formats.idx_zip, "zip", ZIP),
    "cifar_binary": Writer(published_formats.cifar_binary_zip, "zip", ZIP),
    "cifar_python": Writer(published_formats.cifar_python_zip, "zip", ZIP),
}
MEDIA_TYPES = sorted({writer.media_type for writer in WRITERS.values()})
PACK = Writer(array_exports.pack_npz, "npz", NPZ)
FROM_PACK = frozenset({"idx", "cifar_binary", "cifar_python"})


def writer_of(decisions: Decisions) -> Writer:
    """Return how a dataset's own format is written.

    Raises:
        Invalid: it cannot be written again as it came.

    """
    found = WRITERS.get(decisions.dataset.format or "")
    if found is None:
        raise Invalid(f"the format {decisions.dataset.format!r} is not written again; ask for format=npz")
    if decisions.dataset.format not in FROM_PACK:
        decisions.require_original()
    if len(decisions.layout.get("parts", ())) > 1:
        return Writer(found.write, "zip", ZIP)
    return found
