"""What is said of an upload whose samples other datasets have."""

from app.cli.words.version_words import describe_relatives


def make_relative(number: int, *, relabelled: int) -> dict[str, object]:
    return {
        "id": f"id-{number}",
        "name": f"table {number}",
        "version": 1,
        "shared": 1200,
        "relabelled": relabelled,
        "is_same": not relabelled,
    }


def test_the_nearest_dataset_is_named_and_the_others_are_counted() -> None:
    relatives = [make_relative(number, relabelled=number) for number in (0, 1, 2)]
    (told,) = describe_relatives({"origin": None, "relatives": relatives})
    assert told == (
        "note: 'table 0' (version 1) has the same samples with the same labels; if this is a version of it:"
        " limit-audit dataset parent @last id-0 (2 more have such samples: see its page)"
    )
    (alone,) = describe_relatives({"origin": None, "relatives": relatives[1:2]})
    assert alone.startswith("note: 'table 1' (version 1) has 1,200 of these samples, 1 with another label;")
    assert alone.endswith("limit-audit dataset parent @last id-1")
    assert not [*describe_relatives({"origin": None, "relatives": []})]
