"""Errors for an audit's configuration, with a JSON pointer to the faulty field."""

from collections.abc import Sequence

from app.audits.audit_configuration import AuditConfiguration
from app.infra.errors import Invalid
from app.tables import Json

ROOT = "/body/configuration"


def refuse(
    sentence: str,
    fields: Sequence[str],
    *,
    configuration: AuditConfiguration | None = None,
    entry: int | None = None,
) -> Invalid:
    """Return the error for a configuration.

    Args:
        sentence: what was expected and found.
        fields: the fields that can be at fault, the most likely one first.
        configuration: used to find the field that is set; None: the first field is named.
        entry: index in `compare` of the refused training; None: nothing is compared.

    """
    pointer = _build_pointer(fields, configuration.document if configuration else {}, entry)
    return Invalid(sentence, errors=[{"pointer": pointer, "detail": sentence}])


def _build_pointer(fields: Sequence[str], document: Json, entry: int | None) -> str:
    """Return the pointer to the first field set in the entry, else in the search, else at the top."""
    path = f"{ROOT}/compare/{entry}"
    own = {} if entry is None else document["compare"][entry]
    if isinstance(own, str):  # the name of a method
        if fields[:1] == ("method",):
            return path
        own = {}
    search = document.get("search")
    searched = search if isinstance(search, dict) else {}
    for place, values in ((path, own), (f"{ROOT}/search", searched), (ROOT, document)):
        present = [field for field in fields if values.get(field) not in (None, "none")]
        if present:
            return f"{place}/{present[0]}"
    return "/".join([ROOT, *fields[:1]])
