"""Tables of text: what is read, and what is written back."""

import io

import pytest

from models.reading.class_lookup import ClassLookup
from models.reading.label_texts import decode_spelling, encode_spelling, format_label, make_comparable
from models.reading.record_cells import append_cell, replace_cell
from models.reading.text_encodings import TableError, decode_text, find_mark, open_lines
from models.reading.text_lists import format_line, parse_line
from models.reading.text_tables import TableStyle, find_style, read_records

COMMAS = TableStyle(encoding="utf-8", delimiter=",", columns=("a", "b", "c"), lines_before=0)


def test_a_file_stays_open_after_some_of_its_lines() -> None:
    file = io.BytesIO(b"a,b\n" * 1000)
    find_style(open_lines(file, "utf-8"), encoding="utf-8")
    file.seek(0)
    assert len(list(open_lines(file, "utf-8"))) == 1000


@pytest.mark.parametrize(
    ("raw", "column", "text", "expected"),
    [
        ("a,b,c\r\n", 1, "x", "a,x,c\r\n"),
        ('a,"b ""b""",c\n', 1, "x", 'a,"x",c\n'),
        ("a,b", 1, "x,y", 'a,"x,y"'),
        ("a,,c\n", 1, 'q"', 'a,"q""",c\n'),
        ('"1\n2",b\n', 1, "x", '"1\n2",x\n'),
    ],
)
def test_one_cell_is_replaced_and_nothing_else(raw: str, column: int, text: str, expected: str) -> None:
    assert replace_cell(raw, COMMAS, column, text) == expected


def test_a_cell_is_appended() -> None:
    assert append_cell('a,"b,c"\r\n', COMMAS, "d,e") == 'a,"b,c","d,e"\r\n'


def test_quotes_after_blanks_stay_where_they_are() -> None:
    lines = ['"a", "b", "label"\n', '1, "x, y", "cat"\n', '2, "z", "dog"\n']
    style = find_style(lines, encoding="utf-8")
    assert style.columns == ("a", "b", "label")
    assert [record.cells for record in read_records(lines, style)] == [
        ["1", "x, y", "cat"],
        ["2", "z", "dog"],
    ]
    assert replace_cell(lines[1], style, 2, "dog") == '1, "x, y", "dog"\n'
    assert append_cell(lines[1], style, "n") == '1, "x, y", "cat",n\n'


@pytest.mark.parametrize(
    "line", ['1,"he said, ""no""",cat\n', '1, "big" one,cat\n', '1, "a,cat\n', "1, a,cat\n"]
)
def test_a_quote_in_a_cell_is_none_after_a_blank(line: str) -> None:
    assert not find_style(["a,b,label\n", line, "2,z,dog\n"], encoding="utf-8").skips_blanks


def test_records_know_their_lines() -> None:
    lines = ["# note\n", "a,b\n", '"1\n', '2",x\n', "\n", "3,y\n"]
    style = find_style(lines, encoding="utf-8")
    assert [(record.number, record.line, record.cells) for record in read_records(lines, style)] == [
        (0, 3, ["1\n2", "x"]),
        (1, 6, ["3", "y"]),
    ]


@pytest.mark.parametrize("codec", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-32"])
def test_a_text_goes_back_in_its_own_encoding(codec: str) -> None:
    raw = "id,label\n1,B\u00e4r\n".encode(codec)
    text, found = decode_text(raw)
    assert text == "id,label\n1,B\u00e4r\n"
    mark, plain = find_mark(raw, found)
    assert mark + text.encode(plain) == raw


def test_an_encoding_that_does_not_exist_is_named() -> None:
    with pytest.raises(TableError, match="'utf-9'"):
        decode_text(b"a", encoding="utf-9")


@pytest.mark.parametrize("value", [True, 0, 2.5, "cat ", b"\xff", "\ud800", "a\x00b", 2**63])
def test_spellings_survive_storage(value: object) -> None:
    found = decode_spelling(encode_spelling(value))
    assert (type(found), found) == (type(value), value)


@pytest.mark.parametrize(
    ("value", "name"),
    [
        *((3.0, "3"), ("3.0", "3"), ("007", "007"), (" a ", "a"), ("1e3", "1e3"), (True, "True")),
        *(("nan", None), ("<NA>", None), (" ", None), ("None", "None")),
    ],
)
def test_labels_have_names(value: object, name: str | None) -> None:
    assert format_label(value) == name


def test_texts_that_look_alike_compare_equal() -> None:
    assert make_comparable("cafe\u0301\u200b") == make_comparable("\ufeffcaf\u00e9 ")
    assert make_comparable("big\xa0cat") == "big cat"
    assert make_comparable("a") != make_comparable("A")


def test_classes_are_found_by_name_and_spelling() -> None:
    lookup = ClassLookup(["1", "cat"], [True, "cat "])
    found = [lookup.find(text) for text in ("1.0", "True", "cat ", "'cat", "dog")]
    assert found == [0, 0, 1, None, None]


@pytest.mark.parametrize("line", ["a b.png 3\n", "a.png\tbig cat\r\n", "a.png 3"])
def test_a_line_of_a_list_is_written_as_it_was(line: str) -> None:
    path, label = parse_line(line)
    assert format_line(path, str(label), like=line) == line
