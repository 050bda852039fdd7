"""The OpenAPI document, as generators of clients read it.

Errors are components that operations refer to: a schema inside each of a thousand answers made
the document 1.4 MB, and generators dropped it.
"""

import json
import re
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute

from app.schemas.shared_schemas import FieldError, ProblemDocument

MEDIA_TYPE = "application/problem+json"
PAGE_NAME = re.compile(r"\bPage[\[_](\w+?)(?:Out)?[\]_](?=\")")
DESCRIPTIONS = {
    400: "The body is incomplete or does not match its digest",
    401: "The key is missing or not valid",
    403: "The key has no permission for this",
    404: "The object does not exist",
    408: "The body took too long",
    409: "The object's state does not allow this",
    410: "The upload has expired",
    412: "The version is not supported, or the object does not match If-Match",
    413: "The body is larger than its limit",
    415: "The media type is not supported",
    422: "A field or the content cannot be used",
    429: "The key made more requests than its limit",
    460: "A part's checksum is wrong",
    503: "The database does not answer at present",
    507: "The disk is full",
}
ERRORS: dict[int | str, dict[str, Any]] = {
    status: {
        "description": description,
        "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/ProblemDocument"}}},
    }
    for status, description in DESCRIPTIONS.items()
}
"""For the argument `responses` of an application."""


class DescribedApplication(FastAPI):
    """An application whose document is made for generators."""

    def openapi(self) -> dict[str, Any]:
        """Return the document; it is made once."""
        if self.openapi_schema is None:
            document = get_openapi(
                title=self.title, version=self.version, description=self.description, routes=self.routes
            )
            _add_error_schemas(document)
            _share_error_answers(document)
            self.openapi_schema = _name_pages(document)
        return self.openapi_schema


def name_operation(route: APIRoute) -> str:
    """Return the name of a route's function as the operation's id: generators name functions by it."""
    return route.name


def _add_error_schemas(document: dict[str, Any]) -> None:
    schemas = document["components"]["schemas"]
    template = "#/components/schemas/{model}"
    for model in (FieldError, ProblemDocument):
        schema = model.model_json_schema(ref_template=template)
        schema.pop("$defs", None)
        schemas[model.__name__] = schema


def _share_error_answers(document: dict[str, Any]) -> None:
    """Move the answers that are equal everywhere to the components, and refer to them."""
    shared = {str(status): (f"Error{status}", answer) for status, answer in ERRORS.items()}
    document["components"]["responses"] = dict(shared.values())
    for operations in document["paths"].values():
        for operation in operations.values():
            answers = operation["responses"]
            for status, (name, answer) in shared.items():
                if answers.get(status) == answer:
                    answers[status] = {"$ref": f"#/components/responses/{name}"}


def _name_pages(document: dict[str, Any]) -> dict[str, Any]:
    """Call a page `DatasetPage`, where the library says `Page[DatasetOut]` and `Page_DatasetOut_`."""
    renamed: dict[str, Any] = json.loads(PAGE_NAME.sub(r"\1Page", json.dumps(document)))
    return renamed
