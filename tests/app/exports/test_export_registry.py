"""Every line of the registry is a route, a command, a link of the page and a line of the documentation."""

from pathlib import Path
from typing import Any, get_type_hints

import pytest
from fastapi.testclient import TestClient

from app.cli.root import load_command
from app.client import Client, ClientError, Dataset
from app.exports import corrected_dataset
from app.exports.audit_source import AuditSource
from app.exports.final_labels import Decisions
from app.exports.registry import EXPORTS, Export, ExportFile
from app.infra.database import Database
from app.infra.storage import Storage
from tests.builders.full_workspace import store_full_workspace

ROOT = Path(__file__).parents[3]
SOURCES = {"dataset": Decisions, "audit": AuditSource}
each_export = pytest.mark.parametrize("export", EXPORTS, ids=lambda export: export.name)


def address(export: Export, ids: dict[str, str]) -> str:
    return f"/v1/{export.scope}s/{ids[export.scope]}/exports/{export.name}"


@each_export
def test_a_writer_takes_the_source_of_its_scope_and_its_own_parameters(export: Export) -> None:
    hints = get_type_hints(export.load_writer())
    assert hints.pop("return") is ExportFile
    source, *parameters = hints.items()
    assert source[1] is SOURCES[export.scope]
    assert [name for name, _ in parameters] == [parameter.name for parameter in export.parameters]


@each_export
def test_the_api_s_document_has_its_sentence_types_and_parameters(api: TestClient, export: Export) -> None:
    document: Any = api.get("/openapi.json").json()
    path = address(export, {"dataset": "{dataset_id}", "audit": "{audit_id}"})
    operation = document["paths"][path]["get"]
    assert operation["description"] == export.description
    assert set(operation["responses"]["200"]["content"]) == set(export.media_types)
    queries = [one["name"] for one in operation["parameters"] if one["in"] == "query"]
    assert queries == [parameter.name for parameter in export.all_parameters]


@each_export
def test_the_command_has_its_options(export: Export) -> None:
    command = load_command("export").commands[export.command]
    options = {option for parameter in command.params for option in parameter.opts}
    assert {f"--{each.option or each.name}" for each in export.parameters} <= options
    assert export.flag is None or f"--{export.flag}" in options


@each_export
def test_the_documentation_names_it(export: Export) -> None:
    text = (ROOT / "docs" / "review.md").read_text()
    assert f"exports/{export.name}`" in text
    assert f"export {export.command}" in text


def test_the_page_links_to_those_that_fit_the_audit(
    api: TestClient, database: Database, storage: Storage
) -> None:
    ids = store_full_workspace(database, storage)
    page = api.get(f"/audits/{ids['audit']}").text
    linked = [export.name for export in EXPORTS if address(export, ids) in page]
    assert linked == [export.name for export in EXPORTS if not (export.needs_encoder or export.needs_boxes)]


def test_a_corrected_dataset_has_a_media_type_of_its_line() -> None:
    (line,) = [export for export in EXPORTS if export.name == "dataset"]
    writers = [*corrected_dataset.WRITERS.values(), corrected_dataset.PACK]
    assert {writer.media_type for writer in writers} == set(line.media_types)


def test_the_client_names_the_exports_that_there_are() -> None:
    with Client("http://127.0.0.1:9") as client, pytest.raises(ClientError, match=r"labels\.csv, drops\.csv"):
        Dataset(client, {"id": "1"}).export("label.csv")
