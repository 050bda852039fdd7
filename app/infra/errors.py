"""Errors for clients: one base class, rendered as problem+json (RFC 9457) by one handler."""

import math
from http import HTTPStatus
from typing import Any

DETAIL_MAX = 4_000
"""Characters of a sentence that quotes what was found, which can be megabytes."""


class ApiError(Exception):
    """An error with a status, a stable code and a sentence that says what was expected and found."""

    status: int = HTTPStatus.BAD_REQUEST
    code = "bad_request"
    title: str | None = None  # None: the status' standard phrase

    def __init__(self, detail: str, **members: Any) -> None:  # noqa: ANN401 - extension members are free-form
        super().__init__(detail)
        self.detail = detail
        self.members = members
        self.headers: dict[str, str] = {}

    def build_document(self) -> dict[str, Any]:
        """Return the problem document, without `instance`."""
        return {
            "type": f"urn:limit-audit:{self.code}",
            "title": self.title or HTTPStatus(self.status).phrase,
            "status": int(self.status),
            "code": self.code,
            "detail": self.detail if len(self.detail) <= DETAIL_MAX else f"{self.detail[:DETAIL_MAX]} ...",
            **self.members,
        }


class NotFound(ApiError):
    """The object does not exist, or this key has no access to it."""

    status = HTTPStatus.NOT_FOUND
    code = "not_found"


class WrongState(ApiError):
    """The object exists, but its state does not allow the operation."""

    status = HTTPStatus.CONFLICT
    code = "wrong_state"


class StaleVersion(ApiError):
    """The object was changed since the client last read it."""

    status = HTTPStatus.PRECONDITION_FAILED
    code = "overtaken"


class Invalid(ApiError):
    """Well-formed input that cannot be used: the detail names what was expected and what was found."""

    status = HTTPStatus.UNPROCESSABLE_ENTITY
    code = "invalid"


class TooLarge(ApiError):
    """The body is larger than its limit."""

    status = HTTPStatus.REQUEST_ENTITY_TOO_LARGE
    code = "too_large"


class NoSpace(ApiError):
    """The disk has no space for this upload."""

    status = HTTPStatus.INSUFFICIENT_STORAGE
    code = "no_space"


class Incomplete(ApiError):
    """The body ended early or stalled; nothing was stored."""

    status = HTTPStatus.BAD_REQUEST
    code = "incomplete_body"


class DigestMismatch(ApiError):
    """The body does not have the announced digest."""

    status = HTTPStatus.BAD_REQUEST
    code = "digest_mismatch"


class ChecksumMismatch(ApiError):
    """A part of a resumable upload does not have the announced checksum (tus 1.0)."""

    status = 460
    title = "Checksum Mismatch"
    code = "checksum_mismatch"


class Gone(ApiError):
    """The object has expired."""

    status = HTTPStatus.GONE
    code = "gone"


class WrongVersion(ApiError):
    """The protocol version is not supported."""

    status = HTTPStatus.PRECONDITION_FAILED
    code = "wrong_version"


class WrongMediaType(ApiError):
    """The operation does not accept this media type."""

    status = HTTPStatus.UNSUPPORTED_MEDIA_TYPE
    code = "wrong_media_type"


class Unauthorised(ApiError):
    """The key is missing or not valid."""

    status = HTTPStatus.UNAUTHORIZED
    code = "unauthorised"


class Forbidden(ApiError):
    """The client is known but has no permission."""

    status = HTTPStatus.FORBIDDEN
    code = "forbidden"


class Unavailable(ApiError):
    """The database or another dependency does not answer; Retry-After says when to retry."""

    status = HTTPStatus.SERVICE_UNAVAILABLE
    code = "unavailable"

    def __init__(self, detail: str, *, seconds: int) -> None:
        super().__init__(detail)
        self.headers = {"Retry-After": str(seconds)}


class TooManyRequests(ApiError):
    """The key made more requests than its limit; Retry-After says when to retry."""

    status = HTTPStatus.TOO_MANY_REQUESTS
    code = "too_many_requests"

    def __init__(self, detail: str, *, seconds: float) -> None:
        super().__init__(detail)
        self.headers = {"Retry-After": str(max(1, math.ceil(seconds)))}
