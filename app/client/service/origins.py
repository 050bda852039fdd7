"""Where requests may go: the key and the data are for one service, whatever address an answer names."""

import httpx

from app.client.service.client_errors import ClientError


def require_own_origin(url: str, address: str) -> None:
    """Raise ClientError unless an address is relative, or has scheme, host and port of the service's URL."""
    own = httpx.URL(url)
    try:
        named = own.join(address)
    except httpx.InvalidURL as error:
        raise ClientError(f"expected an address of {url}; found {address!r}: {error}") from error
    if _find_origin(named) != _find_origin(own):
        raise ClientError(
            f"expected an address of {url}; found {address!r}: nothing is sent there, because key and data"
            " are for this service alone"
        )


def _find_origin(url: httpx.URL) -> tuple[str, str, int | None]:
    default = {"http": 80, "https": 443}.get(url.scheme)
    return url.scheme, url.host, url.port or default
