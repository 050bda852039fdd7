"""Without keys the API serves only this machine, so it refuses to listen on other addresses."""

import ipaddress
from collections.abc import Mapping, Sequence
from functools import lru_cache

LOCAL_NAMES = frozenset({"localhost"})
OPTION, VARIABLE = "--host", "UVICORN_HOST"
REFUSAL = (
    "limit-audit: refusing to listen on {host}: without keys everybody who can connect could read and delete"
    " everything. Set LIMIT_AUDIT_AUTHENTICATION=keys and make keys with `limit-audit keys create`, or listen"
    " on 127.0.0.1."
)


@lru_cache(maxsize=1_024)
def is_loopback(host: str) -> bool:
    """Return whether an address or a name is loopback."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host in LOCAL_NAMES


def find_listening_host(arguments: Sequence[str], environment: Mapping[str, str]) -> str | None:
    """Return the address that uvicorn will listen on; None: its default, loopback."""
    host = environment.get(VARIABLE)
    for argument, following in zip(arguments, [*arguments[1:], ""], strict=True):
        if argument == OPTION:
            host = following
        elif argument.startswith(f"{OPTION}="):
            host = argument.removeprefix(f"{OPTION}=")
    return host


def explain_refusal(authentication: str, host: str | None) -> str | None:
    """Return why the API cannot listen on an address; None: it can."""
    if authentication == "keys" or host is None or is_loopback(host):
        return None
    return REFUSAL.format(host=host)
