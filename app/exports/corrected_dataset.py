"""The corrected dataset, in the format of its upload or as an npz of the samples as training reads them."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

from app.exports import archive_exports, array_exports, listed_exports, published_formats, table_exports
from app.exports.final_labels import Decisions
from app.exports.registry import BINARY, CSV, PARQUET, ZIP, ExportFile
from app.infra.errors import Invalid

Write = Callable[[Decisions], Iterator[bytes]]


@dataclass(frozen=True)
class Writer:
    """The writer of a format."""

    write: Write
    suffix: str
    media_type: str
    needs_upload: bool = True
    """Whether it reads the uploaded files, not the pack."""


WRITERS = {
    "class_folders": Writer(archive_exports.write_class_folders, "zip", ZIP),
    "manifest": Writer(archive_exports.write_manifest, "zip", ZIP),
    "list_files": Writer(archive_exports.write_list_files, "zip", ZIP),
    "webdataset": Writer(archive_exports.write_web_shards, "tar", BINARY),
    "coco": Writer(listed_exports.write_boxes, "zip", ZIP),
    "yolo": Writer(listed_exports.write_boxes, "zip", ZIP),
    "voc": Writer(listed_exports.write_boxes, "zip", ZIP),
    "npz": Writer(array_exports.write_original_npz, "npz", BINARY),
    "csv": Writer(table_exports.write_csv_table, "csv", CSV),
    "json_lines": Writer(table_exports.write_json, "json", BINARY),
    "text_folders": Writer(archive_exports.write_class_folders, "zip", ZIP),
    "workbook": Writer(table_exports.write_sheet, "csv", CSV, needs_upload=False),
    "parquet_features": Writer(table_exports.write_parquet, "parquet", PARQUET),
    "parquet_texts": Writer(table_exports.write_parquet, "parquet", PARQUET),
    "parquet_images": Writer(table_exports.write_parquet, "parquet", PARQUET),
    "idx": Writer(published_formats.write_idx, "zip", ZIP, needs_upload=False),
    "cifar_binary": Writer(published_formats.write_cifar_binary, "zip", ZIP, needs_upload=False),
    "cifar_python": Writer(published_formats.write_cifar_python, "zip", ZIP, needs_upload=False),
}
"""Writers by upload format."""
PACK = Writer(array_exports.write_pack_npz, "npz", BINARY, needs_upload=False)


def write_dataset(decisions: Decisions, *, format: str) -> ExportFile:  # noqa: A002 - the query's name
    """Write the dataset with its final labels and without dropped samples.

    Raises:
        Invalid: this format cannot be exported; format="npz" always works.
        WrongState: the files lie elsewhere, and are no longer what was read.

    """
    writer = PACK if format == "npz" else _find_writer(decisions)
    name = f"{decisions.stem}-corrected.{writer.suffix}"
    return ExportFile(name=name, media_type=writer.media_type, blocks=writer.write(decisions))


def _find_writer(decisions: Decisions) -> Writer:
    if decisions.dataset.view_class is not None:
        raise Invalid(
            "the uploaded files hold sets of labels, and this dataset tells one class of them; download the"
            " corrected dataset of the one that it is a view of, or use format=npz"
        )
    writer = WRITERS.get(decisions.dataset.format or "")
    if writer is None:
        raise Invalid(f"the format {decisions.dataset.format!r} cannot be exported; use format=npz")
    if writer.needs_upload:
        decisions.require_original()
        decisions.require_unchanged()
    if writer.write is table_exports.write_json:
        writer = replace(writer, suffix=table_exports.find_json_suffix(decisions))
    if len(decisions.layout.get("parts", ())) > 1:
        return Writer(writer.write, "zip", ZIP)
    return writer
