"""Writing of texts: the texts beside the pack; their reduced vectors and signatures as the pack itself."""

from __future__ import annotations

import unicodedata
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from models.catalogue.kinds import SIGNATURE, TERMS, TEXTS, TEXTS_FILE
from worker.formats.packs.npy import NpyWriter
from worker.formats.packs.written_pack import WrittenPack, check_pack_bytes, find_labelled_rows, join_parts
from worker.formats.shared.array_checks import check_count
from worker.formats.shared.compact_texts import Texts
from worker.kinds.feature_packs import stack_columns
from worker.kinds.text_sketches import sign_texts
from worker.kinds.text_terms import split_blocks
from worker.kinds.text_vectors import WIDTH, Reduction, TermWeights

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray

    from worker.formats.packs.written_pack import Report
    from worker.formats.shared.sample import Columns, Documents, Ingestion, TextBatch

LENGTH_MAX = 20_000
"""Characters of a text that are read: about ten pages."""
GROUP_ROWS = 1_024
"""Rows that are read to show one: milliseconds for short texts."""


def write_texts(source: Documents, ingestion: Ingestion, path: Path, report: Report) -> WrittenPack:
    """Write the labelled texts that are not empty."""
    kept: list[NDArray[np.int64]] = []
    columns: list[Columns] = []
    texts = Texts()
    done = cut = 0
    for batch in source.batches:
        rows = np.arange(done, done + len(batch.texts))
        done += len(rows)
        check_count(done, ingestion)
        check_pack_bytes(done * (WIDTH + SIGNATURE) * 2, ingestion)
        usable = _find_usable_rows(batch, source.row_numbers(rows), ingestion)
        for row in np.flatnonzero(usable).tolist():
            text = batch.texts[row] or ""
            cut += len(text) > LENGTH_MAX
            texts.append(clean_text(text))
        kept.append(rows[usable])
        columns.append(batch.columns)
        report(done, source.total)
    if cut:
        ingestion.understood.note(
            "texts_cut",
            f"{cut} texts are longer than {LENGTH_MAX:,} characters: the rest of each is not read",
        )
    _write_texts_file(texts, path.with_name(TEXTS_FILE))
    _write_vectors(texts, path, ingestion)
    kept_rows = join_parts(kept, np.int64)
    lengths = [texts.count_bytes(row) for row in range(len(texts))]
    return WrittenPack(
        kind=TEXTS,
        shape=(WIDTH + SIGNATURE,),
        rows=kept_rows,
        row_numbers=source.row_numbers(kept_rows),
        columns=stack_columns(columns),
        statistics={"text_count": len(texts), "median_text_bytes": int(np.median(lengths or [0]))},
        names=source.names,
        locations=source.locations(),
    )


def clean_text(text: str) -> str:
    """Return a text as it is stored: composed characters, no blanks around it, no more than LENGTH_MAX."""
    cut = text.strip()[:LENGTH_MAX].replace("\x00", "\N{REPLACEMENT CHARACTER}")
    return unicodedata.normalize("NFC", cut.encode("utf-8", "replace").decode("utf-8"))


def _find_usable_rows(
    batch: TextBatch, numbers: NDArray[np.int64], ingestion: Ingestion
) -> NDArray[np.bool_]:
    """Return which rows have a text and a label; the others are logged."""
    keys = batch.columns.keys
    filled = np.array([text is not None and bool(text.strip()) for text in batch.texts], np.bool_)
    for row in np.flatnonzero(~filled).tolist():
        key = str(numbers[row]) if keys is None else keys[row]
        ingestion.problems.add(key, "empty_text", "expected a text; found none, or blanks alone")
    return filled & find_labelled_rows(batch.columns, ingestion, numbers)


def _write_texts_file(texts: Texts, path: Path) -> None:
    schema = pa.schema({"text": pa.string()})
    with pq.ParquetWriter(path, schema, compression="zstd") as writer:
        for start in range(0, len(texts), GROUP_ROWS):
            writer.write_table(pa.table({"text": texts[start : start + GROUP_ROWS]}, schema))


def _write_vectors(texts: Texts, path: Path, ingestion: Ingestion) -> None:
    """Write the pack, and the weights of the terms beside it."""
    weights = TermWeights.count(texts, on_block=ingestion.alive)
    weights.save(path.with_name(TERMS))
    reduction = Reduction.fit(weights, texts)
    ingestion.alive()
    with NpyWriter(path, (WIDTH + SIGNATURE,), TEXTS.dtype) as pack:
        for block in split_blocks(texts):
            some = texts[block]
            rows = np.empty((len(some), WIDTH + SIGNATURE), np.int16)
            rows[:, :WIDTH] = reduction.apply(weights.weigh(some)).view(np.int16)
            rows[:, WIDTH:] = sign_texts(some)
            pack.append(rows)
            ingestion.alive()
