"""JSON lists and lines, object by object."""

import json

import pytest

from models.reading.json_records import JsonRecordError, parse_json_records, replace_value


@pytest.mark.parametrize("size", [1, 7, 1_000])
@pytest.mark.parametrize(
    "text", ['{"a": 1}\n{"a": "x}\\n"}\n', '[\n {"a": {"b": [1]}},\n {"a": null}\n]\n', ""]
)
def test_pieces_add_up_to_the_text(text: str, size: int) -> None:
    blocks = iter([text[at : at + size] for at in range(0, len(text), size)])
    records = list(parse_json_records(blocks))
    assert "".join(record.before + record.raw for record in records) == text
    assert [record.value for record in records[:-1]] == (
        json.loads(text) if text.startswith("[") else [json.loads(line) for line in text.splitlines()]
    )


@pytest.mark.parametrize("text", ['{"a": ', "[1, 2]", '{"a": 1} x', "[" * 100_000 + "1"])
def test_other_json_is_refused(text: str) -> None:
    with pytest.raises(JsonRecordError, match="expected"):
        list(parse_json_records(iter([text])))


def test_a_value_is_replaced_and_nothing_else() -> None:
    raw = '{"t":"a \\"label\\": 1", "n": {"label": 2},  "label" :  "old" , "é": 1}'
    assert replace_value(raw, "label", "né") == raw.replace('"old"', '"né"')
    assert replace_value('{"label":3}', "label", 4) == '{"label":4}'
    with pytest.raises(JsonRecordError, match="'other'"):
        replace_value(raw, "other", 1)
