"""The embedded services that run for this user, found without a data folder; and the proof of who answers.

This module needs only httpx, so the client may use it where no service is installed.
"""

import contextlib
import hashlib
import json
import os
import secrets
from dataclasses import dataclass
from pathlib import Path

import httpx

from app.infra import instance_proof

HOME_VARIABLE = "LIMIT_AUDIT_HOME"
DEFAULT_HOME = Path.home() / ".limit-audit"
NOTE = "service.json"
PRIVATE = 0o700
ANSWER_SECONDS = 10.0


@dataclass(frozen=True, kw_only=True)
class RunningService:
    """A service that has proved that it was started for a data folder of this user."""

    url: str
    data_dir: Path


def locate_home() -> Path:
    """Return the data folder that is used if none is named."""
    return Path(os.environ.get(HOME_VARIABLE) or DEFAULT_HOME)


def find_services() -> list[RunningService]:
    """Return this user's running services: the one in the home folder alone, else all that were announced."""
    home = locate_home()
    folders = [folder for folder in _list_announced() if folder != home.absolute()]
    at_home = prove_service(home)
    if at_home is not None:
        return [at_home]
    return [found for folder in folders if (found := prove_service(folder)) is not None]


def prove_service(data_dir: Path) -> RunningService | None:
    """Return the service that is noted in a data folder if it proves itself; None: none runs.

    A note that another user has written is not believed.
    """
    note = data_dir / NOTE
    with contextlib.suppress(OSError, ValueError, TypeError, KeyError, AttributeError):
        if note.stat().st_uid != os.getuid():
            return None
        found = json.loads(note.read_text(encoding="utf-8"))
        if is_ours(str(found["url"]), str(found["token"]), "live"):
            return RunningService(url=str(found["url"]), data_dir=data_dir)
    return None


def is_ours(url: str, token: str, probe: str) -> bool:
    """Return whether the service at an address has this token, and its health probe is well."""
    challenge = secrets.token_hex(instance_proof.TOKEN_BYTES)
    with (
        contextlib.suppress(httpx.HTTPError, httpx.InvalidURL, ValueError, KeyError, TypeError),
        httpx.Client(trust_env=False, timeout=ANSWER_SECONDS) as client,
    ):
        proof = client.get(f"{url}/v1/health/instance", params={"challenge": challenge}).json()["proof"]
        is_well = client.get(f"{url}/v1/health/{probe}").status_code == httpx.codes.OK
        return is_well and instance_proof.is_proof(token, challenge, str(proof))
    return False


def announce(data_dir: Path) -> None:
    """Note a data folder where this user's commands look for running services; neither address nor token.

    Where the place cannot be written, the service is found by its data folder alone.
    """
    with contextlib.suppress(OSError):
        place = _locate_place()
        place.mkdir(mode=PRIVATE, parents=True, exist_ok=True)
        _locate_entry(data_dir).write_text(str(data_dir), encoding="utf-8")


def withdraw(data_dir: Path) -> None:
    """Remove what `announce` has noted."""
    with contextlib.suppress(OSError):
        _locate_entry(data_dir).unlink(missing_ok=True)


def _list_announced() -> list[Path]:
    """Return the announced folders; entries of folders without a running service are removed."""
    folders = []
    with contextlib.suppress(OSError, ValueError):
        for entry in sorted(_locate_place().iterdir()):
            folder = Path(entry.read_text(encoding="utf-8"))
            if folder.is_absolute() and (folder / NOTE).exists():
                folders.append(folder)
            else:
                entry.unlink(missing_ok=True)
    return folders


def _locate_place() -> Path:
    state = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
    return Path(state) / "limit-audit" / "services"


def _locate_entry(data_dir: Path) -> Path:
    return _locate_place() / hashlib.sha256(os.fsencode(data_dir)).hexdigest()[:32]
