"""What a gate found: in sentences for people, as JUnit XML and as JSON for machines."""

import json
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree as ET

from app.client import Json
from models.reading.label_texts import NOT_IN_XML

SUITE = "limit-audit gate"
RULES = {
    "max_noise": "wrong labels",
    "max_class_noise": "wrong labels of class",
    "max_new_noise": "wrong labels of what is new",
    "no_conflicts": "duplicates with different labels",
    "not_worse": "compared with the baseline",
}
MARKS = {"exceeded": "FAILED", "cannot_tell": "CANNOT TELL", "undecided": "not certain", "within": "ok"}
VERDICTS = {"passed": "PASSED", "failed": "FAILED", "cannot_tell": "CANNOT TELL"}
CLASSES_SHOWN = 20


def describe_gate(report: Json) -> Iterator[str]:
    """Yield the result in sentences: what fails first, then the rest."""
    yield f"{VERDICTS[report['verdict']]}: {report['name']}, {report['sample_count']:,} samples"
    for outcome, mark in MARKS.items():
        chosen = [check for check in report["checks"] if check["outcome"] == outcome]
        quiet = [
            check for check in chosen if outcome in ("undecided", "within") and check["subject"] is not None
        ]
        for check in [check for check in chosen if check not in quiet][:CLASSES_SHOWN]:
            yield f"  {mark:<12} {name_check(check)}: {check['detail']}"
        hidden = len(chosen) - len(quiet) - CLASSES_SHOWN
        if hidden > 0:
            yield f"  {mark:<12} and {hidden:,} more"
        if quiet:
            yield f"  {mark:<12} wrong labels of each class: {len(quiet):,} classes"
    yield from _describe_surroundings(report)
    yield report["address"]


def _describe_surroundings(report: Json) -> Iterator[str]:
    if report["rests_on"] is not None:
        yield f"How it was counted: {report['rests_on']}."
    if report.get("cannot_see"):
        yield report["cannot_see"]
    if report["left_out"]:
        yield _describe_left_out(report)
    baseline = report["baseline"]
    if baseline is not None:
        yield (
            f"Since {baseline['name']!r}: {baseline['added']:,} samples added,"
            f" {baseline['dropped']:,} dropped, {baseline['relabelled']:,} relabelled; of the others"
            f" {baseline['new_suspects']:,} are suspects now and were none before. {baseline['detail']}"
        )
    if report["verdict"] == "cannot_tell":
        passes = report["cannot_tell"] == "pass"
        yield (
            "This is no pass for the data: what cannot be told was not judged"
            + (", and --cannot-tell pass lets it through." if passes else ".")
            + f" Check 100 samples at random (limit-audit check {report['audit_id']}), then judge again with"
            f" --audit {report['audit_id']}."
        )


def _describe_left_out(report: Json) -> str:
    return f"{report['left_out']:,} problems when the data were read: what was left out is not judged."


def name_check(check: Json) -> str:
    """Return the rule of a check, with its class."""
    return RULES[check["rule"]] + ("" if check["subject"] is None else f" {check['subject']!r}")


def write_json(report: Json, target: Path) -> None:
    """Write the report as JSON."""
    target.write_text(json.dumps(report, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")


def write_junit(report: Json, target: Path) -> None:
    """Write the checks as JUnit XML, one test case each.

    What is exceeded is a failure. What cannot be told is an error or, where the user lets it pass, skipped:
    never a test that passed. What was left out when the data were read is skipped.
    """
    checks = report["checks"]
    kinds = {"exceeded": "failure", "cannot_tell": "skipped" if report["cannot_tell"] == "pass" else "error"}
    found = [kinds.get(check["outcome"], "") for check in checks]
    left_out = bool(report["left_out"])
    counts = {
        "tests": len(checks) + left_out,
        "failures": found.count("failure"),
        "errors": found.count("error"),
        "skipped": found.count("skipped") + left_out,
    }
    suites = ET.Element("testsuites")
    suite = ET.SubElement(
        suites, "testsuite", {"name": SUITE, **{name: str(count) for name, count in counts.items()}}
    )
    for check, kind in zip(checks, found, strict=True):
        case = ET.SubElement(suite, "testcase", {"classname": SUITE, "name": _clean(name_check(check))})
        if kind:
            element = ET.SubElement(case, kind, {"message": _clean(check["detail"])})
            if kind != "skipped":
                element.set("type", check["outcome"])
        else:
            ET.SubElement(case, "system-out").text = _clean(f"{check['outcome']}: {check['detail']}")
    if left_out:
        case = ET.SubElement(suite, "testcase", {"classname": SUITE, "name": "samples that were left out"})
        ET.SubElement(case, "skipped", {"message": _describe_left_out(report)})
    ET.indent(suites)
    target.write_bytes(ET.tostring(suites, encoding="utf-8", xml_declaration=True) + b"\n")


def _clean(text: str) -> str:
    return NOT_IN_XML.sub("\N{REPLACEMENT CHARACTER}", text)
