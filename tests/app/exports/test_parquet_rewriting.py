"""A rewritten Parquet file differs from the uploaded one in final labels and dropped rows alone."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from pyarrow import parquet

from app.exports.files.final_rows import UNCHANGED, FinalRows
from app.exports.files.parquet_rewriting import NewLabels, rewrite_parquet
from app.http.work_apart import TooMuchWork, call_apart
from app.infra.errors import Invalid, NoSpace

COUNT = 600
MEBIBYTE = 2**20


def rewrite(
    folder: Path, table: pa.Table, changed: Mapping[int, object], *, dropped: int, rows: int
) -> parquet.ParquetFile:
    """Write a table in groups of `rows` rows, change labels by row, drop one row, and return the new file."""
    values = dict(enumerate(dict.fromkeys(changed.values())))
    labels = {value: label for label, value in values.items()}
    kept = np.array([row for row in range(len(table)) if row != dropped])
    final = [labels[changed[row]] if row in changed else UNCHANGED for row in kept.tolist()]
    parquet.write_table(table, folder / "given.parquet", row_group_size=rows)
    rewrite_parquet(
        str(folder / "given.parquet"),
        str(folder / "written.parquet"),
        finals=FinalRows(kept, np.array(final, np.int32)),
        changes={table.schema.names.index("label"): NewLabels(values)},
    )
    return parquet.ParquetFile(folder / "written.parquet")


def test_the_order_of_categories_stays_also_of_those_that_no_row_has(tmp_path: Path) -> None:
    texts = [None if row % 50 == 7 else ("high", "low")[row % 2] for row in range(COUNT)]
    given = pd.Categorical(texts, categories=["low", "mid", "high", "best"], ordered=True)
    frame = pd.DataFrame({"x": range(COUNT), "label": given})
    changed = {3: "mid", 4: "low", 580: "best"}
    written = rewrite(tmp_path, pa.Table.from_pandas(frame), changed, dropped=10, rows=250)
    found = pd.read_parquet(tmp_path / "written.parquet")["label"]
    assert found.cat.categories.tolist() == ["low", "mid", "high", "best"]
    assert found.cat.ordered
    for row, text in changed.items():
        texts[row] = text
    assert [None if pd.isna(text) else text for text in found] == [*texts[:10], *texts[11:]]
    assert written.schema_arrow.equals(parquet.read_schema(tmp_path / "given.parquet"), check_metadata=True)


def test_groups_of_rows_with_categories_of_their_own_are_put_together_as_before(tmp_path: Path) -> None:
    kind = pa.dictionary(pa.int8(), pa.string(), ordered=True)
    parts = [["low"], ["mid", "high"], ["high", "low", "best"]]
    chunks = [
        pa.DictionaryArray.from_arrays(pa.array([0] * 300, pa.int8()), pa.array(part), ordered=True)
        for part in parts
    ]
    table = pa.table({"label": pa.chunked_array(chunks, kind)})
    written = rewrite(tmp_path, table, {5: "high", 6: "new", 700: "mid"}, dropped=899, rows=300)
    batches = [batch.column(0) for batch in written.iter_batches(512)]
    assert batches[0].dictionary.to_pylist() == ["low", "mid", "high", "best", "new"]
    assert {batch.indices[0].as_py() for batch in batches} == {0}, "unchanged rows keep their number"
    unified = written.read().unify_dictionaries()["label"]
    assert unified.chunk(0).dictionary.to_pylist() == ["low", "mid", "high", "best", "new"]
    expected = ["low"] * 300 + ["mid"] * 300 + ["high"] * 299
    expected[5], expected[6], expected[700] = "high", "new", "mid"
    assert unified.to_pylist() == expected


def test_categories_without_a_number_for_another_one_are_refused(tmp_path: Path) -> None:
    labels = pa.DictionaryArray.from_arrays(
        pa.array(range(128), pa.int8()), pa.array([f"c{at}" for at in range(128)])
    )
    with pytest.raises(Invalid, match="has no number for one of 129 categories"):
        rewrite(tmp_path, pa.table({"label": labels}), {5: "new"}, dropped=0, rows=128)


@pytest.mark.parametrize("kind", [pa.string(), pa.large_string(), pa.string_view()], ids=str)
def test_every_type_of_text_is_changed_and_goes_with_the_rows(tmp_path: Path, kind: pa.DataType) -> None:
    texts = [None if row % 50 == 7 else ("a", "b")[row % 2] for row in range(COUNT)]
    columns = {
        "label": pa.array(texts, kind),
        "view": pa.array([b"%d" % row for row in range(COUNT)], pa.binary_view()),
        "inner": pa.array([[str(row)] for row in range(COUNT)], pa.list_(pa.string_view())),
    }
    table = pa.table(columns)
    written = rewrite(tmp_path, table, {3: "c"}, dropped=10, rows=400)
    texts[3] = "c"
    expected = table.set_column(0, "label", pa.array(texts, kind)).to_pylist()
    assert written.schema_arrow == table.schema
    assert written.read().to_pylist() == [*expected[:10], *expected[11:]]


def bomb(folder: Path) -> tuple[Path, int]:
    """Write a file whose column of categories needs forty times its bytes in small groups of rows."""
    random, rows = np.random.default_rng(0), 4_000
    values = pa.array([random.bytes(20_000) for _ in range(100)], pa.binary())
    column = pa.DictionaryArray.from_arrays(pa.array(random.integers(0, 100, rows), pa.int32()), values)
    table = pa.table({"label": ["a", "b"] * (rows // 2), "extra": column})
    file = folder / "bomb.parquet"
    parquet.write_table(table, file, store_schema=False, dictionary_pagesize_limit=1 << 28)
    assert file.stat().st_size < 3 * MEBIBYTE
    return file, rows


def rewrite_apart(folder: Path, **limits: int) -> int:
    """Rewrite the bomb in a process of its own and return the length of what it wrote."""
    file, rows = bomb(folder)
    arguments = {
        "source": str(file),
        "destination": str(folder / "written.parquet"),
        "finals": FinalRows(np.arange(rows), np.full(rows, UNCHANGED, np.int32)),
        "changes": {0: NewLabels({})},
        "reserve_bytes": limits.pop("reserve_bytes", 0),
    }
    call_apart(rewrite_parquet, arguments, what="a Parquet file", memory_bytes=512 * MEBIBYTE, **limits)
    return (folder / "written.parquet").stat().st_size


def test_a_file_that_would_become_too_long_is_refused(tmp_path: Path) -> None:
    assert rewrite_apart(tmp_path, file_bytes=256 * MEBIBYTE) > 20 * MEBIBYTE
    with pytest.raises(TooMuchWork, match="a longer file"):
        rewrite_apart(tmp_path, file_bytes=16 * MEBIBYTE)
    assert (tmp_path / "written.parquet").stat().st_size <= 16 * MEBIBYTE


def test_the_reserve_of_the_disk_stays_free(tmp_path: Path) -> None:
    with pytest.raises(NoSpace, match="no room on the disk for what is made of a Parquet file"):
        rewrite_apart(tmp_path, reserve_bytes=1 << 60)
