"""Display of texts: as they were read, and the first words where there is little room."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from pyarrow import parquet

from app.infra.storage import Storage
from app.kinds.feature_display import FeatureDisplay
from app.kinds.sample_display import Appearance, Value, cut_text
from app.kinds.table_display import find_group
from app.tables import Dataset
from models.catalogue.kinds import SIGNATURE, TEXTS_FILE


class TextDisplay(FeatureDisplay):
    """See `ShownKind`."""

    def describe(self, _: Sequence[int]) -> Appearance:
        """Return what pages need."""
        return Appearance(shape_title="Stored values", has_pictures=False, sample_view="text")

    def open_values(self, files: Storage, dataset: Dataset) -> Callable[[int], list[Value]]:
        """Return a function that reads the text of a position, as the only value."""
        path = files.fetch_pack_file(dataset, TEXTS_FILE)
        known: dict[int, list[str]] = {}

        def read(position: int) -> list[Value]:
            with parquet.ParquetFile(path) as file:
                group, start = find_group(file, position)
                if group not in known:
                    known[group] = file.read_row_group(group).column(0).to_pylist()
            return [known[group][position - start]]

        return read

    def open_snippets(
        self, files: Storage, dataset: Dataset, *, is_whole: bool = False
    ) -> Callable[[int], str]:
        """Return a function that reads a position's text, or its first words."""
        read = self.open_values(files, dataset)
        if is_whole:
            return lambda position: str(read(position)[0])
        return lambda position: cut_text(str(read(position)[0]))

    def select_values(self, rows: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Return the reduced values [n, D], without the signatures."""
        return self.make_vectors(rows)

    def make_vectors(self, rows: npt.NDArray[Any]) -> npt.NDArray[np.float32]:
        """Return the reduced values [n, D]."""
        return np.ascontiguousarray(rows[:, :-SIGNATURE]).view(np.float16).astype(np.float32)
