"""Characters that a terminal or a mail reader obeys instead of showing them."""

import re

UNSEEN = re.compile(
    r"[\x00-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]"
)
"""Control characters, line separators, marks that turn the direction of a line, and halves of characters,
which JSON can hold and nothing can print."""


def show_unseen(text: str) -> str:
    """Return one line in which each such character is written as its number, as Python's `ascii` does."""
    return UNSEEN.sub(lambda found: ascii(found.group())[1:-1], text)


def show_unseen_in_json(document: str) -> str:
    """Return the same JSON, with each such character escaped in its texts; its own lines stay."""
    return "\n".join(
        UNSEEN.sub(lambda found: f"\\u{ord(found.group()):04x}", line) for line in document.split("\n")
    )
