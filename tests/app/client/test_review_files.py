"""Verdicts from tables, in the forms in which people and this service write them."""

import pytest

from app.client.review_files import parse_reviews
from models.reading.text_encodings import TableError

KEYS = {"a.png": 4, "caf\u00e9.png": 7, "=x": 9}


def read(text: str | bytes, **options: str) -> list[tuple[int, str, str | None]]:
    raw = text.encode() if isinstance(text, str) else text
    entries = parse_reviews(raw, "reviews.csv", read_keys=lambda: KEYS, **options).entries
    return [(entry["position"], entry["verdict"], entry["label"]) for entry in entries]


def test_positions_or_keys_name_the_samples() -> None:
    assert read("position,verdict,label\n3,relabel,cat\n5,keep,\n") == [
        (3, "relabel", "cat"),
        (5, "keep", None),
    ]
    assert read("key;verdict;label\ncafe\u0301.png;drop;\n") == [(7, "drop", None)]


def test_our_own_labels_come_back_as_verdicts() -> None:
    text = (
        "key,given,final,source,reviewer,time\r\na.png,dog,cat,relabel,ada,now\r\n"
        "caf\u00e9.png,dog,dog,keep,ada,now\r\n'=x,dog,,drop,ada,now\r\nb.png,dog,dog,,,\r\nc.png,dog,cat,audit,,\r\n"
    )
    assert read(text) == [(4, "relabel", "cat"), (7, "keep", None), (9, "drop", None)]


def test_rows_without_a_verdict_are_counted() -> None:
    text = b"position,verdict,label\n1,,\n2,keep,\n3, ,cat\n"
    found = parse_reviews(text, "consensus.csv", read_keys=dict)
    assert ([entry["position"] for entry in found.entries], found.skipped) == ([2], 2)


def test_another_encoding_is_named_and_read_as_asked() -> None:
    raw = "position,verdict,label\n3,relabel,B\u00e4r\n".encode("cp1252")
    with pytest.raises(TableError, match="cp1252"):
        read(raw)
    assert read(raw, encoding="cp1252") == [(3, "relabel", "B\u00e4r")]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("key,verdict\na,keep\n", "position or key, verdict and label"),
        ("key,verdict,label\nb.png,keep,\n", "no sample of this dataset has the key 'b.png'"),
        ("position,verdict\n\nfirst,keep\n", "line 3: expected a position"),
    ],
)
def test_what_cannot_be_read_says_so(text: str, sentence: str) -> None:
    with pytest.raises(TableError, match=sentence):
        read(text)
