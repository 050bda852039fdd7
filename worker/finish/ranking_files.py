"""The ranking as files: CSV (RFC 4180) and Parquet with the same rows in the same order."""

import base64
import hashlib
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
from pyarrow import csv, parquet

from app.exports.files.arrow_csv import escape_formulas
from app.infra.storage import Storage
from models.catalogue.score_columns import FILE_COLUMNS
from worker.jobs.atomic_files import write_atomically


def build_ranking_table(
    rows: pa.Table,
    samples: pa.Table,
    class_names: list[str],
    truth_N: npt.NDArray[np.int64] | None,
) -> pa.Table:
    """Return the public columns of a ranking, in order of rank.

    Args:
        rows: scores in order of rank, from `worker.jobs.score_rows.build_rows`.
        samples: `position`, `key` and `split` of every sample in order of position.
        class_names: index = label.
        truth_N: the true label of every position, -1 where unknown; None: no true labels.

    """
    names = pa.array(class_names, pa.string())
    positions = rows["position"].combine_chunks()
    samples = samples.take(positions)
    named = {
        "position": positions,
        "key": samples["key"],
        "split": samples["split"],
        "given_label": names.take(rows["given_label"].combine_chunks()),
        "suggested_label": names.take(rows["suggested_label"].combine_chunks()),
    }
    columns = {
        name: named[name] if name in named else rows[name]
        for name in FILE_COLUMNS
        if name in named or name in rows.column_names
    }
    if truth_N is not None:
        columns |= _build_truth_columns(truth_N[positions.to_numpy()], rows, names)
    return pa.table(columns)


def _build_truth_columns(
    truth: npt.NDArray[np.int64], rows: pa.Table, names: pa.Array
) -> dict[str, pa.Array]:
    unknown = truth < 0
    given = rows["given_label"].to_numpy()
    return {
        "true_label": names.take(pa.array(truth, mask=unknown)),
        "is_error": pa.array(truth != given, mask=unknown),
    }


def write(table: pa.Table, storage: Storage, folder: Path, *, version: int) -> dict[str, Any]:
    """Publish both files; return path, size and digests by public name."""
    paths = {
        name: folder / f"ranking.v{version}.{name.rpartition('.')[2]}"
        for name in ("ranking.csv", "ranking.parquet")
    }
    options = csv.WriteOptions(eol="\r\n")
    write_atomically(paths["ranking.csv"], lambda file: csv.write_csv(escape_formulas(table), file, options))
    write_atomically(
        paths["ranking.parquet"], lambda file: parquet.write_table(table, file, compression="zstd")
    )
    descriptions = {name: _describe_file(path) for name, path in paths.items()}
    for path in paths.values():
        storage.publish(path)
    return descriptions


def write_issues(rows: pa.Table, storage: Storage, folder: Path, *, class_names: list[str]) -> dict[str, Any]:
    """Publish the issues of an audit as CSV; return path, size and digests by public name."""
    names = pa.array(class_names, pa.string())
    table = rows.select(["kind", "number", "position", "key"])
    table = table.append_column("given_label", names.take(rows["given_label"].combine_chunks()))
    table = table.append_column("group", rows["group_number"])
    table = table.append_column("score", rows["score"]).append_column("detail", rows["detail"])
    path = folder / "issues.csv"
    write_atomically(
        path, lambda file: csv.write_csv(escape_formulas(table), file, csv.WriteOptions(eol="\r\n"))
    )
    descriptions = {path.name: _describe_file(path)}
    storage.publish(path)
    return descriptions


def _describe_file(path: Path) -> dict[str, Any]:
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").digest()
    return {
        "path": path.name,
        "bytes": path.stat().st_size,
        "sha256": digest.hex(),
        "repr_digest": f"sha-256=:{base64.b64encode(digest).decode()}:",
    }
