"""What an answer must be: a success, and JSON of the expected kind. Everything else is a ClientError."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx

from app.client.service.answer_types import Json
from app.client.service.client_errors import ClientError

SHOWN = 80
"""Characters of an unexpected answer that an error shows."""
KINDS = {dict: "an object", list: "a list", str: "a text", bool: "true or false", type(None): "null"}


def check_response(response: httpx.Response) -> httpx.Response:
    """Return the response if it is a success.

    Raises:
        ClientError: the response is an error.

    """
    if response.is_success:
        return response
    status, reason = response.status_code, response.reason_phrase
    try:
        document = read_object(response)
    except ClientError as unclear:
        raise ClientError(f"{status}: {reason} ({unclear})", status=status) from unclear
    raise ClientError(f"{status}: {document.get('detail', reason)}", status=status, document=document)


def read_object(response: httpx.Response) -> Json:
    """Return the JSON object of a response.

    Raises:
        ClientError: it is something else.

    """
    return require_object(read_json(response))


def require_object(answer: object) -> Json:
    """Return an answer that is a JSON object.

    Raises:
        ClientError: it is something else.

    """
    if not isinstance(answer, dict):
        raise ClientError(f"expected a JSON object; found {KINDS.get(type(answer), 'a number')}")
    return answer


def read_json(response: httpx.Response) -> Any:  # noqa: ANN401 - whatever JSON the service answers
    """Return the JSON of a response.

    Raises:
        ClientError: it is no JSON, or nested too deep to be read.

    """
    try:
        return response.json()
    except RecursionError as error:
        raise ClientError("expected JSON; found some that is nested too deep to be read") from error
    except ValueError as error:
        raise ClientError(f"expected JSON; found {_describe_content(response)}") from error


@contextmanager
def report_undecodable() -> Iterator[None]:
    """Raise ClientError for an answer whose compression cannot be undone."""
    try:
        yield
    except httpx.DecodingError as error:
        raise ClientError(f"expected an answer that can be decompressed; found: {error}") from error


def _describe_content(response: httpx.Response) -> str:
    if not response.content:
        return "nothing"
    kind = response.headers.get("content-type", "no type").partition(";")[0]
    text = response.content[: 4 * SHOWN].decode("utf-8", "replace")
    return f"{kind}: {text[:SHOWN]!r}"
