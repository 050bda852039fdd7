"""Texts in a script that hardly any other text of the dataset is written in.

A script is the first word of a letter's name in Unicode, such as LATIN or CYRILLIC. Languages that share a
script are not told apart.

Array names: N texts, C letters of all texts, S scripts.
"""

import unicodedata
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

RARE_SHARE = 0.01
"""A script is foreign if fewer than this share of the texts are mostly in it."""
TOGETHER = {"HIRAGANA": "CJK", "KATAKANA": "CJK", "HALFWIDTH": "CJK", "BOPOMOFO": "CJK", "FULLWIDTH": "LATIN"}
"""Scripts of one writing system."""
BLOCK_TEXTS = 10_000


def find_foreign_scripts(texts: Sequence[str]) -> tuple[npt.NDArray[np.int64], list[str]]:
    """Return the texts most of whose letters are of a script that is rare among the texts, and its names."""
    blocks = [texts[start : start + BLOCK_TEXTS] for start in range(0, len(texts), BLOCK_TEXTS)]
    names = np.array([script for block in blocks for script in _name_scripts(block)], dtype=object)
    scripts, place_N, count_S = np.unique(names, return_inverse=True, return_counts=True)
    is_rare_S = (count_S < RARE_SHARE * len(texts)) & (scripts != "")
    found = np.flatnonzero(is_rare_S[place_N])
    return found, names[found].tolist()


def _name_scripts(texts: Sequence[str]) -> list[str]:
    """Return the script of most letters of each text; blank: no letters."""
    codes_C = np.frombuffer("".join(texts).encode("utf-32-le", "replace"), np.uint32)
    text_C = np.repeat(np.arange(len(texts)), np.fromiter(map(len, texts), np.int64, count=len(texts)))
    used, place_C = np.unique(codes_C, return_inverse=True)
    named = [_name_script(chr(code)) for code in used.tolist()]
    scripts, script_of_used = np.unique(named, return_inverse=True)
    counts_NS = np.zeros((len(texts), len(scripts)), np.int64)
    np.add.at(counts_NS, (text_C, script_of_used[place_C]), 1)
    counts_NS[:, scripts == ""] = 0
    has_letters_N = counts_NS.any(axis=1)
    main_N: list[str] = np.where(has_letters_N, scripts[counts_NS.argmax(axis=1)], "").tolist()
    return main_N


def _name_script(character: str) -> str:
    """Return the script of a letter; blank for other characters."""
    if not character.isalpha():
        return ""
    script = unicodedata.name(character, "").split(" ")[0].split("-")[0]
    return TOGETHER.get(script, script)
