"""Headers of the tus 1.0 protocol: parsing and checks."""

import base64
import binascii
import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from app.infra.errors import ChecksumMismatch, Invalid, WrongMediaType, WrongVersion

if TYPE_CHECKING:
    from hashlib import _Hash

VERSION = "1.0.0"
VERSION_HEADER = {"Tus-Resumable": VERSION}
MEDIA_TYPE = "application/offset+octet-stream"
ALGORITHMS = ("sha256", "sha1")
DESCRIPTION = {
    "Tus-Version": VERSION,
    "Tus-Extension": "creation,checksum,expiration,termination",
    "Tus-Checksum-Algorithm": ",".join(ALGORITHMS),
}
SHA256 = re.compile(r"[0-9a-f]{64}")


def check_version(headers: Mapping[str, str]) -> None:
    """Raise WrongVersion unless the client uses the supported version."""
    found = headers.get("tus-resumable")
    if found != VERSION:
        error = WrongVersion(f"the header Tus-Resumable must be {VERSION}, found {found!r}")
        error.headers["Tus-Version"] = VERSION
        raise error


def check_media_type(headers: Mapping[str, str]) -> None:
    """Raise WrongMediaType unless the body has tus' media type for parts."""
    found = headers.get("content-type")
    if found != MEDIA_TYPE:
        raise WrongMediaType(f"the header Content-Type must be {MEDIA_TYPE}, found {found!r}")


@dataclass(frozen=True, kw_only=True)
class UploadMetadata:
    """The content of Upload-Metadata."""

    name: str
    sha256: str | None
    complete: bool


def parse_metadata(header: str) -> UploadMetadata:
    """Parse Upload-Metadata: `filename`, and optionally `sha256` (hexadecimal) and `complete` (true, false).

    Raises:
        Invalid: it is malformed, has no file name, or a value is not valid.

    """
    values = dict(map(_parse_pair, header.split(",")))
    if "filename" not in values:
        raise Invalid(f"Upload-Metadata must have the key filename, found {sorted(values)[:10]}")
    sha256, complete = values.get("sha256"), values.get("complete", "true")
    if sha256 is not None and not SHA256.fullmatch(sha256):
        raise Invalid(f"Upload-Metadata's sha256 must be 64 hexadecimal digits, found {sha256[:80]!r}")
    if complete not in {"true", "false"}:
        raise Invalid(f"Upload-Metadata's complete must be true or false, found {complete[:80]!r}")
    return UploadMetadata(name=values["filename"], sha256=sha256, complete=complete == "true")


def _parse_pair(text: str) -> tuple[str, str]:
    key, _, value = text.strip().partition(" ")
    return key, _decode_base64(value, "Upload-Metadata").decode(errors="replace")


def _decode_base64(value: str, header: str) -> bytes:
    try:
        return base64.b64decode(value, validate=True)
    except (binascii.Error, ValueError) as error:
        raise Invalid(f"{header} must have Base64 after a space, found {value[:80]!r}") from error


@dataclass(frozen=True, kw_only=True)
class Checksum:
    """The announced checksum of a body, and the hash that computes the actual one."""

    expected: bytes
    hasher: "_Hash"

    @classmethod
    def read_announced(cls, headers: Mapping[str, str]) -> Self | None:
        """Return the checksum that the client announces; None: none.

        Raises:
            Invalid: the algorithm is unknown, or the value is not Base64.

        """
        header = headers.get("upload-checksum")
        if header is None:
            return None
        algorithm, _, value = header.partition(" ")
        if algorithm not in ALGORITHMS:
            raise Invalid(f"Upload-Checksum must use one of {ALGORITHMS}, found {algorithm[:80]!r}")
        hasher = hashlib.new(algorithm, usedforsecurity=False)
        return cls(expected=_decode_base64(value, "Upload-Checksum"), hasher=hasher)

    def check(self) -> None:
        """Raise ChecksumMismatch unless the body has the announced checksum."""
        if self.hasher.digest() != self.expected:
            raise ChecksumMismatch(f"the body does not have the announced {self.hasher.name}; send it again")
