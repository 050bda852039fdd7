"""Tables with categories, dates and blanks: types, what is left out, and the encoded rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from tests.worker.formats.conftest import Built
    from worker.ingest.pack_building import IngestError

COUNT = 40
LABELS = ["x", "y"] * (COUNT // 2)


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    def run(columns: dict[str, Sequence[object]], name: str = "table.csv") -> Path:
        path = tmp_path / name
        everything = {**columns, "label": LABELS}
        if name.endswith(".parquet"):
            pq.write_table(pa.table(everything), path)
            return path
        rows = zip(*everything.values(), strict=True)
        lines = [",".join("" if cell is None else str(cell) for cell in row) for row in rows]
        path.write_text("\n".join([",".join(everything), *lines]))
        return path

    return run


def read_cells(built: Built) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = pq.read_table(
        built.ingested.pack_path.with_name("cells.parquet")
    ).to_pylist()
    return rows


def read_types(built: Built) -> dict[str, str]:
    types: dict[str, str] = built.ingested.statistics["understood"]["column_types"]
    return types


def codes_of_notes(built: Built) -> set[str]:
    return {note["code"] for note in built.ingested.statistics["understood"]["notes"]}


def test_a_table_of_numbers_alone_stays_a_pack_of_numbers(
    build: Callable[..., Built], write: Callable[..., Path]
) -> None:
    built = build(write({"a": range(COUNT), "b": [0.5] * COUNT}))
    assert built.ingested.kind == "features"
    assert not built.ingested.pack_path.with_name("cells.parquet").exists()
    np.testing.assert_array_equal(built.pack[:2], [[0, 0.5], [1, 0.5]])


@pytest.mark.parametrize("name", ["table.csv", "table.parquet"])
def test_each_column_has_its_type(build: Callable[..., Built], write: Callable[..., Path], name: str) -> None:
    built = build(
        write(
            {
                "age": [None, *[20.5 + row % 7 for row in range(COUNT - 1)]],
                "city": ["Rome", "Oslo", None, "Rome"] * 10,
                "since": [f"2024-{1 + row % 12:02}-05" for row in range(COUNT)],
                "member": ["yes", "no"] * 20,
            },
            name,
        )
    )
    assert built.ingested.kind == "tables"
    assert read_types(built) == {"age": "number", "city": "category", "since": "date", "member": "boolean"}
    cells = read_cells(built)
    assert [cells[row]["city"] for row in range(4)] == ["Rome", "Oslo", None, "Rome"]
    assert cells[0]["age"] is None
    assert cells[1]["since"].isoformat() == "2024-02-05T00:00:00"
    assert [cells[0]["member"], cells[1]["member"]] == [True, False]
    assert built.ingested.statistics["feature_names"] == ["age", "city", "since", "member"]


def test_rows_are_encoded_on_one_scale_without_a_look_at_the_labels(
    build: Callable[..., Built], write: Callable[..., Path]
) -> None:
    columns = {"age": [None, 2.0, 4.0, 6.0] * 10, "city": ["Rome", "Oslo", None, "Rome"] * 10}
    built = build(write(columns))
    assert built.ingested.statistics["encoded_names"] == [
        "age", "age is blank", "city = Rome", "city = Oslo", "city is blank",
    ]  # fmt: skip
    far = 2 / np.sqrt(8 / 3)  # deviations of 2 and 6 from their mean, 4
    np.testing.assert_allclose(built.pack[:4, :2], [[0, 1], [-far, 0], [0, 0], [far, 0]], atol=1e-12)
    # Shares of 1/2, 1/4 and 1/4: the marks vary by 1 - 1/4 - 1/16 - 1/16 = 5/8.
    marks = (np.array([[1, 0, 0], [0, 1, 0], [0, 0, 1], [1, 0, 0]]) - [1 / 2, 1 / 4, 1 / 4]) / np.sqrt(5 / 8)
    np.testing.assert_allclose(built.pack[:4, 2:], marks)
    assert built.pack[:, 2:].var(0).sum() == pytest.approx(1)
    assert (built.pack == np.tile(built.pack[:4], (10, 1))).all()  # alike in cells, whatever the label


def test_rare_values_share_a_place(build: Callable[..., Built], write: Callable[..., Path]) -> None:
    kinds = ["common"] * 36 + ["rare", "rarer", "rare", None]
    built = build(write({"kind": kinds, "member": ["yes", "no"] * 20}))
    names = built.ingested.statistics["encoded_names"]
    assert names[:3] == ["kind = common", "kind = other", "kind is blank"]
    marked = (built.pack[:, :3] > 0).astype(int)
    assert marked[35:].tolist() == [[1, 0, 0], [0, 1, 0], [0, 1, 0], [0, 1, 0], [0, 0, 1]]


def test_a_category_of_very_many_values_has_few_places(build: Callable[..., Built], tmp_path: Path) -> None:
    path = tmp_path / "many.csv"
    # Streets 0 to 99 have 8 rows each, the other 500 have 4.
    streets = [*range(100), *range(600)] * 4
    rows = [f"c{street},{row % 3},{'xy'[row % 2]}" for row, street in enumerate(streets)]
    path.write_text("\n".join(["street,floor,label", *rows]))
    built = build(path)
    assert built.ingested.shape == (32 + 2 + 1,)
    assert built.ingested.statistics["encoded_names"][32:34] == ["street = other", "street, how frequent"]
    frequency = built.pack[:, 33]
    assert sorted(set(frequency.round(6))) == sorted({frequency[0].round(6), frequency[300].round(6)})
    assert frequency[0] > 0 > frequency[300]
    assert frequency.mean() == pytest.approx(0, abs=1e-9)
    assert frequency.std() == pytest.approx(1)
    assert "many_values" in codes_of_notes(built)


def test_columns_that_tell_nothing_are_left_out_and_named(
    build: Callable[..., Built], write: Callable[..., Path]
) -> None:
    columns = {
        "city": ["Rome", "Oslo"] * 20,
        "constant": ["same"] * COUNT,
        "nothing": [None] * COUNT,
        "person": [f"n{row}" for row in range(COUNT)],
        "order_id": [row * 17 % 1000 for row in range(COUNT)],
        "count": [row + 100 for row in range(COUNT)],
        "remark": [f"a remark of words {row}" for row in range(COUNT)],
    }
    built = build(write(columns))
    assert list(read_types(built)) == ["city"]
    left_out = {
        each["column"]: each["reason"] for each in built.ingested.statistics["understood"]["left_out"]
    }
    assert left_out == {
        "constant": "the same in every row",
        "nothing": "blank in every row",
        "person": "an id: nearly every row has its own value",
        "order_id": "an id, by its name and because nearly every row has its own number",
        "count": "an index: its values count up by one",
        "remark": "a text of many words",
    }
    again = build(write(columns), include_columns=["person", "count"])
    assert read_types(again) == {"city": "category", "person": "category", "count": "number"}


def test_an_id_is_offered_as_the_name_of_the_samples(
    build: Callable[..., Built], write: Callable[..., Path]
) -> None:
    columns = {"city": ["Rome", "Oslo"] * 20, "client": [f"K-{row}" for row in range(COUNT)]}
    notes = [note["text"] for note in build(write(columns)).ingested.statistics["understood"]["notes"]]
    (offer,) = [text for text in notes if "key_column=client" in text]
    assert "not a feature: it is an id" in offer
    named = build(write(columns), key_column="client")
    assert "key_column" not in str(named.ingested.statistics["understood"]["notes"])
    texts = {"message": [f"{row} is a message of words" for row in range(COUNT)], "client": columns["client"]}
    notes = [note["text"] for note in build(write(texts)).ingested.statistics["understood"]["notes"]]
    assert "column 'client' is an id: nearly every row has its own value (key_column=client names" in str(
        notes
    )
    # A column that has the usual name of a key is one already, and nothing else is offered.
    built = build(write({"id": [f"r{row}" for row in range(COUNT)], **columns}))
    assert "key_column" not in str(built.ingested.statistics["understood"]["notes"])


def test_nothing_but_such_columns_is_refused(
    refusal: Callable[..., IngestError], write: Callable[..., Path]
) -> None:
    error = refusal(write({"person": [f"n{row}" for row in range(COUNT)]}))
    assert error.code == "feature_count"
    assert "'person' (an id: nearly every row has its own value)" in str(error)


def test_odd_cells_of_a_column_of_numbers_are_blank_and_said(
    build: Callable[..., Built], write: Callable[..., Path]
) -> None:
    columns = {"age": ["unknown", *[row % 9 for row in range(COUNT - 1)]], "city": ["Rome", "Oslo"] * 20}
    built = build(write(columns))
    assert read_types(built)["age"] == "number"
    assert read_cells(built)[0]["age"] is None
    (note,) = [
        note for note in built.ingested.statistics["understood"]["notes"] if note["code"] == "odd_cells_blank"
    ]
    assert "1 of 40 values of column 'age'" in note["text"]
    assert note["option"] == "column_types"
    as_categories = build(write(columns), column_types=["age=category"])
    assert read_cells(as_categories)[0]["age"] == "unknown"


def test_numbers_and_texts_mixed_are_categories(
    build: Callable[..., Built], write: Callable[..., Path]
) -> None:
    columns = {"code": ["1", "2", "A", "2"] * 10, "size": [1.5, 2.5] * 20}
    built = build(write(columns))
    assert read_types(built) == {"code": "category", "size": "number"}
    assert "mixed_column" in codes_of_notes(built)
    as_numbers = build(write(columns), column_types=["code=number"])
    assert [row["code"] for row in read_cells(as_numbers)[:4]] == [1, 2, None, 2]


def test_a_type_that_is_asked_for_makes_plain_numbers_a_table(
    build: Callable[..., Any], refusal: Callable[..., IngestError], write: Callable[..., Path]
) -> None:
    path = write({"zip": [1000 + row % 3 for row in range(COUNT)]})
    built = build(path, column_types=["zip=category"])
    assert built.ingested.kind == "tables"
    assert [row["zip"] for row in read_cells(built)[:3]] == ["1000", "1001", "1002"]
    assert refusal(path, column_types=["zap=category"]).code == "missing_column"
    assert refusal(path, column_types=["zip=date"]).code == "column_not_a_date"


def test_the_order_of_day_and_month_is_found_or_said(
    build: Callable[..., Built], write: Callable[..., Path]
) -> None:
    clear = build(write({"day": [f"{1 + row % 28:02}/03/2024" for row in range(COUNT)]}))
    assert read_cells(clear)[13]["day"].isoformat() == "2024-03-14T00:00:00"
    assert "date_order" not in codes_of_notes(clear)
    unclear = build(write({"day": [f"{1 + row % 12:02}/{1 + row % 3:02}/2024" for row in range(COUNT)]}))
    assert "date_order" in codes_of_notes(unclear)


def test_blank_rows_and_infinite_numbers_are_left_out(
    build: Callable[..., Built], write: Callable[..., Path]
) -> None:
    columns = {"a": [None, "inf", *range(COUNT - 2)], "city": [None, *["Rome"] * 20, *["Oslo"] * 19]}
    built = build(write(columns))
    assert sorted(built.problems) == [("0", "non_finite_feature"), ("1", "non_finite_feature")]
    assert len(read_cells(built)) == len(built.pack) == COUNT - 2
    assert built.keys[0] == "2"


def test_a_blank_far_down_is_found_by_reading_again(
    build: Callable[..., Built], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("worker.formats.tables.csv_features._BLOCK_BYTES", 300)
    path = tmp_path / "long.csv"
    rows = [f"{row % 17}.5,{row % 3},{'xy'[row % 2]}" for row in range(400)]
    rows[10], rows[390] = "1,2,3,4", ",1,x"
    path.write_text("\n".join(["a,b,label", *rows]))
    built = build(path)
    assert built.ingested.kind == "tables"
    assert built.problems == [("10", "bad_row")]  # once, though the table was read twice and more
    assert read_cells(built)[389]["a"] is None
    assert built.keys[389] == "390"


def test_typed_columns_of_parquet_need_no_guess(build: Callable[..., Built], tmp_path: Path) -> None:
    table = pa.table(
        {
            "when": pa.array([row * 86_400_000 for row in range(COUNT)], pa.timestamp("ms", "Europe/Oslo")),
            "kind": pa.array(["a", "b"] * 20).dictionary_encode(),
            "flag": pa.array([True, False, None, True] * 10),
            "parts": pa.array([b"x"] * COUNT),
            "label": LABELS,
        }
    )
    pq.write_table(table, tmp_path / "typed.parquet")
    built = build(tmp_path / "typed.parquet")
    assert read_types(built) == {"when": "date", "kind": "category", "flag": "boolean"}
    assert read_cells(built)[1]["when"].isoformat() == "1970-01-02T00:00:00"
    assert "of the type binary" in built.ingested.statistics["understood"]["left_out"][0]["reason"]


def test_a_category_that_repeats_the_label_is_noted(
    build: Callable[..., Built], write: Callable[..., Path]
) -> None:
    built = build(write({"outcome": ["good", "bad"] * 20, "city": ["Rome", "Oslo", None, "Rome"] * 10}))
    (note,) = [
        note
        for note in built.ingested.statistics["understood"]["notes"]
        if note["code"] == "column_gives_label_away"
    ]
    assert "'outcome'" in note["text"]
    assert "'city'" not in note["text"]


def test_days_of_the_year_9999_and_huge_numbers_are_read(
    build: Callable[..., Built], write: Callable[..., Path]
) -> None:
    columns = {
        "until": ["9999-12-31", "2024-05-31"] * 20,
        "size": ["1e308", "2"] * 20,
        "count": ["99999999999999999999", "1", "", "2"] * 10,
    }
    built = build(write(columns))
    assert read_types(built) == {"until": "date", "size": "number", "count": "number"}
    assert read_cells(built)[0]["until"].isoformat() == "9999-12-31T00:00:00"
    assert np.isfinite(built.pack).all()
    assert np.abs(built.pack).max() <= 1e6


def test_points_of_thousands_are_none_of_fractions(
    build: Callable[..., Built], write: Callable[..., Path]
) -> None:
    prices = ["1.200", "950", "1.234.567", "2.000"] * 10
    both = ["1.234,5", "7,25", "-2.000", "3"] * 10
    built = build(write({"price": prices, "both": [f'"{text}"' for text in both]}))
    assert [row["price"] for row in read_cells(built)[:4]] == [1200, 950, 1_234_567, 2000]
    assert [row["both"] for row in read_cells(built)[:4]] == [1234.5, 7.25, -2000, 3]
    np.testing.assert_allclose(built.pack[:, 0].mean(), 0, atol=1e-6)


def test_odd_cells_are_shown_and_no_good_ones(
    build: Callable[..., Built], write: Callable[..., Path]
) -> None:
    days = [f"2024-05-{1 + row % 28:02}" for row in range(COUNT - 1)]
    built = build(write({"since": [*days, "soon"], "a": ["x", *[f"1.{row}" for row in range(COUNT - 1)]]}))
    notes = built.ingested.statistics["understood"]["notes"]
    odd = [note["text"] for note in notes if note["code"] == "odd_cells_blank"]
    assert len(odd) == 2
    assert "('soon')" in odd[0]
    assert "('x')" in odd[1]
