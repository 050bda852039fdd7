"""Which addresses the service calls on a client's behalf, and that it calls the one it judged."""

import ipaddress
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from app.http import outbound_requests
from app.http.outbound_requests import ForbiddenAddress

CLOSED = """
127.0.0.1 127.8.9.1 10.1.2.3 172.16.0.1 192.168.1.1 100.64.0.1 169.254.169.254 0.0.0.0 224.0.0.1 239.1.1.1
255.255.255.255 240.0.0.1 192.0.2.1 198.18.0.1 ::1 :: fe80::1 fc00::1 ff02::1 2001:db8::1
::ffff:127.0.0.1 ::ffff:10.0.0.1 64:ff9b::7f00:1 64:ff9b:1::a00:1 2002:7f00:1::
2001:0:4136:e378:8000:63bf:3fff:fdd2
"""


@pytest.mark.parametrize("address", CLOSED.split())
def test_what_is_not_public_is_not_called(address: str) -> None:
    assert not outbound_requests.is_allowed(ipaddress.ip_address(address), allow_private=False)


@pytest.mark.parametrize("address", ["1.1.1.1", "93.184.216.34", "2606:4700::1111", "::ffff:1.1.1.1"])
def test_what_is_public_is_called(address: str) -> None:
    assert outbound_requests.is_allowed(ipaddress.ip_address(address), allow_private=False)


@pytest.mark.parametrize("address", ["127.0.0.1", "10.1.2.3", "::1", "fc00::1", "1.1.1.1"])
def test_the_setting_opens_private_addresses(address: str) -> None:
    assert outbound_requests.is_allowed(ipaddress.ip_address(address), allow_private=True)


@pytest.mark.parametrize("address", ["169.254.169.254", "fe80::1", "0.0.0.0", "224.0.0.1"])  # noqa: S104
def test_the_setting_never_opens_link_local(address: str) -> None:
    assert not outbound_requests.is_allowed(ipaddress.ip_address(address), allow_private=True)


@pytest.mark.parametrize("address", ["fd00:ec2::254", "fd20:ce::254", "168.63.129.16"])
def test_the_setting_never_opens_where_clouds_keep_secrets(address: str) -> None:
    for allow_private in (False, True):
        assert not outbound_requests.is_allowed(ipaddress.ip_address(address), allow_private=allow_private)


BAD_URLS = """
ftp://example.com/x file:///etc/passwd gopher://127.0.0.1 //example.com http:// nonsense http://[/ http://0/
http://user:secret@93.184.216.34/ http://127.0.0.1:8000/ http://[::1]/ http://2130706433/ http://0x7f.1/
http://localhost/ http://nowhere.invalid/ http://xn--/ http://xn--zzzzzz-/ http://1.1.1.1:65536/
http://1.1.1.1:99999/
"""


@pytest.mark.parametrize("url", BAD_URLS.split())
def test_addresses_that_are_refused_when_they_are_handed_in(url: str) -> None:
    with pytest.raises(ForbiddenAddress) as refused:
        outbound_requests.check_url(url, allow_private=False)
    assert "secret" not in refused.value.detail


def test_one_private_answer_among_public_ones_is_enough_to_refuse() -> None:
    with pytest.raises(ForbiddenAddress, match="which this service does not call") as refused:
        outbound_requests.resolve_allowed(
            httpx.URL("https://two.example/"), allow_private=False, resolve=lambda *_: ["1.1.1.1", "10.0.0.1"]
        )
    assert "10.0.0.1" not in refused.value.detail, "what a name of the inside stands for is nobody's business"


class Echo(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(302 if self.path == "/away" else 200)
        self.send_header("Location", "http://169.254.169.254/")
        self.end_headers()
        self.wfile.write(self.headers["Host"].encode())

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def port() -> Iterator[int]:
    with HTTPServer(("127.0.0.1", 0), Echo) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server.server_port
        server.shutdown()
        thread.join()


@pytest.mark.service
def test_the_judged_address_is_the_one_that_is_called(port: int) -> None:
    answers = iter([["127.0.0.1"], ["10.255.255.1"]])
    transport = outbound_requests.GuardedTransport(allow_private=True, resolve=lambda *_: next(answers))
    with httpx.Client(transport=transport, trust_env=False) as client:
        answer = client.get(f"http://rebound.example:{port}/")
    assert answer.text == f"rebound.example:{port}"
    assert next(answers) == ["10.255.255.1"], "the name was resolved once"


def write_certificate(folder: Path) -> Path:
    """Write a key and a certificate of 127.0.0.1 that signs itself into one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "own authority")])
    begin = datetime.now(UTC) - timedelta(days=1)
    address = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    builder = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
    builder = builder.not_valid_before(begin).not_valid_after(begin + timedelta(days=9))
    builder = builder.add_extension(address, critical=False)
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    file = folder / "own.pem"
    pem = serialization.Encoding.PEM
    private = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    file.write_bytes(private + builder.sign(key, hashes.SHA256()).public_bytes(pem))
    return file


@pytest.mark.service
def test_an_authority_of_one_s_own_is_believed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = write_certificate(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    with HTTPServer(("127.0.0.1", 0), Echo) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            address = f"https://127.0.0.1:{server.server_port}/"
            with outbound_requests.make_client(allow_private=True) as client, pytest.raises(httpx.HTTPError):
                client.get(address)
            monkeypatch.setenv("SSL_CERT_FILE", str(file))
            with outbound_requests.make_client(allow_private=True) as client:
                assert client.get(address).status_code == 200
        finally:
            server.shutdown()
            thread.join()


@contextmanager
def dripping(head: bytes, part: bytes, seconds: float) -> Iterator[int]:
    """Yield the port of a server that answers with a head, and then sends a part again and again."""
    done = threading.Event()

    def serve(listening: socket.socket) -> None:
        connection, _ = listening.accept()
        with connection, suppress(OSError):
            connection.recv(65_536)
            connection.sendall(head)
            while not done.wait(seconds):
                connection.sendall(part)

    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=serve, args=(listening,))
        thread.start()
        try:
            yield listening.getsockname()[1]
        finally:
            done.set()
            thread.join()


@pytest.mark.service
@pytest.mark.parametrize(
    ("head", "part"),
    [
        (b"HTTP/1.1 200 OK\r\n", b"X: y\r\n"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n", b"x"),
        (b"", b"HTTP/1.1 102 Processing\r\n\r\n" * 200),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1;" + b"x" * 4000 + b"\r\nx\r\n"),
    ],
    ids=["head", "body", "interim answers", "chunk extensions"],
)
def test_an_answer_that_drips_ends(head: bytes, part: bytes) -> None:
    began = time.monotonic()
    with (
        dripping(head, part, 0.05) as port,
        outbound_requests.make_client(allow_private=True, timeout_seconds=1) as client,
        pytest.raises(httpx.ReadTimeout),
    ):
        client.get(f"http://127.0.0.1:{port}/")
    assert time.monotonic() - began < 30


@pytest.mark.service
@pytest.mark.parametrize(
    ("head", "part"),
    [
        (b"", b"HTTP/1.1 103 Early Hints\r\n\r\n" * 2_000),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1;" + b"x" * 8_000 + b"\r\nx\r\n"),
    ],
    ids=["interim answers", "chunk extensions"],
)
def test_an_answer_that_floods_ends_at_once(head: bytes, part: bytes) -> None:
    """Its reader never waits: 30 seconds of a processor would go for every address."""
    with (
        dripping(head, part, 0) as port,
        outbound_requests.make_client(allow_private=True, timeout_seconds=60) as client,
        pytest.raises(httpx.ReadError, match="bytes came, of which"),
    ):
        client.get(f"http://127.0.0.1:{port}/")


@pytest.mark.service
def test_blocks_of_one_byte_are_read() -> None:
    body = b"1\r\nx\r\n" * 100_000 + b"0\r\n\r\n"
    with (
        dripping(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + body, b"", 60) as port,
        outbound_requests.make_client(allow_private=True, timeout_seconds=60) as client,
    ):
        assert len(client.get(f"http://127.0.0.1:{port}/").content) == 100_000


@pytest.mark.service
def test_an_answer_that_is_slow_but_moves_on_is_read() -> None:
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n"
    with (
        dripping(head, b"x" * 5_000, 0.1) as port,
        outbound_requests.make_client(allow_private=True, timeout_seconds=1) as client,
    ):
        assert len(client.get(f"http://127.0.0.1:{port}/").content) == 100_000


@pytest.mark.service
def test_a_redirect_is_an_answer_and_not_a_way(port: int) -> None:
    with outbound_requests.make_client(allow_private=True) as client:
        assert client.get(f"http://localhost:{port}/away").status_code == 302


@pytest.mark.service
def test_a_loopback_server_is_not_called_without_the_setting(port: int) -> None:
    with outbound_requests.make_client(allow_private=False) as client, pytest.raises(ForbiddenAddress):
        client.get(f"http://127.0.0.1:{port}/")
