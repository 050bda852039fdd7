"""What goes wrong, as one kind of error with the service's own sentence."""

from app.client.answer_types import Json


class ClientError(RuntimeError):
    """The service refused, or what was asked for ended badly; the message is the service's own sentence."""

    def __init__(self, message: str, *, status: int | None = None, document: Json | None = None) -> None:
        super().__init__(message)
        self.status, self.document = status, document or {}
