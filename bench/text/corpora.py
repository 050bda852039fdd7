"""Labelled texts without a download: made up, and docstrings of installed packages.

Array names: N texts.
"""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from models.paper.label_noise import add_uniform_noise

PACKAGES = ("numpy", "scipy", "pandas", "sklearn", "torch", "matplotlib")
VERBS = ("get", "set", "is", "check", "test", "make")
WORDS_MIN = 6
LENGTH_MAX = 400
COUNT = 1_500
SUBJECTS = 6
OWN, SHARED = 40, 300
WORD_LENGTH = (3, 9)


@dataclass(frozen=True, kw_only=True)
class Corpus:
    """Texts with wrong labels."""

    texts: list[str]
    given_N: npt.NDArray[np.int64]
    is_error: npt.NDArray[np.bool_]
    class_count: int


def make_corpus(name: str, rate: float, *, seed: int) -> Corpus:
    """Return a corpus of 1,500 texts with uniform label noise."""
    texts, correct_N = CORPORA[name](seed)
    count = int(correct_N.max()) + 1
    given_N, _ = add_uniform_noise(correct_N, rate=rate, class_count=count, seed=seed)
    return Corpus(
        texts=texts, given_N=given_N.astype(np.int64), is_error=given_N != correct_N, class_count=count
    )


def make_up(seed: int, *, own_share: float = 0.25, count: int = COUNT) -> tuple[list[str], npt.NDArray[Any]]:
    """Return texts of 5 to 25 made-up words; neighbouring subjects share half of their own words."""
    generator = np.random.default_rng(seed)
    words = [_make_word(generator) for _ in range(SHARED + SUBJECTS * OWN // 2)]
    shared, rest = words[:SHARED], words[SHARED:]
    correct_N = generator.integers(0, SUBJECTS, count)
    texts = []
    for label in correct_N:
        own = [rest[(label * OWN // 2 + at) % len(rest)] for at in range(OWN)]
        length = int(generator.integers(5, 26))
        texts.append(
            " ".join(
                str(generator.choice(own if generator.random() < own_share else shared))
                for _ in range(length)
            )
        )
    return texts, correct_N


def _make_word(generator: np.random.Generator) -> str:
    letters = generator.integers(0, 26, int(generator.integers(*WORD_LENGTH)))
    return "".join(chr(97 + letter) for letter in letters)


def read_docstrings(seed: int) -> tuple[list[str], npt.NDArray[Any]]:
    """Return first paragraphs of docstrings, labelled by the package that has them; its name is left out."""
    generator = np.random.default_rng(seed)
    texts: list[str] = []
    labels: list[int] = []
    for label, package in enumerate(PACKAGES):
        found = sorted({text for _, text in _list_docstrings(package)})
        for at in generator.permutation(len(found))[: COUNT // len(PACKAGES)]:
            texts.append(found[at])
            labels.append(label)
    return texts, np.array(labels)


def read_purposes(seed: int) -> tuple[list[str], npt.NDArray[Any]]:
    """Return first paragraphs of docstrings, labelled by the verb that the function's name begins with."""
    generator = np.random.default_rng(seed)
    documents = [each for package in PACKAGES for each in _list_docstrings(package)]
    texts: list[str] = []
    labels: list[int] = []
    for label, verb in enumerate(VERBS):
        found = sorted({text for name, text in documents if name.lstrip("_").startswith(f"{verb}_")})
        for at in generator.permutation(len(found))[: COUNT // len(VERBS)]:
            texts.append(found[at])
            labels.append(label)
    return texts, np.array(labels)


def _list_docstrings(package: str) -> Iterator[tuple[str, str]]:
    """Yield names of functions and classes, and their first paragraphs, without the package's name."""
    spec = find_spec(package)
    assert spec is not None
    assert spec.origin is not None
    for file in sorted(Path(spec.origin).parent.rglob("*.py"))[:400]:
        try:
            tree = ast.parse(file.read_text(encoding="utf-8"))
        except (SyntaxError, UnicodeDecodeError):
            continue
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef | ast.ClassDef):
                paragraph = (ast.get_docstring(node) or "").split("\n\n")[0]
                words = [word for word in paragraph.split() if package not in word.lower()]
                text = " ".join(words)[:LENGTH_MAX]
                if len(text.split()) >= WORDS_MIN:
                    yield node.name, text


CORPORA = {
    "made up": make_up,
    "made up, vague": lambda seed: make_up(seed, own_share=0.15),
    "docstrings": read_docstrings,
    "purposes": read_purposes,
}
