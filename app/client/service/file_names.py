"""The name that a service gives to a downloaded file: one file in the chosen folder, and a new one."""

import os
import re
from pathlib import Path

import httpx

from app.client.service.client_errors import ClientError

GIVEN_NAME = re.compile(r'filename="([^"]*)"')
NAME_BYTES_MAX = 255 - len("..partial")
"""A file name has 255 bytes at most; the file is called .NAME.partial until it is complete."""
ALLOWED = re.compile(r"(?!\.)[^/\\:]+")
"""No separator, drive or stream, and neither a hidden file nor the parent folder."""


def choose_file(response: httpx.Response, folder: Path, path: str) -> Path:
    """Return the file in a folder that gets the service's name, else the last part of the path.

    Raises:
        ClientError: the name could be another thing than a new, visible file in this folder.

    """
    match = GIVEN_NAME.search(response.headers.get("content-disposition", ""))
    name = match[1] if match else path.rpartition("/")[2]
    size = len(name.encode("utf-8", "replace"))
    if ALLOWED.fullmatch(name) is None or not name.isprintable() or size > NAME_BYTES_MAX:
        raise ClientError(
            f"expected from the service a name of at most {NAME_BYTES_MAX} printable bytes, without / \\ :"
            f" and without a dot at its beginning; found {name[:NAME_BYTES_MAX]!r}. Name the file yourself"
        )
    return folder / name


def require_folder(target: Path) -> None:
    """Raise ClientError if the folder of a file that is to be written does not exist."""
    if not target.is_dir() and not target.absolute().parent.is_dir():
        raise ClientError(f"there is no folder {target.absolute().parent}; make it first")


def refuse_existing(file: Path) -> None:
    """Raise ClientError if a file exists that the caller did not name, also one that is a broken link."""
    if os.path.lexists(file):
        raise ClientError(f"{file} exists already; to replace it, name the file and not its folder alone")
