"""Terms of texts, their weights and signatures, against values worked out by hand or by scikit-learn."""

from collections import Counter

import numpy as np
import pytest
from sklearn.feature_extraction.text import TfidfVectorizer

from models.kinds.text_likeness import compare_sketches
from worker.kinds import text_terms
from worker.kinds.text_sketches import sign_texts
from worker.kinds.text_terms import find_terms, find_word_places, split_blocks
from worker.kinds.text_vectors import WIDTH, Reduction, TermWeights

TEXTS = ["Big cats", "a big dog", "猫です", "so big 😀", "", "the dog the cat"]


def spans(text: str) -> Counter[str]:
    """Return the places of a text's terms, as texts."""
    found = find_terms(["xx", text, "yy"], with_places=True)
    own = found.text_T == 1
    places = zip(found.start_T[own].tolist(), found.length_T[own].tolist(), strict=True)
    return Counter(text[start : start + length] for start, length in places)


def test_terms_are_words_pairs_and_sequences_within_words() -> None:
    # "Big cats": 2 words, 1 pair; of " big ": 3, 2 and 1 sequences of 3, 4, 5; of " cats ": 4, 3 and 2.
    found = spans("Big cats")
    assert found.total() == 2 + 1 + (3 + 2 + 1) + (4 + 3 + 2)
    assert found["Big cats"] == 1
    assert found["Big"] == 1 + 1 + 2 + 1  # the word; "big"; " big" and "big "; " big "
    assert spans("猫です") == Counter(["猫", "で", "す", "猫で", "です", "猫です"])
    assert spans("so 😀")["😀"] == 1
    assert spans("") == Counter()


def test_case_and_neighbours_do_not_change_a_hash() -> None:
    alone, beside = find_terms(["big"]), find_terms(["it is", "so BIG", "for us"])
    assert set(alone.hash_T.tolist()) <= set(beside.hash_T[beside.text_T == 1].tolist())
    assert not set(alone.hash_T.tolist()) & set(beside.hash_T[beside.text_T != 1].tolist())


def test_weights_are_those_of_scikit_learn(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(text_terms, "GRAMS", (9, 10))
    texts = ["red green blue red", "green blue", "blue grey", "red grey grey", "odd words here"] * 2
    ours = TermWeights.count(texts, on_block=lambda: None).weigh(texts)
    theirs = TfidfVectorizer(ngram_range=(1, 2), min_df=2, max_df=0.5, sublinear_tf=True).fit_transform(texts)
    assert np.allclose((ours @ ours.T).toarray(), (theirs @ theirs.T).toarray(), atol=1e-6)


def test_blocks_do_not_change_weights(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = TermWeights.count(TEXTS * 3, on_block=lambda: None)
    monkeypatch.setattr(text_terms, "BLOCK_CHARACTERS", 10)
    parts = TermWeights.count(TEXTS * 3, on_block=lambda: None)
    assert len(list(split_blocks(TEXTS))) > 1
    assert np.array_equal(whole.hash_V, parts.hash_V)
    assert np.array_equal(whole.weight_V, parts.weight_V)


def test_texts_without_known_terms_are_reduced_to_zeros() -> None:
    weights = TermWeights.count(TEXTS * 3, on_block=lambda: None)
    reduction = Reduction.fit(weights, TEXTS * 3)
    values = reduction.apply(weights.weigh(["zzz", "big cat"]))
    assert values.shape == (2, WIDTH)
    assert not values[0].any()
    assert values[1].any()
    nothing = TermWeights.count(["", "?"], on_block=lambda: None)
    assert not Reduction.fit(nothing, ["", "?"]).apply(nothing.weigh(["", "?"])).any()


def test_word_places_cover_the_words() -> None:
    text = "Hi, 猫だ 2x"
    assert [text[start : start + length] for start, length in find_word_places(text).tolist()] == [
        "Hi", "猫", "だ", "2x",
    ]  # fmt: skip
    assert find_word_places("").shape == (0, 2)


def test_likeness_is_exact_for_short_texts() -> None:
    # Sequences of "abcdef": abc bcd cde def; of "abcdxf": abc bcd cdx dxf: 2 in common of 4 and 4.
    rows = np.concatenate(
        [np.zeros((5, 3), np.int16), sign_texts(["abcdef", "abcdxf", "ABC  def", "ab", "abc def"])], 1
    )
    first, second = rows[[0, 2, 0, 3, 3]], rows[[1, 4, 0, 3, 0]]
    assert compare_sketches(first, second).tolist() == pytest.approx([0.5, 1, 1, 1, 0])


def test_likeness_of_long_texts_is_near_the_truth() -> None:
    generator = np.random.default_rng(0)
    letters = "".join(chr(97 + each) for each in generator.integers(0, 26, 2_000))
    other = letters[:1_000] + letters[1_000:].upper().translate(
        str.maketrans("ABCDEFGHIJKLM", "NOPQRSTUVWXYZ")
    )
    one, two = ({text[at : at + 3] for at in range(len(text) - 2)} for text in (letters, other.casefold()))
    truth = 2 * len(one & two) / (len(one) + len(two))
    rows = np.concatenate([np.zeros((2, 1), np.int16), sign_texts([letters, other])], 1)
    assert compare_sketches(rows[:1], rows[1:])[0] == pytest.approx(truth, abs=0.18)
    assert not np.array_equal(*sign_texts(["Case", "case"]))
