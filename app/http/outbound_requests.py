"""Requests to URLs from clients (webhooks, remote sources), guarded against server-side request forgery.

The name is resolved once, all its addresses are checked, and the connection goes to a checked address: a
second DNS answer cannot redirect it. Redirects are not followed and proxies of the environment are not used.
"""

import ipaddress
import socket
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import httpcore
import httpx

from app.http.paced_connections import PacedBackend, Paces
from app.infra.errors import Invalid

IpAddress = ipaddress.IPv4Address | ipaddress.IPv6Address
Resolve = Callable[[str, int], list[str]]
LAST_PORT = 65_535
"""The system's resolver takes larger ones, and connects to what is left of them in 16 bits."""
CONNECTIONS, KEPT_SECONDS = 100, 5.0
CONNECTION_ERRORS = (
    *(httpcore.TimeoutException, httpcore.NetworkError, httpcore.ProtocolError),
    *(httpcore.ProxyError, httpcore.UnsupportedProtocol),
)
SCHEMES = frozenset({"http", "https"})
# IPv6 networks that embed an IPv4 address, to which a gateway forwards: RFC 6052, RFC 8215.
TRANSLATED = [ipaddress.IPv6Network("64:ff9b::/96"), ipaddress.IPv6Network("64:ff9b:1::/48")]
METADATA: list[ipaddress.IPv4Network | ipaddress.IPv6Network] = [
    *(ipaddress.IPv6Network("fd00:ec2::/32"), ipaddress.IPv6Network("fd20:ce::/32")),
    ipaddress.IPv4Network("168.63.129.16/32"),
]
"""Where clouds (AWS, Google, Azure) keep their secrets outside of link-local networks."""
SITE_LOCAL = ipaddress.IPv6Network("fec0::/10")
"""Private addresses of former times (RFC 3879), which Python counts as global."""


class ForbiddenAddress(Invalid):
    """An address that this service does not call for a client."""

    code = "forbidden_address"


def make_client(*, allow_private: bool, timeout_seconds: float = 10) -> httpx.Client:
    """Return an HTTP client for public addresses, and for private ones if allowed.

    Its requests raise ForbiddenAddress or httpx.TransportError.
    """
    return httpx.Client(
        transport=GuardedTransport(allow_private=allow_private, timeout_seconds=timeout_seconds),
        timeout=timeout_seconds,
        follow_redirects=False,
        trust_env=False,
    )


def make_tls_context() -> ssl.SSLContext:
    """Return how certificates are checked: by the usual authorities, the system's and SSL_CERT_FILE's.

    OpenSSL reads SSL_CERT_FILE and SSL_CERT_DIR instead of the system's authorities.
    """
    context = httpx.create_ssl_context(trust_env=False)
    context.load_default_certs()
    return context


def check_url(url: str, *, allow_private: bool) -> None:
    """Check a URL when a client submits it, before any request is sent.

    Raises:
        ForbiddenAddress: it is not http(s), has a user or password, or its address is not allowed.

    """
    try:
        parsed = httpx.URL(url)
        parsed.host  # noqa: B018 - decodes an international name, which may be none
    except (httpx.InvalidURL, TypeError, ValueError) as error:
        raise ForbiddenAddress(f"this is not a valid URL: {error}") from error
    resolve_allowed(parsed, allow_private=allow_private, resolve=_resolve)


def resolve_allowed(url: httpx.URL, *, allow_private: bool, resolve: Resolve) -> str:
    """Return the checked IP address for requests to this URL.

    Raises:
        ForbiddenAddress: as for `check_url`.

    """
    if url.scheme not in SCHEMES or not url.host:
        raise ForbiddenAddress(f"expected an http or https address with a host, found {url.scheme!r}")
    if url.userinfo:
        raise ForbiddenAddress("an address must not contain a user or a password")
    if not 0 < (url.port or 1) <= LAST_PORT:
        raise ForbiddenAddress(f"expected a port from 1 to {LAST_PORT}, found {url.port}")
    addresses = resolve(url.host, url.port or (443 if url.scheme == "https" else 80))
    if not addresses:
        raise ForbiddenAddress(f"the host {url.host!r} has no DNS entry")
    for address in addresses:
        if not is_allowed(ipaddress.ip_address(address), allow_private=allow_private):
            raise ForbiddenAddress(
                f"{url.host!r} has an address which this service does not call: a private or reserved one"
            )
    return addresses[0]


def is_allowed(address: IpAddress, *, allow_private: bool) -> bool:
    """Return whether an address can be called; never link-local or other ones of clouds' credentials."""
    if isinstance(address, ipaddress.IPv6Address):
        if address.ipv4_mapped is not None:
            return is_allowed(address.ipv4_mapped, allow_private=allow_private)
        if address in SITE_LOCAL:
            return allow_private
        if address.sixtofour or address.teredo or any(address in network for network in TRANSLATED):
            return False
    if any(address in network for network in METADATA):
        return False
    if address.is_link_local or address.is_multicast or address.is_unspecified or address.is_reserved:
        return address.is_loopback and allow_private  # ::1 counts as reserved
    return address.is_global or (allow_private and address.is_private)


class GuardedTransport(httpx.BaseTransport):
    """Connects to the checked address; the Host header and TLS keep the name.

    An answer that comes byte by byte ends when it falls behind SLOWEST_BYTES_PER_SECOND by the timeout: a
    timeout of each read alone never would.
    """

    def __init__(
        self, *, allow_private: bool, resolve: Resolve | None = None, timeout_seconds: float = 10
    ) -> None:
        self._allow_private, self._resolve = allow_private, resolve or _resolve
        self._paces = Paces(timeout_seconds)
        self._pool = httpcore.ConnectionPool(
            ssl_context=make_tls_context(),
            network_backend=PacedBackend(self._paces),
            max_connections=CONNECTIONS,
            keepalive_expiry=KEPT_SECONDS,
        )

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Check the address, pin the connection to it and send the request."""
        address = resolve_allowed(request.url, allow_private=self._allow_private, resolve=self._resolve)
        url = request.url.copy_with(host=address)
        assert isinstance(request.stream, httpx.SyncByteStream)
        pinned = httpcore.Request(
            method=request.method,
            url=httpcore.URL(scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path),
            headers=request.headers.raw,
            content=request.stream,
            extensions={**request.extensions, "sni_hostname": request.url.host},
        )
        self._paces.begin()
        with translated_errors():
            answer = self._pool.handle_request(pinned)
        return httpx.Response(
            status_code=answer.status,
            headers=answer.headers,
            stream=_Stream(answer, self._paces),
            extensions=answer.extensions,
        )

    def close(self) -> None:
        """Close the connections."""
        self._pool.close()


class _Stream(httpx.SyncByteStream):
    def __init__(self, answer: httpcore.Response, paces: Paces) -> None:
        self._answer, self._paces = answer, paces

    def __iter__(self) -> Iterator[bytes]:
        with translated_errors():
            for block in self._answer.iter_stream():
                self._paces.deliver(len(block))
                yield block

    def close(self) -> None:
        with translated_errors():
            self._answer.close()


@contextmanager
def translated_errors() -> Iterator[None]:
    """Raise errors of the connection as httpx's, which have the same names."""
    try:
        yield
    except CONNECTION_ERRORS as error:
        raise getattr(httpx, type(error).__name__, httpx.TransportError)(str(error)) from error


def _resolve(host: str, port: int) -> list[str]:
    try:
        entries = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (socket.gaierror, UnicodeError):
        return []
    return [str(entry[4][0]).partition("%")[0] for entry in entries]
