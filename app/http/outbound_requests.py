"""Requests to addresses that a client gave (webhooks, remote sources), without lending it our network.

The name is resolved once, every address it has is judged, and the connection goes to the address that was
judged: a second answer of the name server cannot lead elsewhere. Redirects are not followed and the
environment's proxies are not used.
"""

import ipaddress
import socket
from collections.abc import Callable

import httpx

from app.infra.errors import Invalid

IpAddress = ipaddress.IPv4Address | ipaddress.IPv6Address
Resolve = Callable[[str, int], list[str]]
SCHEMES = frozenset({"http", "https"})
# IPv6 that carries an IPv4 address, to which a gateway would pass it on: RFC 6052, RFC 8215.
TRANSLATED = [ipaddress.IPv6Network("64:ff9b::/96"), ipaddress.IPv6Network("64:ff9b:1::/48")]


class ForbiddenAddress(Invalid):
    """An address that this service does not call on a client's behalf."""

    code = "forbidden_address"


def make_client(*, allow_private: bool, timeout_seconds: float = 10) -> httpx.Client:
    """Return an HTTP client that calls public addresses only, private ones where the setting allows it.

    Its requests raise ForbiddenAddress, or httpx.TransportError as usual.
    """
    return httpx.Client(
        transport=GuardedTransport(allow_private=allow_private),
        timeout=timeout_seconds,
        follow_redirects=False,
        trust_env=False,
    )


def check_url(url: str, *, allow_private: bool) -> None:
    """Say early, when a client hands an address in, what a request to it would say.

    Raises:
        ForbiddenAddress: it is not http(s), carries a password, or leads where it may not.

    """
    try:
        parsed = httpx.URL(url)
    except (httpx.InvalidURL, TypeError) as error:
        raise ForbiddenAddress(f"this is no address: {error}") from error
    resolve_allowed(parsed, allow_private=allow_private, resolve=_resolve)


def resolve_allowed(url: httpx.URL, *, allow_private: bool, resolve: Resolve) -> str:
    """Return the judged IP address to which a request for this URL goes.

    Raises:
        ForbiddenAddress: as for `check_url`.

    """
    if url.scheme not in SCHEMES or not url.host:
        raise ForbiddenAddress(f"expected an http or https address with a host, found {url.scheme!r}")
    if url.userinfo:
        raise ForbiddenAddress("an address must not carry a user or a password")
    found = resolve(url.host, url.port or (443 if url.scheme == "https" else 80))
    if not found:
        raise ForbiddenAddress(f"the host {url.host!r} is not known to the name server")
    for address in found:
        if not is_allowed(ipaddress.ip_address(address), allow_private=allow_private):
            raise ForbiddenAddress(f"{url.host!r} is at {address}, which this service does not call")
    return found[0]


def is_allowed(address: IpAddress, *, allow_private: bool) -> bool:
    """Say whether an address may be called. Link-local, where clouds keep their secrets, never may."""
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is not None:
            return is_allowed(address.ipv4_mapped, allow_private=allow_private)
        if address.sixtofour or address.teredo or any(address in network for network in TRANSLATED):
            return False
    if address.is_link_local or address.is_multicast or address.is_unspecified or address.is_reserved:
        return address.is_loopback and allow_private  # ::1 counts as reserved
    return address.is_global or (allow_private and address.is_private)


class GuardedTransport(httpx.BaseTransport):
    """Connects to the address that was judged, with the name in the Host header and in TLS as before."""

    def __init__(self, *, allow_private: bool, resolve: Resolve | None = None) -> None:
        self._allow_private, self._resolve = allow_private, resolve or _resolve
        self._inner = httpx.HTTPTransport(trust_env=False)

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Judge, pin and send one request."""
        address = resolve_allowed(request.url, allow_private=self._allow_private, resolve=self._resolve)
        extensions = {**request.extensions, "sni_hostname": request.url.host}
        pinned = httpx.Request(
            request.method,
            request.url.copy_with(host=address),
            headers=request.headers,
            stream=request.stream,
            extensions=extensions,
        )
        return self._inner.handle_request(pinned)

    def close(self) -> None:
        """Close the connections."""
        self._inner.close()


def _resolve(host: str, port: int) -> list[str]:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (socket.gaierror, UnicodeError):
        return []
    return [str(entry[4][0]).partition("%")[0] for entry in found]
