"""Errors that a client can read: one base, rendered as problem+json (RFC 9457) by one handler."""

from http import HTTPStatus
from typing import Any


class ApiError(Exception):
    """A refusal with a status, a stable code and a sentence that says what was expected and found."""

    status = HTTPStatus.BAD_REQUEST
    code = "bad_request"

    def __init__(self, detail: str, **members: Any) -> None:  # noqa: ANN401 - extension members are free-form
        super().__init__(detail)
        self.detail = detail
        self.members = members

    def document(self) -> dict[str, Any]:
        """Return the problem document without its instance."""
        return {
            "type": f"urn:limit-audit:{self.code}",
            "title": HTTPStatus(self.status).phrase,
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


class Overtaken(ApiError):
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


class Unauthorised(ApiError):
    """No usable key."""

    status = HTTPStatus.UNAUTHORIZED
    code = "unauthorised"


class Forbidden(ApiError):
    """A known client without the right to do this."""

    status = HTTPStatus.FORBIDDEN
    code = "forbidden"
