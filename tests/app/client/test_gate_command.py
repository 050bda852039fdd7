"""The gate's command without a service: limits, reports, and the examples for pipelines."""

import json
import re
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest
import typer
import yaml
from typer.testing import CliRunner

from app.cli.pipelines.gate_command import read_share
from app.cli.pipelines.gate_reports import describe_gate, write_junit
from app.cli.root import cli, load_command

EXAMPLES = Path(__file__).parents[3] / "examples" / "pipelines"
ID = "01a22622-a30c-7d17-9801-67c52f0f991d"


def make_check(outcome: str, subject: str | None = None) -> dict[str, Any]:
    rule = "max_noise" if subject is None else "max_class_noise"
    return {"rule": rule, "subject": subject, "outcome": outcome, "detail": f"it is {outcome}"}


def make_report(*checks: dict[str, Any], cannot_tell: str = "fail") -> dict[str, Any]:
    outcomes = {check["outcome"] for check in checks}
    verdict = "cannot_tell" if "cannot_tell" in outcomes else "passed"
    return {
        "name": "photos", "verdict": "failed" if "exceeded" in outcomes else verdict, "sample_count": 1234,
        "left_out": 2, "rests_on": None, "checks": list(checks), "baseline": None, "audit_id": ID,
        "address": "http://here", "cannot_tell": cannot_tell,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("text", "share"), [("2%", 0.02), ("0.02", 0.02), (" 2.5 % ", 0.025), ("0", 0), ("100%", 1)]
)
def test_a_share_is_a_percentage_or_a_fraction(text: str, share: float) -> None:
    assert read_share(text) == pytest.approx(share)


@pytest.mark.parametrize("text", ["2", "1", "-1%", "101%", "two", "2%%", "nan", ""])
def test_what_may_be_meant_otherwise_is_no_share(text: str) -> None:
    with pytest.raises(typer.BadParameter, match=r"such as 2% or 0\.02"):
        read_share(text)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([__file__], "without limits"),
        (["--max-noise", "2%"], "either DATA or"),
        ([__file__, "--audit", ID, "--max-noise", "2%"], "either DATA or"),
        (["--audit", ID, "--max-noise", "2%", "--set", "folds=2"], "no options of a new one"),
        ([__file__, "--not-worse"], "need --baseline"),
        ([__file__, "--no-conflicts", "--baseline", "a@b", "--name", "a@b"], "another --name"),
        ([__file__, "--max-noise", "2%", "--junit", "/no/such/folder/gate.xml"], "no folder"),
    ],
)
def test_what_would_judge_nothing_is_a_usage_error(arguments: list[str], words: str) -> None:
    answer = CliRunner().invoke(cli, ["gate", *arguments])
    assert answer.exit_code == 2
    assert words in re.sub(r"[\s│]+", " ", answer.output)


def test_junit_has_a_case_for_each_check_and_passes_nothing_that_cannot_be_told(tmp_path: Path) -> None:
    checks = [make_check("exceeded"), make_check("cannot_tell"), make_check("undecided", "a\x01<b>")]
    for cannot_tell, kind in (("fail", "error"), ("pass", "skipped")):
        write_junit(make_report(*checks, cannot_tell=cannot_tell), tmp_path / "gate.xml")
        suite = ET.parse(tmp_path / "gate.xml").getroot()[0]  # noqa: S314 - ours
        assert [case[0].tag for case in suite] == ["failure", kind, "system-out", "skipped"]
        assert suite[3].get("name") == "samples that were left out"
        assert "2 problems" in str(suite[3][0].get("message"))
        assert suite[2].get("name") == "wrong labels of class 'a\\x01<b>'"
        counts = {name: suite.get(name) for name in ("tests", "failures", "errors", "skipped")}
        is_error = str(int(kind == "error"))
        assert counts == {
            "tests": "4",
            "failures": "1",
            "errors": is_error,
            "skipped": str(2 - int(is_error)),
        }


def test_the_summary_begins_with_what_fails_and_never_calls_a_doubt_a_pass() -> None:
    lines = list(describe_gate(make_report(make_check("within"), make_check("exceeded", "cat"))))
    assert lines[0] == "FAILED: photos, 1,234 samples"
    assert lines[1].split() == ["FAILED", "wrong", "labels", "of", "class", "'cat':", "it", "is", "exceeded"]
    assert "2 problems" in " ".join(lines)
    let_through = "\n".join(describe_gate(make_report(make_check("cannot_tell"), cannot_tell="pass")))
    assert let_through.startswith("CANNOT TELL")
    assert "lets it through" in let_through
    assert "PASSED" not in let_through


def test_an_earlier_report_does_not_stand_for_one_that_was_not_given(tmp_path: Path) -> None:
    files = [tmp_path / "gate.json", tmp_path / "gate.xml"]
    for file in files:
        file.write_text("passed")
    limits = ["--max-noise", "2%", "--json", str(files[0]), "--junit", str(files[1])]
    nobody = ["--server", "http://127.0.0.1:9"]
    answer = CliRunner().invoke(cli, ["gate", "--audit", ID, *limits, *nobody])
    assert answer.exit_code == 3, answer.output
    assert not any(file.exists() for file in files)


def list_scripts(value: object) -> list[str]:
    """Return all texts of a document that run the gate."""
    if isinstance(value, dict):
        return [text for each in value.values() for text in list_scripts(each)]
    if isinstance(value, list):
        return [text for each in value for text in list_scripts(each)]
    return [value] if isinstance(value, str) and value.startswith("limit-audit gate") else []


@pytest.mark.parametrize("file", sorted(EXAMPLES.iterdir()), ids=lambda file: file.name)
def test_an_example_uses_options_that_exist(file: Path) -> None:
    (script,) = list_scripts(yaml.safe_load(file.read_text()))
    options = {option for parameter in load_command("gate").params for option in parameter.opts}
    used = set(re.findall(r"(?<!\S)(--[a-z-]+)", script.replace("+", " ")))
    assert len(used) >= 3
    assert used <= options, json.dumps(sorted(used - options))
