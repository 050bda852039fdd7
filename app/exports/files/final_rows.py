"""What becomes of an upload's rows, in a few bytes a row: a download of millions can be open for hours.

Legend of shapes: N samples, K samples that are kept, D samples that are not, R rows.
"""

import numpy as np
import numpy.typing as npt

DROPPED, UNCHANGED = -1, -2
"""Beside labels, which are 0 and above: no sample of the row is kept; its label is as the upload has it."""
Labels = npt.NDArray[np.int32]
Rows = npt.NDArray[np.int64]


class FinalRows:
    """By row of the upload: the new label of a kept sample, UNCHANGED, or DROPPED.

    It takes eight bytes a sample, whatever the numbers of their rows: millions of rows without a label
    fit into a few kilobytes of Parquet.
    """

    def __init__(self, rows_K: Rows, labels_K: Labels, dropped_D: Rows | None = None) -> None:
        """Keep what becomes of rows.

        Args:
            rows_K: of the kept samples.
            labels_K: their labels, or UNCHANGED.
            dropped_D: rows of samples that are not kept: rows of no sample are UNCHANGED then. None: all
                other rows are dropped.

        """
        order_K = np.argsort(rows_K, kind="stable")
        self._rows_K = rows_K[order_K].astype(np.min_scalar_type(int(rows_K.max(initial=0))))
        self._labels_K = labels_K[order_K]
        self._dropped_D = None if dropped_D is None else np.sort(dropped_D)
        self._next = 0

    def __len__(self) -> int:
        """Return the number of kept samples."""
        return len(self._rows_K)

    def find(self, row: int) -> int:
        """Return what becomes of a row; the row after the last one is found at once."""
        at = self._next
        if at >= len(self) or self._rows_K.item(at) != row:
            at = int(np.searchsorted(self._rows_K, row))
        if at >= len(self) or self._rows_K.item(at) != row:
            self._next = at
            return self._find_other(row)
        self._next = at + 1
        return self._labels_K.item(at)

    def _find_other(self, row: int) -> int:
        """Return what becomes of a row of no kept sample."""
        if self._dropped_D is None:
            return DROPPED
        at = int(np.searchsorted(self._dropped_D, row))
        is_dropped = at < len(self._dropped_D) and self._dropped_D.item(at) == row
        return DROPPED if is_dropped else UNCHANGED

    def list_range(self, first: int, count: int) -> Labels:
        """Return what becomes of `count` rows from `first` on [count]."""
        start, stop = np.searchsorted(self._rows_K, [first, first + count])
        labels_R: Labels = np.full(count, DROPPED if self._dropped_D is None else UNCHANGED, np.int32)
        labels_R[self._cut_dropped(first, count)] = DROPPED
        labels_R[self._rows_K[start:stop].astype(np.int64) - first] = self._labels_K[start:stop]
        return labels_R

    def cut(self, first: int, count: int) -> "FinalRows":
        """Return what becomes of `count` rows from `first` on, which is their row 0."""
        start, stop = np.searchsorted(self._rows_K, [first, first + count])
        rows = self._rows_K[start:stop].astype(np.int64) - first
        dropped = None if self._dropped_D is None else self._cut_dropped(first, count)
        return FinalRows(rows, self._labels_K[start:stop], dropped)

    def _cut_dropped(self, first: int, count: int) -> Rows:
        """Return the dropped rows among `count` rows from `first` on, which is their row 0."""
        if self._dropped_D is None:
            return np.empty(0, np.int64)
        start, stop = np.searchsorted(self._dropped_D, [first, first + count])
        return self._dropped_D[start:stop] - first

    def list_new_labels(self) -> list[int]:
        """Return the labels that samples are changed to, in order."""
        return [int(label) for label in np.unique(self._labels_K) if label >= 0]
