"""Labels and keys as texts: what counts as the same one, what counts as missing, and how each is spelled."""

import base64
import re
import unicodedata
from typing import Any

INVISIBLE = re.compile("[\u00ad\u200b-\u200f\u2060\ufeff]")
"""Soft hyphen, zero-width characters, direction marks and byte order marks: they show nothing."""
NOT_JOINERS = re.compile("[\u00ad\u200b\u200e\u200f\u2060\ufeff]")
"""The same without the two joiners, which some scripts need between letters."""
UNSTORABLE = re.compile("[\x00\ud800-\udfff]")
"""What neither PostgreSQL nor UTF-8 can hold."""
NOT_IN_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""Characters that XML 1.0 cannot hold (production 2, Char); names that people chose may have them."""
WHITESPACE = re.compile(r"\s")
WHOLE_NUMBER = re.compile(r"([+-]?\d+)\.0+")
MISSING_TEXTS = frozenset(("nan", "#n/a", "#n/a n/a", "#na", "<na>", "-nan", "1.#ind", "-1.#ind", "1.#qnan"))
"""What programs write for "nothing" and no person writes as a class."""
DOUBTFUL_TEXTS = frozenset(("na", "n/a", "null", "none", "?", "missing", "unknown"))
"""What may mean "nothing" and may be a class; kept as a class and said."""

MISSING_NUMBERS = frozenset(
    (
        *("", "na", "n/a", "nan", "-nan", "null", "none", "?", "<na>", "#n/a", "#n/a n/a", "#na", "nil"),
        *("1.#ind", "-1.#ind", "1.#qnan", "-1.#qnan", "#div/0!", "#value!", "#ref!", "#num!", "#name?"),
    )
)
"""What pandas and spreadsheets write for a number that does not exist."""

Json = Any


def clean_text(text: str) -> str:
    """Return a text in the composed form (NFC), without characters that show nothing and blank ends."""
    if text.isascii():
        return text.strip()
    return unicodedata.normalize("NFC", NOT_JOINERS.sub("", text)).strip()


def make_comparable(text: str) -> str:
    """Return the form in which texts are compared: two that look alike have the same."""
    if text.isascii():
        return text.strip()
    composed = unicodedata.normalize("NFC", INVISIBLE.sub("", text))
    return WHITESPACE.sub(" ", composed).strip()


def format_label(value: object) -> str | None:
    """Return the name of a label: None if missing (None, NaN, blank); 3.0 and "3.0" are named "3"."""
    if value is None:
        return None
    text = clean_text(value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value))
    if not text or text.lower() in MISSING_TEXTS:
        return None
    number = WHOLE_NUMBER.fullmatch(text) if text.isascii() else None
    return number[1] if number else text


def strip_guard(text: str) -> str:
    """Return a text without the apostrophe that our CSV files put before what looks like a formula."""
    return text[1:] if len(text) > 1 and text[0] == "'" and text[1] in "=+-@\t\r" else text


def encode_spelling(value: object) -> Json:
    """Return a label's own value as JSON: numbers, truth values and texts as they are, bytes as Base64."""
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, bytes):
        return {"bytes": base64.b64encode(value).decode("ascii")}
    text = str(value)
    if UNSTORABLE.search(text):
        return {"text": base64.b64encode(text.encode("utf-8", "surrogatepass")).decode("ascii")}
    return text


def decode_spelling(stored: Json) -> object:
    """Return the value that `encode_spelling` stored."""
    if not isinstance(stored, dict):
        return stored
    (kind, content), *_ = stored.items()
    raw = base64.b64decode(content)
    return raw if kind == "bytes" else raw.decode("utf-8", "surrogatepass")
