"""The contents of a written pack file, and the checks that the writers of all kinds share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from worker.formats.shared.label_codes import MISSING
from worker.formats.shared.problems import IngestError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from numpy.typing import NDArray

    from models.catalogue.kinds import Kind
    from worker.formats.shared.sample import Columns, Ingestion, Locations

    Report = Callable[[int, int | None], None]
    """Called with samples done and all samples (None if unknown); can raise to stop."""


@dataclass(frozen=True, kw_only=True)
class WrittenPack:
    """The samples in a pack file, and the columns of all candidates."""

    kind: Kind
    shape: tuple[int, ...]
    """Of one sample."""
    rows: NDArray[np.int64]
    """Candidate row of each sample [N]."""
    row_numbers: NDArray[np.int64]
    """Row numbers of the samples in the uploaded file [N]; they are the keys if the upload has none."""
    columns: Columns
    """Of all candidates."""
    statistics: dict[str, Any]
    widths: NDArray[np.int32] | None = None
    """Pixels of the original [N], upright."""
    heights: NDArray[np.int32] | None = None
    locations: Locations | None = None
    names: Sequence[str] | None = None
    """Members of an archive, of all candidates."""
    boxes: NDArray[np.float32] | None = None
    """Left, top, width, height [N, 4] in pixels of the upright picture; None: samples are whole pictures."""
    pictures: NDArray[np.int64] | None = None
    """Number of each sample's picture [N], with `boxes`."""


def find_labelled_rows(
    columns: Columns, ingestion: Ingestion, numbers: NDArray[np.int64] | None = None
) -> NDArray[np.bool_]:
    """Return which rows have a label [n]; the others are logged."""
    labelled: NDArray[np.bool_] = columns.given != MISSING
    other = ", or a number without a class name" if ingestion.numbers.some_are_outside else ""
    other += ", or a blank cell in the column of a class" if ingestion.classes.blank_rows else ""
    text = f"expected a label; found none{other}"
    for row in np.flatnonzero(~labelled).tolist():
        number = row if numbers is None else int(numbers[row])
        key = str(number) if columns.keys is None else columns.keys[row]
        ingestion.problems.add(key, "missing_label", text)
    return labelled


def check_pack_bytes(size: int, ingestion: Ingestion) -> None:
    """Refuse uploads whose pack would be too large."""
    if size > ingestion.limits.max_pack_bytes:
        raise IngestError(
            "pack_too_large",
            f"expected a pack of at most {ingestion.limits.max_pack_bytes} bytes; found {size} or more "
            "(a smaller image_size helps)",
        )


def join_parts(parts: list[NDArray[Any]], dtype: type[np.generic]) -> NDArray[Any]:
    """Concatenate parts; no parts give an empty array."""
    return np.concatenate(parts) if parts else np.empty(0, dtype=dtype)
