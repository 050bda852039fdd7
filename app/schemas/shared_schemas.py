"""What answers have in common: pages, failures, problem documents, health."""

from typing import Annotated, Any, Generic, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field

Item = TypeVar("Item")
Probability = Annotated[float, Field(ge=0, le=1)]


class Failure(BaseModel):
    """Why something ended."""

    code: str
    detail: str


class Page(BaseModel, Generic[Item]):
    """Some items and, where there are more, the cursor of the next page (also as a Link header)."""

    items: list[Item]
    next_cursor: str | None


class ProblemDocument(BaseModel):
    """An error as problem+json (RFC 9457)."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "type": "urn:limit-audit:wrong_state",
                    "title": "Conflict",
                    "status": 409,
                    "code": "wrong_state",
                    "detail": "this needs a dataset that is ready, this one is ingesting",
                }
            ]
        }
    )

    type: str
    title: str
    status: int
    code: str
    detail: str
    errors: list[dict[str, Any]] | None = Field(
        default=None, description="validation: a JSON pointer and what was wrong there"
    )


class Health(BaseModel):
    """What was checked and what it said."""

    status: Literal["ok", "failing"]
    checks: dict[str, str]
