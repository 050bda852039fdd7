"""The OpenAPI document is one that generators of clients understand."""

from pathlib import Path
from typing import Any, TypeAlias

import pytest
import yaml
from fastapi.testclient import TestClient

from app.routes.shared.openapi_document import DESCRIPTIONS, ERRORS

Json: TypeAlias = dict[str, Any]
MOST_CHARACTERS = 400_000
"""It was 1,458,000 with the error's schema in every answer."""


@pytest.fixture
def document(api: TestClient) -> Json:
    answer = api.get("/openapi.json")
    assert len(answer.text) < MOST_CHARACTERS
    document: Json = answer.json()
    return document


def _list_operations(document: Json) -> list[Json]:
    return [operation for operations in document["paths"].values() for operation in operations.values()]


def test_every_error_is_a_reference_to_one_answer(document: Json) -> None:
    for operation in _list_operations(document):
        for status, answer in operation["responses"].items():
            if int(status) in DESCRIPTIONS and "application/json" not in answer.get("content", {}):
                assert answer == {"$ref": f"#/components/responses/Error{status}"}, operation["operationId"]
    assert document["components"]["responses"]["Error404"] == ERRORS[404]


def test_the_error_s_schema_is_a_component_with_the_fields_of_an_error(
    document: Json, api: TestClient
) -> None:
    schema = document["components"]["schemas"]["ProblemDocument"]
    problem = api.post("/v1/datasets", json={"name": 5}).json()
    assert set(problem) <= set(schema["properties"])
    assert set(schema["required"]) <= set(problem)
    assert set(problem["errors"][0]) == set(document["components"]["schemas"]["FieldError"]["properties"])
    assert "$defs" not in str(document)


def test_a_generator_is_told_how_to_read_every_kind_of_answer(document: Json) -> None:
    """openapi-python-client leaves out answers of other types than these, with a warning."""
    configuration = yaml.safe_load((Path(__file__).parents[2] / "clients" / "python_client.yaml").read_text())
    overrides = configuration["content_type_overrides"]
    parts = [*document["components"]["responses"].values()]
    for operation in _list_operations(document):
        parts += [*operation["responses"].values(), operation.get("requestBody", {})]
    types = {kind.partition(";")[0] for part in parts for kind in part.get("content", {})}
    known = {"application/json", "application/octet-stream", "application/x-www-form-urlencoded"}
    unknown = {
        kind
        for kind in types - known - set(overrides)
        if not kind.startswith("text/") and not kind.endswith("+json")
    }
    assert unknown == set()


def test_names_are_plain(document: Json) -> None:
    names = document["components"]["schemas"]
    assert "DatasetPage" in names
    assert [name for name in names if not name.isalnum()] == []
    titles = [schema.get("title", name) for name, schema in names.items()]
    assert titles == list(names)


def test_every_operation_has_a_name_of_its_own(document: Json) -> None:
    names = [operation["operationId"] for operation in _list_operations(document)]
    assert "create_dataset" in names
    assert len(names) == len(set(names))
