"""The pack of a version: the rows of its parent's that are kept, with their new labels.

Shape suffix: M kept samples in order of position.
"""

import hashlib
import shutil
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import parquet

from app.datasets import dataset_service
from app.exports.files.annotation_files import MEMBERS, UPLOADED_BOXES
from app.exports.files.final_rows import Labels
from app.exports.files.stored_samples import list_rows
from app.exports.final_labels import DROPPED_ROWS, AddedLabel, read_dropped_rows
from app.infra.storage import PACK, Storage
from app.label_sets.class_views import require_sets
from app.places.file_lists import ORIGINALS
from app.tables import Dataset, Json
from app.versions import content_matching
from app.versions.content_matching import DIGESTS, Places
from models.catalogue.kinds import CELLS, TERMS, TEXTS_FILE
from models.catalogue.upload_formats import BOX_FORMATS
from models.reading.label_texts import encode_spelling
from models.reading.several_labels.label_sets import count_members, summarise_sets
from models.reading.text_tables import SHEET_TABLE
from worker.formats.packs.npy import NpyWriter
from worker.formats.packs.samples_table import ROWS_AT_ONCE

LABELS, SAMPLES = "labels.npy", "samples.parquet"
UPLOADED = "uploaded_label"
"""Column of the samples table: the label in the uploaded file, which exports rewrite."""
BLOCK_ROWS = 4_096
OnProgress = Callable[[int, int | None], None]


def build_pack(
    storage: Storage,
    parent: Dataset,
    final_N: Labels,
    kept_M: Places,
    *,
    destination: Path,
    on_progress: OnProgress,
) -> str:
    """Write the files of a version's pack to a folder, and return the SHA-256 of its array."""
    labels_M = final_N[kept_M].astype(np.int32)
    np.save(destination / LABELS, labels_M)
    _write_samples(storage.fetch_pack_file(parent, SAMPLES), destination / SAMPLES, kept_M, labels_M)
    if parent.format in BOX_FORMATS:
        _keep_uploaded_boxes(storage, parent, destination)
    else:
        _list_dropped_rows(storage, parent, kept_M, destination)
    for name in (CELLS, TEXTS_FILE, TERMS, SHEET_TABLE, MEMBERS, ORIGINALS):
        if storage.exists(storage.locate_pack(parent.id) / name):
            found = storage.fetch_pack_file(parent, name)
            write = _filter_rows if name in {CELLS, TEXTS_FILE} else _copy
            write(found, destination / name, kept_M)
    sha256 = _write_array(storage, parent, kept_M, destination / PACK, on_progress)
    _write_digests(storage, parent, kept_M, destination)
    return sha256


def _write_array(
    storage: Storage, parent: Dataset, kept_M: Places, path: Path, on_progress: OnProgress
) -> str:
    source = storage.fetch_pack_file(parent, PACK)
    pack = np.load(source, mmap_mode="r")
    if len(kept_M) == len(pack):  # only labels change: both share the bytes where the disk can
        _copy(source, path, kept_M)
        return parent.pack_sha256 or _hash(path)
    with NpyWriter(path, pack.shape[1:], pack.dtype.str) as writer:
        for start in range(0, len(kept_M), BLOCK_ROWS):
            writer.append(np.asarray(pack[kept_M[start : start + BLOCK_ROWS]]))
            on_progress(start, len(kept_M))
    return _hash(path)


def _write_digests(storage: Storage, parent: Dataset, kept_M: Places, destination: Path) -> None:
    try:
        digests_N = np.load(storage.fetch_pack_file(parent, DIGESTS))
    except FileNotFoundError:  # the parent was read by a version that made none
        content_matching.write_digests(destination)
        return
    np.save(destination / DIGESTS, digests_N[kept_M])


def _write_samples(source: Path, target: Path, kept_M: Places, labels_M: Labels) -> None:
    table = parquet.read_table(source)
    if UPLOADED not in table.column_names:
        table = table.append_column(UPLOADED, table["given_label"])
    kept = table.take(pa.array(kept_M))
    new = {"position": pa.array(np.arange(len(kept_M)), pa.int64()), "given_label": pa.array(labels_M)}
    for name, values in new.items():
        kept = kept.set_column(kept.column_names.index(name), name, values)
    parquet.write_table(kept, target, row_group_size=ROWS_AT_ONCE, compression="zstd")


def _keep_uploaded_boxes(storage: Storage, parent: Dataset, destination: Path) -> None:
    """Keep which boxes were uploaded: exports leave out those that were dropped since."""
    if storage.exists(storage.locate_pack(parent.id) / UPLOADED_BOXES):
        shutil.copyfile(storage.fetch_pack_file(parent, UPLOADED_BOXES), destination / UPLOADED_BOXES)
        return
    samples = storage.fetch_pack_file(parent, SAMPLES)
    uploaded = parquet.read_table(samples, columns=["source_name", "source_row"])
    parquet.write_table(uploaded, destination / UPLOADED_BOXES, compression="zstd")


def _list_dropped_rows(storage: Storage, parent: Dataset, kept_M: Places, destination: Path) -> None:
    """Keep which rows were dropped since the upload: exports of tables leave out these alone."""
    known = read_dropped_rows(storage, parent)
    if known is None:
        return
    dropped = np.setdiff1d(np.arange(parent.sample_count or 0), kept_M, assume_unique=True)
    rows = list_rows(storage.fetch_pack_file(parent, SAMPLES), dropped)
    np.save(destination / DROPPED_ROWS, np.concatenate([known, rows]))


def _filter_rows(source: Path, target: Path, kept_M: Places) -> None:
    """Write the kept rows of cells or texts, in row groups of the same size as before."""
    with parquet.ParquetFile(source) as file:
        rows = file.metadata.row_group(0).num_rows if file.metadata.num_row_groups else BLOCK_ROWS
        with parquet.ParquetWriter(target, file.schema_arrow, compression="zstd") as writer:
            first = 0
            for batch in file.iter_batches(rows):
                start, stop = np.searchsorted(kept_M, (first, first + batch.num_rows))
                first += batch.num_rows
                if stop > start:
                    inside = pa.array(kept_M[start:stop] - (first - batch.num_rows))
                    writer.write_batch(batch.take(inside), row_group_size=rows)


def _copy(source: Path, target: Path, _: Places) -> None:
    try:
        target.hardlink_to(source)
    except OSError:  # another file system
        shutil.copyfile(source, target)


def _hash(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _count_pictures(statistics: dict[str, Any], samples: Path) -> dict[str, Any]:
    """Return the statistics of a version's pictures; `statistics` are those of all of its parent's."""
    sizes = parquet.read_table(samples, columns=["width", "height"])
    counted = Counter(zip(sizes["width"].to_pylist(), sizes["height"].to_pylist(), strict=True))
    common = sorted(counted.items(), key=lambda size: (-size[1], size[0]))[: len(statistics["sizes"])]
    kept = {**statistics, "size_count": len(counted)}
    kept["sizes"] = {f"{width}x{height}": count for (width, height), count in common}
    for name in ("modes", "encodings"):  # not known picture by picture
        counts = kept.pop(name, {})
        if len(counts) == 1:
            kept[name] = dict.fromkeys(counts, len(sizes))
    return kept


def count_statistics(
    parent: Dataset, folder: Path, labels_M: Labels, added: Sequence[AddedLabel] = ()
) -> dict[str, Any]:
    """Return the parent's statistics with the counts of a version.

    Modes and encodings are not known picture by picture: they are left out where samples were dropped and
    not all of the parent's pictures have the same.

    Args:
        parent: the version before.
        folder: of the new pack.
        labels_M: new labels.
        added: labels that follow the parent's.

    """
    names = [*(parent.class_names or ()), *(each.name for each in added)]
    counts = np.bincount(labels_M, minlength=len(names)).tolist()
    by_class = dict(zip(names, counts, strict=True))
    splits = parquet.read_table(folder / SAMPLES, columns=["split"])["split"]
    named = Counter(pc.fill_null(splits.cast(pa.string()), "").to_pylist())
    statistics = {**(parent.statistics or {}), "class_counts": by_class, "problem_counts": {}, "left_out": 0}
    if dataset_service.has_sets(parent):
        statistics["member_counts"] = count_members(by_class, require_sets(parent))
        statistics["layout"] = _add_spellings(statistics.get("layout", {}), added)
    if statistics.get("sizes") and len(labels_M) != parent.sample_count:
        statistics = _count_pictures(statistics, folder / SAMPLES)
    statistics["split_counts"] = {} if set(named) == {""} else dict(named)
    understood = dict(statistics.get("understood") or {})
    if understood:
        understood |= {"samples": len(labels_M), "left_out_samples": 0, "class_count": len(names)}
        understood["classes"] = [
            {**each, "samples": by_class.get(each["name"], 0)} for each in understood.get("classes", [])
        ]
        if dataset_service.has_sets(parent):
            understood |= summarise_sets(statistics["member_counts"], by_class, require_sets(parent))
        statistics["understood"] = understood
    return statistics


def _add_spellings(layout: Json, added: Sequence[AddedLabel]) -> Json:
    """Return the layout of an upload with the spellings of labels that follow its own."""
    stored = layout.get("class_spellings")
    if stored is None:
        return layout
    return {**layout, "class_spellings": [*stored, *(encode_spelling(each.spelling) for each in added)]}
