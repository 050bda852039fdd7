"""Query parameters validated by one model, for routes with very many requests.

Reason: FastAPI interprets the annotation of each parameter at every request, which took longer than the
validation. Measured: with the other changes of `raw_rows` a page of 50 calls 2,519
Python functions instead of 4,190 (docs/speed.md, "Pages"). The OpenAPI document is the same. Remove when a
route with `Annotated[Model, Query()]` calls no more functions for a page.
"""

from typing import Any, TypeVar

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ValidationError

Model = TypeVar("Model", bound=BaseModel)


def describe_query(model: type[BaseModel]) -> dict[str, Any]:
    """Return the OpenAPI description of a query, for a route's `openapi_extra`."""
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
    """Parse a request's query; every field of the model has a default.

    Raises:
        RequestValidationError: a parameter is not valid for the model.

    """
    try:
        return model.model_validate(dict(request.query_params))
    except ValidationError as error:
        errors = [{**each, "loc": ("query", *each["loc"])} for each in error.errors()]
        raise RequestValidationError(errors) from error
