"""An encoder's features of every sample, as an array and as a table."""

from collections.abc import Iterator

import numpy as np
import pyarrow as pa
from pyarrow import parquet

from app.audits import audit_service
from app.exports.audit_source import AuditSource
from app.exports.files.block_sink import BlockSink
from app.exports.files.npy_writer import write_npy
from app.exports.registry import BINARY, PARQUET, ExportFile
from app.features import feature_files, feature_service
from app.features.feature_files import FeatureRows
from app.infra.errors import NotFound
from app.tables import FeatureSet


def write_features(source: AuditSource) -> ExportFile:
    """Write the features [N, D] by position, float16, as they are stored."""
    found, rows = _open_features(source)
    blocks = write_npy(feature_files.STORED, rows.shape, rows.blocks())
    return ExportFile(name=f"{found.encoder}.npy", media_type=BINARY, blocks=blocks)


def write_feature_table(source: AuditSource) -> ExportFile:
    """Write position, key and features, a list of float32 in each row."""
    found, rows = _open_features(source)
    samples = source.storage.fetch_pack_file(source.dataset, "samples.parquet")
    keys = parquet.read_table(samples, columns=["key"])["key"]
    facts = {"encoder": found.encoder, "encoder_sha256": found.encoder_sha256}
    blocks = _write_parquet(rows, keys, facts)
    return ExportFile(name=f"{found.encoder}.parquet", media_type=PARQUET, blocks=blocks)


def _open_features(source: AuditSource) -> tuple[FeatureSet, FeatureRows]:
    with source.database.transaction() as session:
        runs = audit_service.list_runs(session, [source.audit.id])[source.audit.id]
        set_id = next((run.feature_set_id for run in runs if run.is_chosen), None)
        if set_id is None:
            raise NotFound("this audit was trained on its samples themselves, not on an encoder's features")
        found = session.get_one(FeatureSet, set_id)
        shards = feature_service.list_shards(session, set_id)
    return found, feature_files.open_rows(source.storage, found, shards)


def _write_parquet(rows: FeatureRows, keys: pa.ChunkedArray, facts: dict[str, str]) -> Iterator[bytes]:
    """Yield a Parquet file, one row group for each block of rows."""
    features = pa.list_(pa.float32(), rows.shape[1])
    fields = [("position", pa.int64()), ("key", pa.string()), ("features", features)]
    sink = BlockSink()
    with parquet.ParquetWriter(sink, pa.schema(fields, metadata=facts), compression="none") as writer:
        start = 0
        for block in rows.blocks():
            values = pa.FixedSizeListArray.from_arrays(block.astype(np.float32).ravel(), rows.shape[1])
            position = np.arange(start, start + len(block))
            columns = [position, keys.slice(start, len(block)).combine_chunks(), values]
            writer.write_table(pa.table(columns, schema=writer.schema))
            start += len(block)
            yield sink.take()
    yield sink.take()
