"""What becomes of an upload's rows takes a few bytes a row, and is the same however it is asked."""

import sys
import tracemalloc

import numpy as np

from app.exports.files.final_rows import DROPPED, UNCHANGED, FinalRows


def test_rows_are_found_in_any_order() -> None:
    finals = FinalRows(np.array([7, 2, 4_000_000_000]), np.array([5, UNCHANGED, 0], np.int32))
    expected = {2: UNCHANGED, 7: 5, 4_000_000_000: 0}
    for row in (0, 2, 3, 7, 8, 4_000_000_000, 4_000_000_001, 2):
        assert finals.find(row) == expected.get(row, DROPPED)
    assert finals.list_range(1, 8).tolist() == [expected.get(row, DROPPED) for row in range(1, 9)]
    assert finals.list_range(100, 2).tolist() == [DROPPED, DROPPED]
    cut = finals.cut(7, 10)
    assert (len(cut), cut.find(0), cut.find(1)) == (1, 5, DROPPED)
    assert finals.list_new_labels() == [0, 5]
    none = FinalRows(np.empty(0, np.int64), np.empty(0, np.int32))
    assert (none.find(0), none.list_range(0, 1).tolist()) == (DROPPED, [DROPPED])


def test_rows_of_no_sample_stay_where_the_dropped_ones_are_known() -> None:
    kept, labels, dropped = np.array([2, 7]), np.array([UNCHANGED, 5], np.int32), np.array([9, 4])
    finals = FinalRows(kept, labels, dropped)
    expected = [UNCHANGED] * 4 + [DROPPED] + [UNCHANGED] * 2 + [5, UNCHANGED, DROPPED, UNCHANGED]
    assert [finals.find(row) for row in range(11)] == expected
    assert finals.list_range(0, 11).tolist() == expected
    cut = finals.cut(4, 6)
    assert [cut.find(row) for row in range(6)] == expected[4:10]
    assert cut.list_range(0, 6).tolist() == expected[4:10]


def test_a_million_rows_take_eight_megabytes() -> None:
    tracemalloc.start()
    rows = np.arange(1_000_000)
    finals = FinalRows(rows, np.full(len(rows), UNCHANGED, np.int32))
    del rows
    held, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert finals.find(999_999) == UNCHANGED
    assert held < 8_000_000 + 10 * sys.getsizeof(finals) + 10_000
