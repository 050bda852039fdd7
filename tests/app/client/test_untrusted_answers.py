"""What a service answers is not trusted: names of files, other addresses, what is no JSON."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from app.client import Client, ClientError
from app.client.service.tus_upload import send_resumably
from tests.app.client.fake_service import Answer, FakeService, run_fake_service

pytestmark = pytest.mark.service
KEY = "la_secret"


@pytest.fixture
def server() -> Iterator[FakeService]:
    with run_fake_service() as running:
        yield running


@pytest.fixture
def client(server: FakeService) -> Iterator[Client]:
    with Client(server.url, key=KEY) as opened:
        yield opened


def call_the_file(server: FakeService, name: str) -> None:
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    server.answers[""] = Answer(b"new", headers=headers)


@pytest.mark.parametrize(
    "name", [".bashrc", "..", ".", "", "../x", "/etc/x", "a\\b", "C:x", "a\x1b[2Jb", "a\x7fb", "a" * 247]
)
def test_a_name_that_could_be_another_file_is_refused(
    client: Client, server: FakeService, tmp_path: Path, name: str
) -> None:
    folder = tmp_path / "inside"
    folder.mkdir()
    (folder / ".bashrc").write_text("mine")
    call_the_file(server, name)
    with pytest.raises(ClientError, match=r"expected from the service a name .* Name the file yourself"):
        client.download("/x", folder)
    assert [file.name for file in tmp_path.rglob("*")] == ["inside", ".bashrc"]
    assert (folder / ".bashrc").read_text() == "mine"
    assert client.download("/x", folder / "given").read_bytes() == b"new"


def test_a_file_that_nobody_named_is_not_replaced(
    client: Client, server: FakeService, tmp_path: Path
) -> None:
    call_the_file(server, "report.html")
    assert client.download("/x", tmp_path) == tmp_path / "report.html"
    (tmp_path / "report.html").write_text("mine")
    with pytest.raises(ClientError, match=r"report\.html exists already"):
        client.download("/x", tmp_path)
    (tmp_path / "report.html").unlink()
    (tmp_path / "report.html").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(ClientError, match=r"report\.html exists already"):
        client.download("/x", tmp_path)
    assert client.download("/x", tmp_path / "report.html").read_bytes() == b"new"
    assert [file.name for file in tmp_path.iterdir()] == ["report.html"]


def test_a_download_that_is_sent_elsewhere_is_an_error(
    client: Client, server: FakeService, tmp_path: Path
) -> None:
    server.answers[""] = Answer({}, status=302, headers={"Location": "/y"})
    with pytest.raises(ClientError, match="302"):
        client.download("/x", tmp_path)


@pytest.mark.parametrize("form", ["{other}/uploads/1", "//{host}/uploads/1", "https://{own}/uploads/1"])
def test_neither_key_nor_file_go_to_an_address_of_another_origin(
    client: Client, server: FakeService, tmp_path: Path, form: str
) -> None:
    file = tmp_path / "data.csv"
    file.write_bytes(b"secret")
    with run_fake_service() as other:
        other.answers[""] = Answer({}, headers={"Upload-Offset": "6"})
        host, own = (each.url.partition("//")[2] for each in (other, server))
        location = form.format(other=other.url, host=host, own=own)
        server.answers[""] = Answer({}, status=201, headers={"Location": location})
        with pytest.raises(ClientError, match=r"nothing is sent there, because key and data"):
            send_resumably(client, "/uploads", file, is_last=True, on_sent=lambda _: None)
        assert other.seen == []
        with pytest.raises(ClientError, match="nothing is sent there"):
            client.image(f"{other.url}/picture")
        assert other.seen == []
    assert [method for method, _, _ in server.seen] == ["POST"]


@pytest.mark.parametrize("form", ["/uploads/1", "{own}/uploads/1"])
def test_an_upload_goes_on_at_its_own_service(
    client: Client, server: FakeService, tmp_path: Path, form: str
) -> None:
    file = tmp_path / "data.csv"
    file.write_bytes(b"secret")
    headers = {"Location": form.format(own=server.url), "Upload-Offset": "6"}
    server.answers[""] = Answer({}, status=201, headers=headers)
    send_resumably(client, "/uploads", file, is_last=True, on_sent=lambda _: None)
    assert server.seen[1:] == [("PATCH", "/uploads/1", f"Bearer {KEY}")]


@pytest.mark.parametrize(
    ("headers", "words"),
    [
        ({}, "expected the header location"),
        ({"Location": "/u"}, "expected the header upload-offset"),
        (
            {"Location": "/u", "Upload-Offset": "-1"},
            "a number of bytes in Upload-Offset; found '-1'",
        ),
    ],
)
def test_an_upload_needs_its_headers(
    client: Client, server: FakeService, tmp_path: Path, headers: dict[str, str], words: str
) -> None:
    file = tmp_path / "data.csv"
    file.write_bytes(b"secret")
    server.answers[""] = Answer({}, status=201, headers=headers)
    with pytest.raises(ClientError, match=words):
        send_resumably(client, "/uploads", file, is_last=True, on_sent=lambda _: None)


DEEP = b"[" * 200_000 + b"]" * 200_000
UNREADABLE = [
    (b"<html>", "expected JSON; found text/plain: '<html>'"),
    (b"", "expected JSON; found nothing"),
    (b"\xff\xfe\xfd", "expected JSON; found text/plain"),
    (b"1" * 5000, "expected JSON; found text/plain"),
    (DEEP, "nested too deep"),
]


@pytest.mark.parametrize(("body", "words"), UNREADABLE)
@pytest.mark.parametrize("status", [200, 404])
def test_an_answer_that_cannot_be_read_is_an_error_of_the_client(
    client: Client, server: FakeService, body: bytes, words: str, status: int
) -> None:
    server.answers[""] = Answer(body, status=status, headers={"Content-Type": "text/plain; charset=x"})
    with pytest.raises(ClientError, match=words) as refusal:
        client.get("/x")
    assert refusal.value.status == (status if status != 200 else None)


@pytest.mark.parametrize(
    ("body", "found"), [(["no"], "a list"), ("no", "a text"), (None, "null"), (7, "a number"), (True, "true")]
)
def test_an_answer_of_another_kind_is_an_error_of_the_client(
    client: Client, server: FakeService, body: object, found: str
) -> None:
    server.answers[""] = Answer(body)
    for ask in (lambda: client.post("/x", {}), lambda: list(client.pages("/x"))):
        with pytest.raises(ClientError, match=f"expected a JSON object; found {found}"):
            ask()
    server.answers[""] = Answer(body, status=409)
    with pytest.raises(ClientError, match=f"409: Conflict .*found {found}") as refusal:
        client.get("/x")
    assert (refusal.value.status, refusal.value.document) == (409, {})


def test_a_page_has_items(client: Client, server: FakeService) -> None:
    server.answers[""] = Answer({"next_cursor": None})
    with pytest.raises(ClientError, match="a list of `items`; found next_cursor"):
        list(client.pages("/x"))


def test_an_answer_that_cannot_be_decompressed_is_an_error_of_the_client(
    client: Client, server: FakeService, tmp_path: Path
) -> None:
    server.answers[""] = Answer(b"no gzip", headers={"Content-Encoding": "gzip"})
    with pytest.raises(ClientError, match="decompressed"):
        client.get("/x")
    with pytest.raises(ClientError, match="decompressed"):
        client.download("/x", tmp_path)
    assert list(tmp_path.iterdir()) == []
