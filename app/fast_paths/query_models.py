"""Queries that one model validates, for routes that are asked for very often.

Reason: FastAPI finds out at every request what the annotation of each parameter means, which took longer
than to validate the parameters. Measured: with the other changes of `raw_rows` a page of 50 calls 2,519
Python functions instead of 4,190 (docs/speed.md, "Pages"). The API's document is the same. Remove when a
route with `Annotated[Model, Query()]` calls no more functions for a page.
"""

from typing import Any, TypeVar

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ValidationError

Model = TypeVar("Model", bound=BaseModel)


def describe_query(model: type[BaseModel]) -> dict[str, Any]:
    """Return what a route says of its query in the API's document: `openapi_extra`."""
    properties = model.model_json_schema()["properties"]
    return {
        "parameters": [
            {
                "name": name,
                "in": "query",
                "required": False,
                "schema": schema,
                **({"description": schema["description"]} if "description" in schema else {}),
            }
            for name, schema in properties.items()
        ]
    }


def parse_query(model: type[Model], request: Request) -> Model:
    """Return what a request's query asks for; every field of the model has a default.

    Raises:
        RequestValidationError: a parameter is not what the model says.

    """
    try:
        return model.model_validate(dict(request.query_params))
    except ValidationError as error:
        found = [{**each, "loc": ("query", *each["loc"])} for each in error.errors()]
        raise RequestValidationError(found) from error
