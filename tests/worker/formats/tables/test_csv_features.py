from __future__ import annotations

import gzip
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow.csv
import pytest

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from worker.ingest.pack_building import IngestError


@pytest.fixture
def table(tmp_path: Path) -> Callable[..., Path]:
    def write(text: str | bytes, name: str = "upload.csv") -> Path:
        path = tmp_path / name
        data = text if isinstance(text, bytes) else text.encode()
        path.write_bytes(gzip.compress(data) if name.endswith(".gz") else data)
        return path

    return write


def rows(count: int = 12, header: str = "a,b,label") -> list[str]:
    return [header, *(f"{row}.5,{-row},{'xy'[row % 2]}" for row in range(count))]


@pytest.mark.parametrize("name", ["upload.csv", "upload.csv.gz", "no-extension"])
def test_features_labels_and_row_numbers(
    build: Callable[..., Any], table: Callable[..., Path], name: str
) -> None:
    built = build(table("\n".join(rows()), name))
    assert built.ingested.format == "csv"
    assert built.ingested.statistics["feature_names"] == ["a", "b"]
    np.testing.assert_array_equal(built.pack, [[row + 0.5, -row] for row in range(12)])
    assert built.given == ["x", "y"] * 6
    assert built.keys == [str(row) for row in range(12)]


@pytest.mark.parametrize("label", ["label", "Labels", "class", "TARGET", "y", "given_label"])
def test_usual_label_names(build: Callable[..., Any], table: Callable[..., Path], label: str) -> None:
    assert build(table("\n".join(rows(header=f"a,b,{label}")))).given == ["x", "y"] * 6


@pytest.mark.parametrize("missing", ["#DIV/0!", "#VALUE!", "-1.#QNAN", "nil"])
def test_numbers_with_missing_ones_may_not_be_the_label(
    build: Callable[..., Any], table: Callable[..., Path], missing: str
) -> None:
    lines = ["ratio,kind", *(f"{row % 5 if row % 4 else missing},{'xy'[row % 2]}" for row in range(24))]
    built = build(table("\n".join(lines)))
    assert built.ingested.class_names == ("x", "y")
    assert len(built.problems) == 6


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_special_columns_and_delimiters(
    build: Callable[..., Any], table: Callable[..., Path], delimiter: str
) -> None:
    lines = ["id,true_label,a,split,label"] + [f"r{row},{row % 3},{row},train,{row % 2}" for row in range(12)]
    built = build(table("\ufeff" + "\r\n".join(lines).replace(",", delimiter)))
    assert built.keys == [f"r{row}" for row in range(12)]
    assert built.true == [str(row % 3) for row in range(12)]
    assert built.splits == ["train"] * 12
    assert built.ingested.class_names == ("0", "1", "2")
    assert built.ingested.shape == (1,)


def test_chosen_columns(
    build: Callable[..., Any], refusal: Callable[..., IngestError], table: Callable[..., Path]
) -> None:
    path = table(
        "\n".join(["name,kind,label,was"] + [f"n{row},{'pq'[row % 2]},{row},p" for row in range(12)])
    )
    built = build(path, label_column="kind", key_column="name", truth_column="was")
    assert (built.given, built.keys[0], built.true) == (["p", "q"] * 6, "n0", ["p"] * 12)
    assert built.ingested.statistics["feature_names"] == ["label"]
    assert refusal(path, label_column="sort").code == "missing_column"
    assert refusal(path).code == "labels_unique"


def test_rows_that_cannot_be_used_are_problems_with_their_row_numbers(
    build: Callable[..., Any], table: Callable[..., Path]
) -> None:
    lines = rows(20)
    for row, text in ((2, "1,inf,y"), (3, "1,1e300,y"), (4, "1,2"), (5, "1,2,"), (6, ",,")):
        lines[row + 1] = text
    built = build(table("\n".join(lines)))
    assert built.ingested.kind == "features"
    assert sorted(built.problems) == [
        ("2", "non_finite_feature"),
        ("3", "non_finite_feature"),
        ("4", "bad_row"),
        ("5", "missing_label"),
        ("6", "missing_label"),
        ("6", "non_finite_feature"),
    ]
    assert built.keys == [str(row) for row in range(20) if not 2 <= row <= 6]
    assert [row[0] for row in built.pack.tolist()] == [float(key) + 0.5 for key in built.keys]


def test_only_bad_rows_are_refused_with_the_reason(
    refusal: Callable[..., IngestError], table: Callable[..., Path]
) -> None:
    error = refusal(table("\n".join(["a,label"] + [f"inf,{row % 2}" for row in range(12)])))
    assert error.code == "too_few_samples"
    assert "non_finite_feature" in str(error)


def test_blocks_of_a_long_table_join_without_a_seam(
    build: Callable[..., Any], table: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("worker.formats.tables.csv_features._BLOCK_BYTES", 200)
    lines = rows(500)
    lines[101] = "1,2,3,4"
    lines[301] = "inf,1,y"
    built = build(table("\n".join(lines)))
    assert sorted(built.problems) == [("100", "bad_row"), ("300", "non_finite_feature")]
    assert built.keys == [str(row) for row in range(500) if row not in (100, 300)]
    assert built.pack[:, 0].tolist() == [float(key) + 0.5 for key in built.keys]


def test_whole_floats_and_integers_are_one_label(
    build: Callable[..., Any], table: Callable[..., Path]
) -> None:
    lines = ["a,label,true_label"] + [
        f"{row},{row % 2},{'' if row == 3 else f'{row % 2}.0'}" for row in range(12)
    ]
    built = build(table("\n".join(lines)))
    assert built.ingested.class_names == ("0", "1")
    assert built.true[:4] == ["0", "1", "0", None]


def test_duplicate_keys_are_made_unique_and_listed(
    build: Callable[..., Any], table: Callable[..., Path]
) -> None:
    lines = ["id,a,label"] + [f"{'same' if row in (2, 5, 7) else row},{row},{row % 2}" for row in range(12)]
    built = build(table("\n".join(lines)))
    assert [built.keys[row] for row in (2, 5, 7)] == ["same", "same~2", "same~3"]
    assert built.problems == [("same~2", "duplicate_key"), ("same~3", "duplicate_key")]
    assert built.ingested.statistics["duplicate_keys"] == 2


def test_pandas_index_column_is_the_key(build: Callable[..., Any], table: Callable[..., Path]) -> None:
    built = build(table("\n".join([",a,label"] + [f"{row + 7},{row},{row % 2}" for row in range(12)])))
    assert built.keys[0] == "7"
    assert built.ingested.shape == (1,)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("a,b,c\n1,2,3\n", "missing_column"),
        ("a,a,label\n1,2,3\n", "duplicate_column"),
        ("label\n1\n2\n", "feature_count"),
        ("a,label\n", "too_few_samples"),
        ("a,label", "bad_csv"),
        (b"a,label\n1,\xff\xfe\n", "bad_csv"),
        ("just a text\nwithout any table", "missing_column"),
        ("\n\n\n", "missing_column"),
    ],
)
def test_unusable_tables_are_refused(
    refusal: Callable[..., IngestError], table: Callable[..., Path], text: str | bytes, code: str
) -> None:
    assert refusal(table(text)).code == code


def test_numbers_agree_with_an_independent_reader(
    build: Callable[..., Any], table: Callable[..., Path]
) -> None:
    values = np.random.default_rng(0).normal(size=(200, 3)) * 10.0 ** np.arange(-20, 25, 20)
    path = table(
        "\n".join(
            ["a,b,c,label"]
            + [",".join(map(repr, row.tolist())) + f",{at % 2}" for at, row in enumerate(values)]
        )
    )
    expected = pyarrow.csv.read_csv(path)
    built = build(path)
    for column, name in enumerate("abc"):
        np.testing.assert_array_equal(built.pack[:, column], expected[name].to_numpy().astype(np.float32))


def test_one_table_in_an_archive_is_read_and_two_are_refused(
    build: Callable[..., Any], refusal: Callable[..., IngestError], zip_of: Callable[..., Path]
) -> None:
    data = "\n".join(rows()).encode()
    built = build(zip_of({"set/data.csv.gz": gzip.compress(data), "set/README.md": b"# a table"}))
    assert built.ingested.format == "csv"
    assert built.given == ["x", "y"] * 6
    assert refusal(zip_of({"a.csv": data, "b.csv": data})).code == "several_datasets"


@pytest.mark.parametrize(
    ("codec", "named"),
    [("utf-8", "utf-8"), ("utf-8-sig", "utf-8 with a byte order mark"), ("utf-16", "utf-16")],
)
def test_the_encoding_is_named_as_the_file_has_it(
    build: Callable[..., Any], tmp_path: Path, codec: str, named: str
) -> None:
    file = tmp_path / "t.csv"
    file.write_text(
        "\n".join(["size,label", *(f"{row},{'ab'[row % 2]}" for row in range(20))]), encoding=codec
    )
    assert build(file).ingested.statistics["understood"]["encoding"] == named
