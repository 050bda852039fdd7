"""Who reviews: the name of the key or, without keys, the name that the request gives."""

from models.reading.person_names import clean_name

WITHOUT_NAME = "local"


def name_reviewer(key_name: str | None, given: str | None) -> str:
    """Return the reviewer's name; with keys, nobody can review under another name."""
    return clean_name(key_name or given or "") or WITHOUT_NAME
