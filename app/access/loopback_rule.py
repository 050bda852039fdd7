"""Without keys the API answers this machine alone, so it does not begin to listen anywhere else."""

import ipaddress
from collections.abc import Mapping, Sequence
from functools import lru_cache

LOCAL_NAMES = frozenset({"localhost"})
OPTION, VARIABLE = "--host", "UVICORN_HOST"
REFUSAL = (
    "limit-audit: refusing to listen on {host}: without keys everybody who reaches it could read and delete"
    " everything. Set LIMIT_AUDIT_AUTHENTICATION=keys and make keys with `limit-audit keys create`, or listen"
    " on 127.0.0.1."
)


@lru_cache(maxsize=1_024)
def is_loopback(host: str) -> bool:
    """Return whether an address or a name is this machine's own."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host in LOCAL_NAMES


def find_listening_host(arguments: Sequence[str], environment: Mapping[str, str]) -> str | None:
    """Return the address that uvicorn was told to listen on; None: its default, which is loopback."""
    found = environment.get(VARIABLE)
    for argument, following in zip(arguments, [*arguments[1:], ""], strict=True):
        if argument == OPTION:
            found = following
        elif argument.startswith(f"{OPTION}="):
            found = argument.removeprefix(f"{OPTION}=")
    return found


def explain_refusal(authentication: str, host: str | None) -> str | None:
    """Return why the API may not listen on an address, None where it may."""
    if authentication == "keys" or host is None or is_loopback(host):
        return None
    return REFUSAL.format(host=host)
