"""Answers about who did what."""

from datetime import datetime
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field


class ActivityOut(BaseModel):
    """One change, or attempt at one."""

    model_config = ConfigDict(from_attributes=True)

    id: UUID
    created_at: datetime
    actor: str = Field(description="name of the key; local: no key was asked for")
    key_id: UUID | None
    action: str = Field(description="method and route, or command", examples=["DELETE /v1/audits/{audit_id}"])
    objects: dict[str, str] = Field(description="ids in the path")
    client: str | None = Field(description="address it came from")
    request_id: str | None = Field(description="as in the answer's X-Request-ID and in the logs")
    status: int | None = Field(description="of the answer; null: none was sent yet")
