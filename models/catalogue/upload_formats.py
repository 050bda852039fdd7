"""The upload formats by name; docs/formats.md describes them, `worker/formats` reads them."""

FORMATS = (
    "class_folders",
    "manifest",
    "list_files",
    "webdataset",
    "coco",
    "yolo",
    "voc",
    "npz",
    "idx",
    "cifar_python",
    "cifar_binary",
    "parquet_images",
    "parquet_features",
    "csv",
    "workbook",
    "parquet_texts",
    "json_lines",
    "text_folders",
)
BOX_FORMATS = frozenset(("coco", "yolo", "voc"))
"""Formats in which each sample is a box in a picture."""
