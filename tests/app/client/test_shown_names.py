"""What a terminal would obey is shown instead, wherever a command prints what other people chose."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from typer.testing import CliRunner

from app.cli import output
from app.cli.root import cli
from app.client.progress_bars import show_text_bar
from tests.app.client.fake_service import Answer, FakeService, run_fake_service

pytestmark = pytest.mark.service

ID = str(UUID(int=7))
HALF = json.loads('"\\ud83d"')
EVIL = f"a\x1b[2J\nFAKE\x9b31m\u202eb\u200f{HALF}[/x]"
SHOWN = r"a\x1b[2J\nFAKE\x9b31m\u202eb\u200f\ud83d[/x]"
OBEYED = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u200f\u202a-\u202e\ud800-\udfff]|^\s*FAKE", re.MULTILINE)
DATASET = {
    "id": ID, "name": EVIL, "status": "ready", "format": EVIL, "sample_count": 3, "has_truth": False,
    "lineage": {"origin": None, "relatives": []}, "class_names": [EVIL], "version": 1, "parent_id": None,
    "understood": {
        "columns": {"label": EVIL}, "classes": [{"name": EVIL, "spelled": None}], "class_count": 1,
        "left_out": [{"column": EVIL, "reason": EVIL}],
    },
}  # fmt: skip
FEATURES = {"encoder": EVIL, "done": 3, "total": 3, "samples_per_second": None}
AUDIT = {
    "id": ID, "name": EVIL, "status": "succeeded", "fraction": 1.0, "dataset_id": ID, "features": FEATURES,
    "runs": [], "eta_seconds": None, "error": None, "summary": {},
}  # fmt: skip
SUSPECT = {
    "rank": 1, "position": 0, "key": EVIL, "given_label": EVIL, "suggested_label": EVIL, "features": [EVIL],
    "suggested_confidence": 0.5, "score": 0.5, "distance": 0.5, "notes": 1, "split": EVIL, "true_label": EVIL,
    "opinions": [{"reviewer": EVIL, "label": EVIL, "verdict": "relabel"}], "code": EVIL, "detail": EVIL,
}  # fmt: skip
REVIEW = {
    "position": 0, "key": EVIL, "verdict": "relabel", "label": EVIL, "reviewer": EVIL, "reviewed_at": "now",
    "agreement": None, "created_at": "2026-01-01T10:00", "text": EVIL,
}  # fmt: skip
GATE = {
    "verdict": "passed", "sample_count": 3, "left_out": 0, "rests_on": EVIL, "audit_id": ID,
    "checks": [{"rule": "max_class_noise", "subject": EVIL, "outcome": "exceeded", "detail": EVIL}],
    "baseline": None,
}  # fmt: skip
STATE = {
    "answered": 0,
    "wanted": 1,
    "is_finished": False,
    "least": 50,
    "decided": 0,
    "unsure": 0,
    "dropped": 0,
}
FIGURE = {"name": EVIL, "value": None, "agreed": 1, "samples": 2}
AGREEMENT = {
    "states": {}, "right_or_wrong": FIGURE, "labels": FIGURE, "classes": [FIGURE],
    "checks": {"caution": EVIL},
}  # fmt: skip
SOURCES = {"columns": [], "findings": [EVIL], "rests_on": EVIL}
COMPARED = {
    **{
        side: {
            "name": EVIL, "interval": None, "sample_count": 3, "flagged": 1,
            "dataset": {"name": EVIL, "version": 1},
        }
        for side in ("first", "second")
    },
    "detail": EVIL, "caveats": [EVIL], "states": {}, "samples": [],
}  # fmt: skip
CHANGES = {
    "first": {"name": EVIL, "version": 1}, "second": {"name": EVIL, "version": 2}, "shared": 1,
    "relabelled": 0, "dropped": 0, "added": 0, "changes": [],
}  # fmt: skip
PLACES = {"new": 1, "changed": 0, "gone": 0, "examples": {"new": [EVIL], "changed": [], "gone": []}}


def page(*items: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON
    return {"items": items, "next_cursor": None}


D, A = f"/v1/datasets/{ID}", f"/v1/audits/{ID}"
ANSWERS = {
    "/v1/datasets": page(DATASET), D: DATASET, f"{D}/problems": page(SUSPECT), f"{D}/samples": page(SUSPECT),
    f"{D}/versions": [{**DATASET, "lineage": DATASET}], f"{D}/reviews": page(REVIEW),
    f"{D}/samples/0/notes": page(REVIEW), f"{D}/comparison": CHANGES, f"{D}/place/comparison": PLACES,
    "/v1/audits": page(AUDIT), A: AUDIT, f"{A}/suspects": page(SUSPECT), f"{A}/judged-twice": page(SUSPECT),
    f"{A}/gate": GATE, f"{A}/check": STATE, f"{A}/agreement": AGREEMENT, f"{A}/comparison": COMPARED,
    f"{A}/error-sources": SOURCES, f"{A}/queue": page(SUSPECT), f"{A}/check/samples": page(SUSPECT),
}  # fmt: skip


@pytest.fixture
def server() -> Iterator[FakeService]:
    with run_fake_service() as running:
        running.answers = {path: Answer(body) for path, body in ANSWERS.items()}
        wrong = {"code": "wrong_state", "detail": EVIL}
        running.answers |= {
            "": Answer({"detail": EVIL}, status=422),
            f"{A}/check/result": Answer(wrong, status=409),
        }
        yield running


def run(server: FakeService, *arguments: str, answer: str = "") -> str:
    """Return what a command prints on both streams."""
    done = CliRunner().invoke(cli, [*arguments, "--server", server.url], input=answer)
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    return done.output


@pytest.mark.parametrize(
    "command",
    [
        "dataset list", f"dataset understood {ID}", f"dataset problems {ID}", f"dataset samples {ID}",
        f"dataset compare {ID} {ID}", f"dataset sync --check {ID}", "audit list", f"audit suspects {ID}",
        f"audit wait {ID}", f"audit sources {ID}", f"audit compare {ID} {ID}", f"review list {ID}",
        f"review disagreements {ID}", f"review note {ID} 0", f"review next {ID}", f"review agreement {ID}",
        f"gate --audit {ID} --max-class-noise 5%", f"audit metrics {ID}", "dataset show a",
        f"export labels {ID} --out nowhere",
    ],
)  # fmt: skip
def test_a_command_shows_what_a_terminal_would_obey(
    server: FakeService, command: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(output.stdout, "_width", 2000)
    monkeypatch.setattr(output.stderr, "_width", 2000)
    printed = run(server, *command.split())
    assert OBEYED.search(printed) is None, printed
    assert SHOWN in printed or ascii(EVIL)[1:-1] in printed or json.dumps(EVIL)[1:-1] in printed


@pytest.mark.parametrize("command", ["dataset list --json", f"audit show {ID}", f"review list {ID} --json"])
def test_json_holds_the_same_and_a_terminal_shows_it(server: FakeService, command: str) -> None:
    printed = run(server, *command.split())
    assert OBEYED.search(printed) is None, printed
    found = json.loads(printed)
    entry = found[0] if isinstance(found, list) else found
    assert EVIL in entry.values()


def test_questions_show_what_a_terminal_would_obey(server: FakeService) -> None:
    printed = run(server, "check", ID, "--ask", answer="o\n")
    assert OBEYED.search(printed) is None, printed
    assert f"{SHOWN}: labelled" in printed


def test_consent_shows_what_a_terminal_would_obey(server: FakeService) -> None:
    preview = {"labels": 3, "worsens": {"centre": 0.1}, "detail": EVIL}
    server.answers[f"{A}/relabelling"] = Answer(preview)
    printed = run(server, "export", "labels", ID, "--audit", ID, "--issues", "relabel", answer="n\n")
    assert OBEYED.search(printed) is None, printed
    assert f"{SHOWN} Go on?" in printed


def test_a_text_bar_shows_what_a_terminal_would_obey(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    with show_text_bar("audit", enabled=True) as bar:
        bar.show(0.5, EVIL)
    printed = capsys.readouterr().out
    assert SHOWN in printed
    assert OBEYED.search(printed.removeprefix("\r")) is None


def test_a_file_that_is_no_table_of_verdicts_is_refused_in_one_line(
    server: FakeService, tmp_path: Path
) -> None:
    file = tmp_path / "verdicts.csv"
    file.write_text("position,verdict,label\n\x1b[2J\x9b1,keep,\n")
    printed = run(server, "review", "import", ID, str(file))
    assert OBEYED.search(printed) is None, printed
    assert "line 2" in printed
