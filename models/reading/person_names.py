"""Names of people, spelled one way: two spellings of one name would be two people."""

import unicodedata

LONGEST = 200


def clean_name(text: str) -> str:
    """Return a name in composed characters (NFC), with single spaces, without characters nobody sees."""
    seen = "".join(letter if letter.isprintable() else " " for letter in unicodedata.normalize("NFC", text))
    return " ".join(seen.split())[:LONGEST].strip()
