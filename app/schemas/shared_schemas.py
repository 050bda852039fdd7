"""Models that several answers share: pages, failures, problem documents, health."""

from typing import Annotated, Generic, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field

Item = TypeVar("Item")
Probability = Annotated[float, Field(ge=0, le=1)]


class Failure(BaseModel):
    """A reason: why a dataset was rejected, why a run failed or waits, or what was changed."""

    code: str
    detail: str


class Page(BaseModel, Generic[Item]):
    """A page of items; `next_cursor` is null on the last page and also sent as a Link header."""

    items: list[Item]
    next_cursor: str | None


class FieldError(BaseModel):
    """A field that cannot be used."""

    pointer: str = Field(description="JSON pointer (RFC 6901) to the field")
    detail: str
    found: str | None = Field(default=None, description="the value, at most 200 characters of it")


class BoxOut(BaseModel):
    """Where a sample lies in its picture, in pixels of the picture as it is shown."""

    left: float
    top: float
    width: float
    height: float
    picture_width: int
    picture_height: int


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
    errors: list[FieldError] | None = Field(
        default=None, description="for validation errors: the wrong fields; at most 50"
    )
    error_count: int | None = Field(default=None, description="of validation errors, listed or not")


class Health(BaseModel):
    """The result of each check, by name."""

    status: Literal["ok", "failing"]
    checks: dict[str, str]
