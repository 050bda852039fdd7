"""What people write for a dataset or an audit: its id, its name, a beginning of either, or `@last`."""

from typing import Literal
from uuid import UUID

from app.client.service.answer_types import Json
from app.client.service.client_errors import ClientError
from app.client.service.connection import Connection

Noun = Literal["dataset", "audit"]
LAST = "@last"
PAGE = 500
SHOWN = 10
FIRST_PAGE = 20
SUCCEEDED = "succeeded"
NAME_MAX = 200
"""Characters of a name, as the service has it."""
ENDED_BADLY = {"dataset": frozenset({"rejected"}), "audit": frozenset({"failed", "cancelled"})}
"""Statuses of what has no result."""


def resolve(connection: Connection, noun: Noun, reference: str, *, usable: bool = False) -> str:
    """Return the id that a reference stands for; one whole name comes before beginnings of names and ids.

    Args:
        connection: to the service.
        noun: what is meant.
        reference: what somebody wrote.
        usable: among several, leave out what has no result, such as a first try that was rejected.

    Raises:
        ClientError: nothing is called so, or several are; the message lists them.

    """
    if _is_id(reference):
        return reference
    if reference == LAST:
        return _find_last(connection, noun)
    text = reference.strip()
    found = [each for each in _list_beginning(connection, noun, text) if _begins(each, text)]
    named = [each for each in found if each["name"] == text]
    candidates = _narrow(noun, named or found, usable=usable)
    if len(candidates) == 1:
        return str(candidates[0]["id"])
    if candidates:
        raise ClientError(_describe_several(noun, text, candidates))
    raise ClientError(
        f"there is no {noun} whose name or id begins with {text!r}; `limit-audit {noun} list` shows all"
    )


def _narrow(noun: Noun, candidates: list[Json], *, usable: bool) -> list[Json]:
    """Leave out views of a class, and what has no result, as long as something else is called so."""
    kept = [each for each in candidates if not each.get("view_of")] or candidates
    if not usable:
        return kept
    return [each for each in kept if each["status"] not in ENDED_BADLY[noun]] or kept


def find_baseline(connection: Connection, reference: str, *, besides: str | None = None) -> Json:
    """Return the audit that later ones are compared with; of several with this name, the newest.

    Args:
        connection: to the service.
        reference: the whole id or name; a beginning could be that of another branch.
        besides: id of the audit that is compared with it, which is no baseline of itself.

    Raises:
        ClientError: there is no such audit that has succeeded.

    """
    if _is_id(reference) or reference == LAST:
        found: list[Json] = [connection.get(f"/v1/audits/{resolve(connection, 'audit', reference)}")]
    else:
        found = [
            each for each in _list_beginning(connection, "audit", reference) if each["name"] == reference
        ]
    usable = [each for each in found if each["status"] == SUCCEEDED and each["id"] != besides]
    if usable:
        return usable[0]
    others = f"; of this name: {', '.join(_describe_unusable(each, besides) for each in found[:SHOWN])}"
    raise ClientError(
        f"there is no audit {reference!r} that has succeeded and could be the baseline"
        + (others if found else "")
    )


def _describe_unusable(audit: Json, besides: str | None) -> str:
    is_itself = audit["id"] == besides
    return f"{audit['id']} ({'the one that is judged' if is_itself else audit['status']})"


def _is_id(text: str) -> bool:
    try:
        UUID(text)
    except ValueError:
        return False
    return True


def _find_last(connection: Connection, noun: Noun) -> str:
    """Return the id of the newest; the view of a class is part of a dataset, and never meant."""
    listed = connection.pages(f"/v1/{noun}s", limit=FIRST_PAGE)
    newest = next((each for each in listed if not each.get("view_of")), None)
    if newest is None:
        raise ClientError(f"there is no {noun} yet, so {LAST} stands for none")
    return str(newest["id"])


def _list_beginning(connection: Connection, noun: Noun, text: str) -> list[Json]:
    if not text.isprintable() or not 0 < len(text) <= NAME_MAX:
        raise ClientError(
            f"expected the id or name of one {noun}, 1 to {NAME_MAX} printable characters, or {LAST};"
            f" found {text!r}"
        )
    return list(connection.pages(f"/v1/{noun}s", match=text, limit=PAGE))


def _begins(answer: Json, text: str) -> bool:
    """Return whether an answer fits; a service of an earlier version lists all."""
    return str(answer["name"]).startswith(text) or str(answer["id"]).startswith(text.lower())


def _describe_several(noun: Noun, text: str, candidates: list[Json]) -> str:
    listed = "; ".join(
        f"{each['name']!r} of {each['created_at'][:16].replace('T', ' ')}, {each['status']}, {each['id']}"
        for each in candidates[:SHOWN]
    )
    more = f"; and {len(candidates) - SHOWN} more" if len(candidates) > SHOWN else ""
    return f"{text!r} may be any of {len(candidates)} {noun}s: {listed}{more}. Give more of an id, or {LAST}."
