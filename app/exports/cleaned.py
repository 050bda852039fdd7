"""The cleaned dataset in the format it came in, or as an npz of what is trained on."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from app.errors import Invalid
from app.exports import archives, arrays, published, tables
from app.exports.decisions import Decisions

ZIP, NPZ = "application/zip", "application/octet-stream"
Write = Callable[[Decisions], Iterator[bytes]]


@dataclass(frozen=True)
class Writer:
    """How a format is written."""

    write: Write
    suffix: str
    media_type: str


WRITERS = {
    "class_folders": Writer(archives.class_folders_zip, "zip", ZIP),
    "manifest": Writer(archives.manifest_zip, "zip", ZIP),
    "list_files": Writer(archives.list_files_zip, "zip", ZIP),
    "npz": Writer(arrays.original_npz, "npz", NPZ),
    "csv": Writer(tables.csv_table, "csv", "text/csv; charset=utf-8"),
    "parquet_features": Writer(tables.parquet_table, "parquet", "application/vnd.apache.parquet"),
    "parquet_images": Writer(tables.parquet_table, "parquet", "application/vnd.apache.parquet"),
    "idx": Writer(published.idx_zip, "zip", ZIP),
    "cifar_binary": Writer(published.cifar_binary_zip, "zip", ZIP),
    "cifar_python": Writer(published.cifar_python_zip, "zip", ZIP),
}
MEDIA_TYPES = sorted({writer.media_type for writer in WRITERS.values()})
PACK = Writer(arrays.pack_npz, "npz", NPZ)
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
