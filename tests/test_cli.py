"""The command line without a service: help, arguments and the one-shot form."""

import os
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import typer
from typer.testing import CliRunner

from app.cli import service_commands
from app.cli.output import _render_cell, fail, print_suspects
from app.cli.root import INSTALLED, cli, load_command
from app.cli.up_command import _explain_keys
from app.client import Client, ClientError, Dataset
from app.embedded.data_folder import ServiceNote
from app.embedded.running_services import RunningService
from app.exports.registry import EXPORTS
from app.infra.database import get_database
from app.infra.settings import get_settings

runner = CliRunner()
NOWHERE = ("--server", "http://127.0.0.1:9")
RELABEL = ("export", "labels", "D", "--audit", str(uuid4()), "--issues", "relabel", *NOWHERE)


@pytest.mark.parametrize(
    "command", [[], ["audit"], ["dataset"], ["keys"], ["audit", "file"], ["audit", "suspects"], ["up"]]
)
def test_every_command_explains_itself(command: list[str]) -> None:
    answer = runner.invoke(cli, [*command, "--help"])
    assert answer.exit_code == 0
    assert "Usage" in answer.output


def test_a_file_that_is_not_there_is_a_usage_error() -> None:
    answer = runner.invoke(cli, ["audit", "nowhere.zip", "--out", "ranking.csv"])
    assert answer.exit_code == 2
    assert "nowhere.zip" in answer.output


def test_the_ranking_goes_to_csv_or_parquet() -> None:
    answer = runner.invoke(cli, ["audit", __file__, "--out", "ranking.xlsx"])
    assert answer.exit_code == 2
    assert "ranking.xlsx" in answer.output


def test_a_ranking_has_a_folder_before_it_is_made() -> None:
    answer = runner.invoke(cli, ["audit", "--out", "/no/such/folder/ranking.csv", __file__])
    assert answer.exit_code == 2
    assert "/no/such/folder" in answer.output


@pytest.mark.parametrize(
    "command",
    [
        *(["export", name, "D", "--out"] for name in sorted({export.command for export in EXPORTS})),
        ["classes", "D", "--out"],
        ["record", "A", "--out"],
        ["audit", "download", "A", "--out"],
        ["gate", "--audit", "A", "--max-noise", "2%", "--json"],
        ["backup"],
    ],
)
def test_every_file_to_write_has_a_folder_before_anything_is_done(command: list[str]) -> None:
    answer = runner.invoke(
        cli, [*command, "/no/such/folder/x.csv", *([] if command == ["backup"] else NOWHERE)]
    )
    assert answer.exit_code == 2
    assert "there is no folder /no/such/folder" in answer.output


def test_the_client_says_that_the_folder_of_a_download_is_missing() -> None:
    with pytest.raises(ClientError, match="there is no folder /no/such/folder"):
        Client("http://127.0.0.1:9").download("/v1/audits/x/ranking.csv", Path("/no/such/folder/x.csv"))


@pytest.mark.parametrize("command", [["keys", "list"], ["migrate"]])
def test_without_settings_the_missing_ones_are_named(
    command: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("LIMIT_AUDIT_DATABASE_URL")
    get_settings.cache_clear()
    get_database.cache_clear()
    answer = runner.invoke(cli, command)
    get_settings.cache_clear()
    assert answer.exit_code == 1
    assert "LIMIT_AUDIT_DATABASE_URL" in answer.output


def test_the_running_service_is_found_where_nothing_is_set(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    class Note:
        database_url = os.environ["LIMIT_AUDIT_DATABASE_URL"]

    for name in ("DATABASE_URL", "BROKER_URL", "STORAGE_DIR"):
        monkeypatch.delenv(f"LIMIT_AUDIT_{name}", raising=False)
    services = [RunningService(url="http://127.0.0.1:1", data_dir=tmp_path)]
    monkeypatch.setattr(service_commands, "find_services", lambda: services)
    monkeypatch.setattr(ServiceNote, "read", lambda _: Note)
    get_settings.cache_clear()
    get_database.cache_clear()
    opened = service_commands._open_database()  # noqa: SLF001 - what its commands have in common
    assert opened.engine.url.render_as_string(hide_password=False) == Note.database_url
    services *= 2
    refused = runner.invoke(cli, ["activity"])
    get_settings.cache_clear()
    assert (refused.exit_code, "LIMIT_AUDIT_HOME names" in " ".join(refused.output.split())) == (1, True)


def test_up_prints_no_password(tmp_path: Path) -> None:
    assert _explain_keys(tmp_path) == f"LIMIT_AUDIT_HOME={tmp_path} limit-audit keys create NAME"


def test_names_that_look_like_markup_are_printed_as_they_are(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(typer.Exit):
        fail("[/x] is no name", code=1, cause=ValueError())
    assert "[/x] is no name" in capsys.readouterr().err
    assert str(_render_cell("[/x]")) == "[/x]"


def test_no_confidence_looks_certain(capsys: pytest.CaptureFixture[str]) -> None:
    row = {"rank": 1, "key": "a", "given_label": "x", "suggested_label": "y", "score": 0.5, "distance": 1.0}
    print_suspects([{**row, "suggested_confidence": value} for value in (1.0, 0.99999, 0.5, 0.00001)])
    shown = [line.split("y")[1].split("0.5000  1.0000")[0].strip() for line in _read_rows(capsys)]
    assert shown == ["> 0.999", "> 0.999", "0.5000", "< 0.001"]


def _read_rows(capsys: pytest.CaptureFixture[str]) -> list[str]:
    return capsys.readouterr().out.splitlines()[1:]


def test_a_field_needs_a_value() -> None:
    answer = runner.invoke(cli, ["audit", "start", "some-id", "--set", "method"])
    assert answer.exit_code == 2
    assert "FIELD=VALUE" in answer.output


def test_an_address_that_is_none_is_named() -> None:
    assert runner.invoke(cli, ["dataset", "list", "--server", "http://[::1"]).exit_code == 3


@pytest.mark.parametrize("name", INSTALLED)
def test_the_help_of_a_command_that_is_not_loaded_begins_as_its_own(name: str) -> None:
    first, _, _ = (load_command(name).help or "").partition("\n\n")
    assert INSTALLED[name][1] == first


def test_help_loads_neither_the_client_nor_the_server() -> None:
    code = "import sys, app.cli.root as root\ntry: root.cli(['--help'])\nfinally: print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not {"httpx", "sqlalchemy", "pydantic", "celery", "numpy"} & set(done.stdout.split())


def test_without_a_service_of_this_user_none_is_guessed(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("LIMIT_AUDIT_HOME", str(tmp_path))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    answer = runner.invoke(cli, ["dataset", "list"])
    assert answer.exit_code == 3
    assert "no service of this user runs" in answer.output.replace("\n", " ")


def test_without_a_service_the_way_to_one_is_named() -> None:
    answer = runner.invoke(cli, ["dataset", "list", "--server", "http://127.0.0.1:9"])
    assert answer.exit_code == 3
    assert "limit-audit up" in answer.output


@pytest.mark.parametrize("group", ["review", "export", "webhook"])
def test_every_group_lists_its_commands(group: str) -> None:
    answer = runner.invoke(cli, [group, "--help"])
    assert answer.exit_code == 0
    assert "Commands" in answer.output


def test_a_table_of_verdicts_needs_its_columns(tmp_path: Path) -> None:
    file = tmp_path / "verdicts.csv"
    file.write_text("key,verdict\na,keep\n")
    answer = runner.invoke(cli, ["review", "import", "some-id", str(file)])
    assert answer.exit_code == 2
    assert "position" in answer.output
    file.write_text("position,verdict,label\nfirst,keep,\n")
    answer = runner.invoke(cli, ["review", "import", "some-id", str(file)])
    assert answer.exit_code == 2
    assert "line 2" in answer.output


def test_a_shell_is_told_how_to_complete() -> None:
    environment = {
        "_LIMIT_AUDIT_COMPLETE": "complete_bash",
        "COMP_WORDS": "limit-audit ex",
        "COMP_CWORD": "1",
    }
    answer = runner.invoke(cli, prog_name="limit-audit", env=environment)
    assert answer.output.split() == ["export"]


def test_the_version_is_that_of_the_installed_package() -> None:
    answer = runner.invoke(cli, ["--version"])
    assert answer.exit_code == 0
    assert answer.output == f"limit-audit {version('limit-audit')}\n"


@pytest.mark.parametrize(
    ("labels", "worsens", "answer", "asks"),
    [
        (312, None, "", False),
        (0, {"centre": 0.1}, "", False),
        (312, {"centre": 0.1}, "n\n", True),
        (312, {"centre": 0.1}, "y\n", True),
    ],
)
def test_relabelling_what_nobody_looked_at_is_asked_for(
    monkeypatch: pytest.MonkeyPatch, labels: int, worsens: dict[str, float] | None, answer: str, *, asks: bool
) -> None:
    sent: list[dict[str, Any]] = []
    preview = {"labels": labels, "detail": "312 labels would change.", "worsens": worsens}
    monkeypatch.setattr(Client, "get", lambda *_: preview)
    monkeypatch.setattr(Dataset, "export", lambda *_, **parameters: sent.append(parameters))
    monkeypatch.setattr(Client, "dataset", lambda self, _: Dataset(self, {}))
    said = runner.invoke(cli, [*RELABEL], input=answer)
    assert ("312 labels would change. Go on?" in said.output) == asks
    assert said.exit_code == int(answer == "n\n")
    # What is unknown is left to the service, which refuses it unless --yes says otherwise.
    assert [parameters["confirmed"] for parameters in sent] == ([] if answer == "n\n" else [asks])


def test_yes_relabels_without_asking(monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[dict[str, Any]] = []
    monkeypatch.setattr(Dataset, "export", lambda *_, **parameters: sent.append(parameters))
    monkeypatch.setattr(Client, "dataset", lambda self, _: Dataset(self, {}))
    said = runner.invoke(cli, [*RELABEL, "--yes"])
    assert (said.exit_code, sent[0]["confirmed"]) == (0, True)
