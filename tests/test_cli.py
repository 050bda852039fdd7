"""The command line without a service: help, arguments and the one-shot form."""

import pytest
from typer.testing import CliRunner

from app.cli.main import cli

runner = CliRunner()


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


def test_a_field_needs_a_value() -> None:
    answer = runner.invoke(cli, ["audit", "start", "some-id", "--set", "method"])
    assert answer.exit_code == 2
    assert "FIELD=VALUE" in answer.output


def test_without_a_service_the_way_to_one_is_named() -> None:
    answer = runner.invoke(cli, ["dataset", "list", "--server", "http://127.0.0.1:9"])
    assert answer.exit_code == 3
    assert "limit-audit up" in answer.output
