"""The cleaned dataset in the format of its upload, or as an npz of the samples as training sees them."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from app.exports import archive_exports, array_exports, published_formats, table_exports
from app.exports.final_labels import Decisions
from app.exports.registry import BINARY, CSV, PARQUET, ZIP, ExportFile
from app.infra.errors import Invalid

Write = Callable[[Decisions], Iterator[bytes]]


@dataclass(frozen=True)
class Writer:
    """How a format is written."""

    write: Write
    suffix: str
    media_type: str
    needs_upload: bool = True
    """Whether it is made from the uploaded files and not from the pack."""


WRITERS = {
    "class_folders": Writer(archive_exports.zip_class_folders, "zip", ZIP),
    "manifest": Writer(archive_exports.zip_manifest, "zip", ZIP),
    "list_files": Writer(archive_exports.zip_list_files, "zip", ZIP),
    "npz": Writer(array_exports.write_original_npz, "npz", BINARY),
    "csv": Writer(table_exports.write_csv_table, "csv", CSV),
    "parquet_features": Writer(table_exports.write_parquet, "parquet", PARQUET),
    "parquet_images": Writer(table_exports.write_parquet, "parquet", PARQUET),
    "idx": Writer(published_formats.zip_idx, "zip", ZIP, needs_upload=False),
    "cifar_binary": Writer(published_formats.zip_cifar_binary, "zip", ZIP, needs_upload=False),
    "cifar_python": Writer(published_formats.zip_cifar_python, "zip", ZIP, needs_upload=False),
}
"""By the format of the upload."""
PACK = Writer(array_exports.write_pack_npz, "npz", BINARY, needs_upload=False)


def write_dataset(decisions: Decisions, *, format: str) -> ExportFile:  # noqa: A002 - the query's name
    """Write the dataset with its final labels and without dropped samples.

    Raises:
        Invalid: its format cannot be written; format="npz" always can.

    """
    writer = PACK if format == "npz" else _find_writer(decisions)
    name = f"{decisions.stem}-cleaned.{writer.suffix}"
    return ExportFile(name=name, media_type=writer.media_type, blocks=writer.write(decisions))


def _find_writer(decisions: Decisions) -> Writer:
    found = WRITERS.get(decisions.dataset.format or "")
    if found is None:
        raise Invalid(f"the format {decisions.dataset.format!r} is not written again; ask for format=npz")
    if found.needs_upload:
        decisions.require_original()
    if len(decisions.layout.get("parts", ())) > 1:
        return Writer(found.write, "zip", ZIP)
    return found
