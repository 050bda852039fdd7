"""What the command says of the classes of samples with several labels."""

from app.cli.label_set_commands import NAMED, describe_left_out


def test_classes_that_are_not_audited_are_named_with_the_reason() -> None:
    rare = [{"class_name": name, "samples": 2, "reason": "found 2"} for name in ("rare", "odd")]
    never = {"class_name": "never", "samples": 0, "reason": "found 0"}
    assert describe_left_out([*rare, never]) == [
        "not audited: rare, odd (found 2)",
        "not audited: never (found 0)",
    ]
    many = [{"class_name": f"c{at}", "samples": 1, "reason": "found 1"} for at in range(NAMED + 3)]
    (sentence,) = describe_left_out(many)
    assert sentence.endswith("c19 and 3 more (found 1)")
