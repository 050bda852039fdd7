"""Dataset repositories of a model hub: their addresses, and the pages of a list of their files."""

import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

from pydantic import BaseModel, Field, TypeAdapter, ValidationError

from app.places.place_types import UnusablePlace

ADDRESS = re.compile(
    r"hf://datasets/(?P<repository>[A-Za-z0-9][\w.-]{0,95}/[A-Za-z0-9][\w.-]{0,95})"
    r"(?:@(?P<revision>[^/@]+))?(?:/(?P<folder>.*))?",
    re.ASCII,
)
FORM = "hf://datasets/OWNER/NAME, with @REVISION and /FOLDER if needed"
MAIN = "main"


@dataclass(frozen=True, kw_only=True)
class Repository:
    """What an address names."""

    name: str
    revision: str
    folder: str
    """Without slashes at its ends; empty: the whole repository."""


def leads_up(path: str) -> bool:
    """Return whether a path leaves its folder, as soon as somebody shortens it."""
    return any(part in {".", ".."} for part in path.split("/"))


def parse_address(url: str) -> Repository:
    """Return what an address names; UnusablePlace if it has another form."""
    found = ADDRESS.fullmatch(url)
    parts = (found["folder"] or "").strip("/").split("/") if found else []
    revision = unquote((found and found["revision"]) or MAIN)
    if found is None or leads_up("/".join(parts)) or leads_up(revision):
        raise UnusablePlace(f"expected {FORM}; found {url[:200]!r}")
    return Repository(name=found["repository"], revision=revision, folder="/".join(parts))


class HubEntry(BaseModel):
    """One file or folder of a listing."""

    type: str
    path: str
    oid: str
    size: int = Field(ge=0, lt=2**63)
    lfs: dict[str, Any] | None = None

    @property
    def digest(self) -> str:
        """Return what the hub names the content by: SHA-256 of a large file, else Git's digest."""
        return str((self.lfs or {}).get("oid", self.oid))


PAGE = TypeAdapter(list[HubEntry])


def parse_page(content: bytes) -> list[HubEntry]:
    """Return the entries of one page of a listing."""
    try:
        return PAGE.validate_json(content)
    except ValidationError as error:
        reason = error.errors()[0]["msg"]
        raise UnusablePlace(
            f"expected a list of files from the hub; found something else: {reason}"
        ) from None
