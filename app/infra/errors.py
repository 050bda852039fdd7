"""Errors that a client can read: one base, rendered as problem+json (RFC 9457) by one handler."""

import math
from http import HTTPStatus
from typing import Any


class ApiError(Exception):
    """A refusal with a status, a stable code and a sentence that says what was expected and found."""

    status: int = HTTPStatus.BAD_REQUEST
    code = "bad_request"
    title: str | None = None  # the status' own phrase, where it has one

    def __init__(self, detail: str, **members: Any) -> None:  # noqa: ANN401 - extension members are free-form
        super().__init__(detail)
        self.detail = detail
        self.members = members
        self.headers: dict[str, str] = {}

    def build_document(self) -> dict[str, Any]:
        """Return the problem document without its instance."""
        return {
            "type": f"urn:limit-audit:{self.code}",
            "title": self.title or HTTPStatus(self.status).phrase,
            "status": int(self.status),
            "code": self.code,
            "detail": self.detail,
            **self.members,
        }


class NotFound(ApiError):
    """No such object, or none that this key may see."""

    status = HTTPStatus.NOT_FOUND
    code = "not_found"


class WrongState(ApiError):
    """The object exists, but what was asked does not fit its state."""

    status = HTTPStatus.CONFLICT
    code = "wrong_state"


class StaleVersion(ApiError):
    """Somebody else has changed the object since the client last saw it."""

    status = HTTPStatus.PRECONDITION_FAILED
    code = "overtaken"


class Invalid(ApiError):
    """Well-formed, but it cannot be used: the detail names what was expected and what was found."""

    status = HTTPStatus.UNPROCESSABLE_ENTITY
    code = "invalid"


class TooLarge(ApiError):
    """A body over its limit."""

    status = HTTPStatus.REQUEST_ENTITY_TOO_LARGE
    code = "too_large"


class NoSpace(ApiError):
    """The disk cannot take this upload."""

    status = HTTPStatus.INSUFFICIENT_STORAGE
    code = "no_space"


class Incomplete(ApiError):
    """The body ended early or fell silent; nothing of it was kept."""

    status = HTTPStatus.BAD_REQUEST
    code = "incomplete_body"


class DigestMismatch(ApiError):
    """The body is not the one whose digest the client announced."""

    status = HTTPStatus.BAD_REQUEST
    code = "digest_mismatch"


class ChecksumMismatch(ApiError):
    """A part of a resumable upload is not the one whose checksum the client announced (tus 1.0)."""

    status = 460
    title = "Checksum Mismatch"
    code = "checksum_mismatch"


class Gone(ApiError):
    """It existed, and its time is over."""

    status = HTTPStatus.GONE
    code = "gone"


class WrongVersion(ApiError):
    """A protocol version that is not spoken here."""

    status = HTTPStatus.PRECONDITION_FAILED
    code = "wrong_version"


class WrongMediaType(ApiError):
    """A body of another kind than the operation takes."""

    status = HTTPStatus.UNSUPPORTED_MEDIA_TYPE
    code = "wrong_media_type"


class Unauthorised(ApiError):
    """No usable key."""

    status = HTTPStatus.UNAUTHORIZED
    code = "unauthorised"


class Forbidden(ApiError):
    """A known client without the right to do this."""

    status = HTTPStatus.FORBIDDEN
    code = "forbidden"


class Unavailable(ApiError):
    """What the service stands on does not answer at present; Retry-After says when to come back."""

    status = HTTPStatus.SERVICE_UNAVAILABLE
    code = "unavailable"

    def __init__(self, detail: str, *, seconds: int) -> None:
        super().__init__(detail)
        self.headers = {"Retry-After": str(seconds)}


class TooManyRequests(ApiError):
    """More requests than one key may make; Retry-After says when to come back."""

    status = HTTPStatus.TOO_MANY_REQUESTS
    code = "too_many_requests"

    def __init__(self, detail: str, *, seconds: float) -> None:
        super().__init__(detail)
        self.headers = {"Retry-After": str(max(1, math.ceil(seconds)))}
