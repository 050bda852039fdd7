"""Many texts in little memory are what a list of them would be."""

import numpy as np
import pytest

from worker.formats.shared import compact_texts
from worker.formats.shared.compact_texts import Finder, Texts, TextSelection, count_repeated

SOME = ["a/1.png", "", "ä/ 2.png", "\udce4", "b/3.png", "a/1.png"]


def test_texts_are_those_of_a_list() -> None:
    kept = Texts(SOME)
    assert list(kept) == SOME
    assert (len(kept), kept[-1], kept[1:4], kept[::-2]) == (6, SOME[-1], SOME[1:4], SOME[::-2])
    assert [kept.count_bytes(at) for at in range(6)] == [7, 0, 9, 3, 7, 7]
    with pytest.raises(IndexError):
        kept[6]
    with pytest.raises(IndexError):
        kept[-7]


def test_picked_texts_are_those_of_their_rows_from_a_character_on() -> None:
    picked = TextSelection(Texts(SOME), np.array([4, 0, 2]), start=2)
    assert list(picked) == picked[:] == ["3.png", "1.png", " 2.png"]
    assert (len(picked), picked[-1]) == (3, " 2.png")


def test_a_text_takes_its_characters_and_eight_bytes() -> None:
    kept = Texts(f"{number:024}" for number in range(10_000))
    size = kept._bytes.__sizeof__() + kept._ends.__sizeof__()  # noqa: SLF001
    assert size < 10_000 * 32 * 1.2  # both grow by an eighth in advance


@pytest.mark.parametrize("clash", [False, True], ids=["", "all hashes clash"])
def test_texts_are_found_and_counted(monkeypatch: pytest.MonkeyPatch, *, clash: bool) -> None:
    if clash:
        monkeypatch.setattr(compact_texts, "hash", lambda _: 7, raising=False)
    finder = Finder(Texts(SOME[:5]))
    assert [finder.find(text) for text in SOME[:5]] == list(range(5))
    assert finder.find("c", "b/3.png", "a/1.png") == 4
    assert finder.find("c") is None
    assert count_repeated(Texts(SOME)) == {"a/1.png": 2}
    assert not count_repeated(Texts(SOME[:5]))


def test_nothing_is_found_among_none() -> None:
    assert Finder(Texts()).find("a") is None
    assert not count_repeated(Texts())
