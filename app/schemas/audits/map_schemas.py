"""Maps of audits, and selections of samples on them."""

from datetime import datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import BaseModel, Field

from app.schemas.request_schemas import Request
from app.tables import Json

SELECTED_MAX = 100_000
"""Positions of a million samples, as many as this, take less than `list_body_max_bytes`."""


class MapFacts(BaseModel):
    """What a map was made from."""

    source: Literal["encoder", "network", "inputs"] = Field(
        description="whose values are compared: an encoder's features, those of the network that the audit"
        " trained, or the samples' own values"
    )
    encoder: str | None = Field(description="the encoder's name")
    points: int = Field(description="samples on the map")
    samples: int = Field(description="samples of the dataset")
    highest_ranked: int = Field(
        description="so many of the highest ranks are all on the map; further points are others at random"
    )
    landmarks: int = Field(description="points laid out together; the others lie between the nearest of them")
    is_complete: bool = Field(description="false: the time was up before the last round of the layout")
    seconds: float


class MapOut(BaseModel):
    """How far a map is."""

    status: Literal["none", "queued", "running", "succeeded", "failed", "cancelled"] = Field(
        description="none: nobody has asked for it"
    )
    fraction: float = Field(description="share that is done, 0 to 1")
    error: Json | None = Field(description="why it failed")
    facts: MapFacts | None = Field(description="null: not computed yet")
    points_url: str | None = Field(
        description="float32 .npy [7, N]: position, x, y, rank, given label, suggested label, score"
    )
    verdicts_url: str | None = Field(
        description="uint8 .npy [N]: 0 none, 1 keep, 2 relabel, 3 drop, 4 unsure, in the order of the points"
    )


class SelectionRequest(Request):
    """Samples that somebody selected."""

    positions: list[Annotated[int, Field(ge=0, lt=2**31)]] = Field(min_length=1, max_length=SELECTED_MAX)


class SelectionOut(BaseModel):
    """Selected samples, as a filter of the suspects."""

    id: UUID = Field(description="for the filter `selection` of suspects and bulk actions")
    samples: int
    created_at: datetime
