"""Verdicts of the command line: a person changes their own, never those of somebody else."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from app.cli import review_commands
from app.cli.root import cli
from app.client import Audit, Client

runner = CliRunner()


@pytest.fixture(autouse=True)
def connected(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    @contextmanager
    def connect(*_: object) -> Iterator[Client]:
        yield client

    monkeypatch.setattr(review_commands, "connect", connect)


def run(*command: object) -> tuple[int, str]:
    answer = runner.invoke(cli, ["review", *map(str, command)])
    lines = [line for line in answer.output.splitlines() if "[info" not in line]  # what the service logs
    return answer.exit_code, " ".join(" ".join(lines).split())


def read(client: Client, audit: Audit) -> list[tuple[int, str, str | None, str]]:
    reviews = client.dataset(audit["dataset_id"]).reviews()
    return [(each["position"], each["verdict"], each["label"], each["reviewer"]) for each in reviews]


def test_ones_own_verdict_is_changed(client: Client, audit: Audit) -> None:
    assert run("put", audit.id, 2, "relabel", "cat") == (0, "1 saved")
    assert run("put", audit.id, 2, "keep") == (0, "1 saved (1 instead of your earlier verdict)")
    assert read(client, audit) == [(2, "keep", None, "local")]
    assert run("put", audit.id, 2, "keep") == (0, "0 saved, 1 saved already")


def test_the_verdict_of_somebody_else_stays(client: Client, audit: Audit) -> None:
    assert run("put", audit.id, 2, "relabel", "cat", "--reviewer", "ada")[0] == 0
    code, said = run("put", audit.id, 2, "keep", "--reviewer", "bob")
    assert code == 1
    assert "0 saved error: 1 not saved, somebody else has another verdict on them: ada has saved" in said
    assert run("put", audit.id, 2, "relabel", "cat", "--reviewer", "bob") == (0, "0 saved, 1 saved already")
    assert read(client, audit) == [(2, "relabel", "cat", "ada")]


def test_a_file_is_imported_again(client: Client, audit: Audit, tmp_path: Path) -> None:
    file = tmp_path / "verdicts.csv"
    file.write_text("position,verdict,label\n1,keep,\n2,relabel,cat\n3,drop,\n")
    assert run("import", audit.id, file) == (0, "3 saved")
    assert run("import", audit.id, file) == (0, "0 saved, 3 saved already")
    file.write_text("position,verdict,label\n1,drop,\n2,relabel,cat\n4,keep,\n")
    said = "2 saved (1 instead of your earlier verdict), 1 saved already"
    assert run("import", audit.id, file) == (0, said)
    assert [each[:2] for each in read(client, audit)] == [
        (1, "drop"),
        (2, "relabel"),
        (3, "drop"),
        (4, "keep"),
    ]


def test_rows_without_a_verdict_are_skipped_and_counted(audit: Audit, tmp_path: Path) -> None:
    file = tmp_path / "consensus.csv"
    file.write_text(
        "key,position,given_label,consensus,verdict,label\nkey-1,1,bee,bee,keep,\nkey-2,2,cat,,,\n"
    )
    assert run("import", audit.id, file) == (0, "1 saved, 1 rows without a verdict skipped")


def test_two_verdicts_on_one_sample_do_not_replace_each_other(audit: Audit, tmp_path: Path) -> None:
    file = tmp_path / "verdicts.csv"
    file.write_text("position,verdict,label\n1,keep,\n1,drop,\n")
    code, said = run("import", audit.id, file)
    assert code == 1
    assert "1 saved error: 1 not saved, your own verdict on them is another: local has saved 'keep'" in said


def test_a_verdict_that_changes_meanwhile_is_not_overwritten(
    client: Client, audit: Audit, monkeypatch: pytest.MonkeyPatch
) -> None:
    audit.review([{"position": 2, "verdict": "keep"}])
    send = Audit.review

    def change_first(self: Audit, verdicts: Any, *, reviewer: str | None = None) -> Any:  # noqa: ANN401
        if "version" in verdicts[0]:
            send(self, [{"position": 2, "verdict": "drop", "version": verdicts[0]["version"]}])
        return send(self, verdicts, reviewer=reviewer)

    monkeypatch.setattr(Audit, "review", change_first)
    code, said = run("put", audit.id, 2, "unsure")
    assert code == 1
    assert "your own verdict on them is another: local has saved 'drop' for position 2 meanwhile" in said
    assert read(client, audit) == [(2, "drop", None, "local")]


def test_a_conflict_says_what_one_has_said_oneself(audit: Audit) -> None:
    audit.review([{"position": 2, "verdict": "keep"}], reviewer="ada")
    (conflict,) = audit.review([{"position": 2, "verdict": "keep"}], reviewer="ada")
    assert conflict["own"]["reviewer"] == "ada"
    (conflict,) = audit.review([{"position": 2, "verdict": "drop"}], reviewer="carol")
    assert conflict["own"] is None
