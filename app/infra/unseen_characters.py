"""Characters that a terminal or a mail reader obeys instead of showing them."""

import re

UNSEEN = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")
"""Control characters, line separators, and marks that turn the direction of a line."""


def show_unseen(text: str) -> str:
    """Return one line in which each such character is written as its number, as Python's `ascii` does."""
    return UNSEEN.sub(lambda found: ascii(found.group())[1:-1], text)


def show_unseen_in_lines(text: str) -> str:
    """Return the text with its own lines, each as `show_unseen` writes it."""
    return "\n".join(show_unseen(line) for line in text.split("\n"))
