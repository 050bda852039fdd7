"""Columns about the samples that are no features: collected while an upload is read, kept beside its pack."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from models.reading.column_names import LABELS, POSITION, TRUTHS, has_name
from models.reading.kept_columns import COLUMNS_MAX, NAME_MAX, ColumnProfile, cut_value, is_own_name

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    from worker.formats.shared.understanding import Understanding

SCHEMA = pa.schema({"position": pa.int64(), "document": pa.string()})
FILE = "own.parquet"
_WRITE_ROWS = 16_384
_SOURCE = "upload"


class OwnRows:
    """The values of the columns that are kept, by row read or by record of a table."""

    def __init__(self) -> None:
        self.names: list[str] = []
        self._codes: dict[str, list[NDArray[np.int32]]] = {}
        self._values: dict[str, dict[str | None, int]] = {}
        self._records: list[int] = []
        self._by_record = False

    def choose(self, names: Sequence[str], understood: Understanding) -> None:
        """Keep these columns, at most COLUMNS_MAX in all, and say so."""
        new = [name for name in dict.fromkeys(names) if name not in self.names]
        usable = [name for name in new if len(name) <= NAME_MAX and name.isprintable()]
        kept = usable[: COLUMNS_MAX - len(self.names)]
        for name in kept:
            self.names.append(name)
            self._codes[name], self._values[name] = [], {None: 0}
        if len(kept) < len(new):
            understood.note(
                "columns_not_kept",
                f"{len(new) - len(kept)} more columns are not kept: at most {COLUMNS_MAX} are, with names of"
                f" at most {NAME_MAX} printable characters",
            )
        if self.names:
            understood.facts["own_columns"] = list(self.names)

    def append(self, columns: Mapping[str, Sequence[object]]) -> None:
        """Add consecutive rows, all columns of the same length."""
        for name in self.names:
            values = self._values[name]
            texts = [cut_value(value) for value in columns[name]]
            self._codes[name].append(
                np.array([values.setdefault(text, len(values)) for text in texts], dtype=np.int32)
            )

    def put(self, record: int, cells: Mapping[str, Any]) -> None:
        """Add the cells of one record of a table, in the order of the records."""
        if self.names:
            self._by_record = True
            self._records.append(record)
            self.append({name: [cells.get(name)] for name in self.names})

    def write(
        self, folder: Path, rows: NDArray[np.int64], records: NDArray[np.int64]
    ) -> list[dict[str, object]]:
        """Write the samples' values to `own.parquet` and return what the columns are.

        Args:
            folder: where the file goes.
            rows: the row read of each sample [N].
            records: the record of a table that names each sample [N].

        """
        if not self.names:
            return []
        at = np.searchsorted(np.array(self._records), records) if self._by_record else rows
        codes = {name: np.concatenate([np.empty(0, np.int32), *self._codes[name]])[at] for name in self.names}
        texts = {name: list(self._values[name]) for name in self.names}
        profiles = [self._make_profile(name, codes[name], texts[name]) for name in self.names]
        with pq.ParquetWriter(folder / FILE, SCHEMA, compression="zstd") as writer:
            for start in range(0, len(at), _WRITE_ROWS):
                stop = min(start + _WRITE_ROWS, len(at))
                documents = [_make_document(profiles, codes, texts, row) for row in range(start, stop)]
                block = {"position": np.arange(start, stop), "document": documents}
                writer.write_table(pa.table(block, SCHEMA))
        return [profile.describe(_SOURCE) for profile in profiles]

    def _make_profile(
        self, name: str, codes: NDArray[np.int32], texts: Sequence[str | None]
    ) -> ColumnProfile:
        profile = ColumnProfile(name=name)
        counts = np.bincount(codes, minlength=len(texts))
        for text, count in zip(texts, counts.tolist(), strict=True):
            if count and text is not None:
                profile.add(text)
        profile.missing = int(counts[0])
        return profile


def list_own(names: Sequence[str]) -> list[str]:
    """Return the columns of a table of pictures that are kept: all that do not name a label or a position."""
    return [name for name in names if name and not has_name(name, (*LABELS, *TRUTHS, POSITION))]


def list_own_by_name(names: Sequence[str]) -> list[str]:
    """Return the columns of a table of features that are kept by their name."""
    return [name for name in names if is_own_name(name)]


def _make_document(
    profiles: Sequence[ColumnProfile],
    codes: Mapping[str, NDArray[np.int32]],
    texts: Mapping[str, Sequence[str | None]],
    row: int,
) -> str:
    values = {each.name: texts[each.name][codes[each.name][row]] for each in profiles}
    kept = {each.name: each.convert(text) for each in profiles if (text := values[each.name]) is not None}
    return json.dumps(kept, ensure_ascii=False)
