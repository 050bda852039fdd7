"""The errors that the client raises."""

from app.client.service.answer_types import Json


class ClientError(RuntimeError):
    """The service refused a request, or the work requested failed; the message is the service's sentence."""

    def __init__(self, message: str, *, status: int | None = None, document: Json | None = None) -> None:
        super().__init__(message)
        self.status, self.document = status, document or {}


class NoServiceError(ClientError):
    """No address was named, and none or several services run for this user."""
