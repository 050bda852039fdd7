"""Answers about an audit that has not been started: its time, and what Fast and Thorough would change."""

from typing import Any, Literal

from pydantic import BaseModel, Field


class SpanOut(BaseModel):
    """A range of seconds; null: unknown."""

    low_seconds: float | None
    high_seconds: float | None
    rests_on: str = Field(description="what the range was made from")


class TimeEstimateOut(SpanOut):
    """The time of an audit from the start of its work to its ranking."""

    runs: int = Field(description="trainings")
    encoder: str | None = Field(description="that a worker like this host would choose; null: none")
    encoder_reason: str
    parts: dict[str, SpanOut] = Field(description="features, training and finishing")


class PresetOut(BaseModel):
    """Fields that make the audit faster or more thorough."""

    name: Literal["fast", "thorough"]
    configuration: dict[str, Any] = Field(description="fields to add to the configuration")
    says: str = Field(description="what it costs and changes, in plain words")
    measured: str = Field(default="", description="what was measured of it, with figures")
    estimate: TimeEstimateOut


class EstimatesOut(BaseModel):
    """What would happen if the audit were started now."""

    workers: int | None = Field(
        description="training workers that answer and take its runs; null: the broker does not answer"
    )
    waiting: int | None = Field(
        description="trainings and shards of features of all users that wait for a worker now; null: unknown"
    )
    estimate: TimeEstimateOut = Field(
        description="of the configuration as it is, without the time of waiting"
    )
    presets: list[PresetOut] = Field(description="those that change something and were measured")
