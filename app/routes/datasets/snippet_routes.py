"""The route of the first words of texts and table rows, which lists show instead of pictures."""

import re
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from app.datasets import dataset_service
from app.infra.errors import Invalid
from app.kinds.shown_kinds import find_shown_kind
from app.routes.shared.dependencies import Files, Reads, Session

router = APIRouter(prefix="/v1/datasets", tags=["datasets"])
MOST = 500
NUMBER = re.compile("[0-9]{1,10}")
LONGEST = 5_000
"""Characters of the positions: percent-encoded, one takes up to 12 bytes of the 64 kB of a request's head."""


class Snippet(BaseModel):
    """The first words of a text, or the first cells of a row: `age 41 · city Rome`."""

    position: int
    text: str


class Snippets(BaseModel):
    """The first words of some samples; none if they are pictures, or rows without names of their columns."""

    items: list[Snippet] = Field(description="in the order that was asked for")


@router.get("/{dataset_id}/snippets", dependencies=[Reads])
def list_snippets(
    dataset_id: UUID,
    session: Session,
    files: Files,
    positions: Annotated[str, Query(max_length=LONGEST, description="up to 500 positions, by commas")],
) -> Snippets:
    """Return the first words of texts, or the first cells of rows that are not blank."""
    dataset = dataset_service.get(session, dataset_id)
    dataset_service.require_ready(dataset)
    read = find_shown_kind(dataset).open_snippets(files, dataset)
    if read is None:
        return Snippets(items=[])
    chosen = _read_positions(positions, dataset.sample_count or 0)
    texts = {position: read(position) for position in sorted(set(chosen))}  # rows that lie together at once
    return Snippets(items=[Snippet(position=position, text=texts[position]) for position in chosen])


def _read_positions(text: str, count: int) -> list[int]:
    parts = text.split(",")
    if len(parts) > MOST or not all(NUMBER.fullmatch(part) for part in parts):
        raise Invalid(f"positions are up to {MOST} whole numbers, separated by commas")
    found = [int(part) for part in parts]
    if max(found) >= count:
        raise Invalid(f"positions are 0 to {count - 1}; found {max(found)}")
    return found
