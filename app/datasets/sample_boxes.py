"""Where samples lie in their pictures, as answers show it."""

from collections.abc import Sequence
from functools import cache
from typing import cast
from uuid import UUID

from sqlalchemy import Connection, Integer, Table, any_, bindparam, select
from sqlalchemy.dialects.postgresql import ARRAY

from app.fast_paths.raw_rows import compile_statement, fetch_rows
from app.fast_paths.suspect_documents import Document
from app.tables import Sample
from models.reading.boxes.crop_region import Box

SAMPLES = cast("Table", Sample.__table__)
COLUMNS = ("box_left", "box_top", "box_width", "box_height", "width", "height")
FIELDS = ("left", "top", "width", "height", "picture_width", "picture_height")
"""The fields of a box in answers, in the order of COLUMNS."""


def read_box(sample: Sample) -> Box | None:
    """Return where a sample lies in its picture; None: it is a whole one."""
    if sample.box_left is None:
        return None
    return Box(*(getattr(sample, name) for name in COLUMNS[:4]))


def make_box(sample: Sample) -> Document | None:
    """Return a sample's box as answers show it; None: it is a whole picture."""
    if sample.box_left is None:
        return None
    return dict(zip(FIELDS, (getattr(sample, name) for name in COLUMNS), strict=True))


def add_boxes(connection: Connection, dataset_id: UUID, documents: Sequence[Document]) -> None:
    """Put the boxes of a page's samples into its documents."""
    positions = [document["position"] for document in documents]
    rows = fetch_rows(connection, _select_boxes(), {"dataset_id": dataset_id, "positions": positions})
    found = {position: dict(zip(FIELDS, box, strict=True)) for position, *box in rows}
    for document in documents:
        document["box"] = found.get(document["position"])


@cache
def _select_boxes() -> str:
    positions = bindparam("positions", type_=ARRAY(Integer))
    return compile_statement(
        select(SAMPLES.c.position, *(SAMPLES.c[name] for name in COLUMNS)).where(
            SAMPLES.c.dataset_id == bindparam("dataset_id"),
            SAMPLES.c.position == any_(positions),
            SAMPLES.c.box_left.is_not(None),
        )
    )
