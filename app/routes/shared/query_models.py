"""Queries that a model alone looks at, for routes that are asked for very often.

FastAPI finds out at every request what the annotation of each parameter means, which took longer than to look
at the parameters. The document of the API is the same.
"""

from typing import Any, TypeVar

from fastapi import Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, ValidationError

Model = TypeVar("Model", bound=BaseModel)


def described(model: type[BaseModel]) -> dict[str, Any]:
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


def asked(model: type[Model], request: Request) -> Model:
    """Return what a request's query asks for; every field of the model has a default.

    Raises:
        RequestValidationError: a parameter is not what the model says.

    """
    try:
        return model.model_validate(dict(request.query_params))
    except ValidationError as error:
        found = [{**each, "loc": ("query", *each["loc"])} for each in error.errors()]
        raise RequestValidationError(found) from error
