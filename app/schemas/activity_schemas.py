"""Answers of the activity log."""

from datetime import datetime
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field


class ActivityOut(BaseModel):
    """One change, or one attempt to change something."""

    model_config = ConfigDict(from_attributes=True)

    id: UUID
    created_at: datetime
    actor: str = Field(description="name of the key; `local` if no keys are required")
    key_id: UUID | None
    action: str = Field(description="method and route, or command", examples=["DELETE /v1/audits/{audit_id}"])
    objects: dict[str, str] = Field(description="the ids in the path, by name")
    client: str | None = Field(description="IP address of the client")
    request_id: str | None = Field(description="the answer's X-Request-ID, also in the logs")
    status: int | None = Field(description="HTTP status of the answer; null: not answered yet")
