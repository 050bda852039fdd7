"""Messages of the service, as the command line shows them."""

import pytest
import typer

from app.cli.options.reading_options import READING
from app.cli.output import print_understood, report_failures
from app.cli.words.option_words import OPTIONS, WORDS, name_options
from app.client import ClientError


def test_every_option_of_reading_is_known() -> None:
    assert {*OPTIONS, *WORDS} == {*READING, "columns"}


@pytest.mark.parametrize(
    ("message", "shown"),
    [
        ("found 'info' (name it in label_column)", "found 'info' (name it in --label-column)"),
        ("give encoding=cp1252.", "give --encoding cp1252."),
        ("and were read as one class; label_separator=; reads", "one class; --label-separator ';' reads"),
        ("upload with class_folder=1)", "upload with --class-folder 1)"),
        ("(exclude_columns=message audits them", "(--exclude-columns message audits them"),
        ("columns=NAME, once for each, chooses", "--column NAME, once for each, chooses"),
        ("give delimiter=space, or", "give --delimiter space, or"),
        ("format=webdataset takes these", "--format webdataset takes these"),
        ("the format of the sheet and its encoding", "the format of the sheet and its encoding"),
        ("column 'label_column' and 'a label_column=x'", "column 'label_column' and 'a label_column=x'"),
        ("the dataset's label_column isn't 'key_column'", "the dataset's --label-column isn't 'key_column'"),
        ("label_column.csv, a/key_column, --label-column", "label_column.csv, a/key_column, --label-column"),
        ("POST /v1/datasets/1a-2b/class-views makes", "`limit-audit classes 1a-2b` makes"),
        ("with PUT /v1/datasets/{id}/annotations", "with `limit-audit dataset annotations DATASET FILE`"),
        ("PUT /v1/audits/1a/check begins them", "`limit-audit check 1a` begins them"),
    ],
)
def test_options_are_those_of_the_command(message: str, shown: str) -> None:
    assert shown in name_options(message)


def test_errors_and_notes_name_options(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(typer.Exit), report_failures("http://127.0.0.1"):
        raise ClientError("422: expected a label (name it in label_column)")
    assert "--label-column" in capsys.readouterr().err
    notes = [
        {"text": "several; 'a' was taken", "option": "label_column"},
        {"text": "an id (key_column=b names the samples)", "option": "key_column"},
    ]
    print_understood({"understood": {"notes": notes}})
    said = " ".join(capsys.readouterr().out.split())
    assert "'a' was taken (to change it: --label-column)" in said
    assert "an id (--key-column b names the samples)" in said
    assert said.count("to change it") == 1
