"""A record is the same twice, fails after any change, and says whose key signed it."""

import hashlib
import io
import json
import zipfile
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from fastapi.testclient import TestClient
from typer.testing import CliRunner

from app.cli.root import cli
from app.infra.database import Database
from app.infra.settings import Settings
from app.infra.storage import Storage
from app.records.record_bundle import DOCUMENT as DOCUMENT_NAME
from app.records.record_bundle import (
    MANIFEST,
    PAGE,
    BadRecord,
    pack_members,
    verify_bundle,
    write_bundle,
    write_json,
    write_manifest,
)
from app.records.record_signatures import BadKey
from app.routes.shared.callers import provide_settings
from app.tables import Audit, Dataset
from app.versions.content_matching import write_digests
from tests.builders.stored_rows import store_finished_audit, store_ready_dataset

ESTIMATE = {"may_claim": True, "reasons": [], "count": 2.0, "interval": [1.0, 3.0], "sample_count": 12}
DOCUMENT = {"audit": {"name": "ants", "id": "1"}, "data": {"files": [], "sha256": {}}, "results": {}}


def make_key() -> tuple[str, str]:
    """Return the PEMs of a private key and its public key."""
    key = Ed25519PrivateKey.generate()
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    public = key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return private.decode(), public.decode()


KEY, PUBLIC = make_key()


@pytest.fixture
def audit(database: Database, storage: Storage) -> Audit:
    dataset = store_ready_dataset(database, storage)
    write_digests(storage.locate_pack(dataset.id))
    made = store_finished_audit(database, dataset)
    with database.transaction() as session:
        stored = session.get_one(Audit, made.id)
        stored.summary = {"sample_count": 12, "label_issue_count": 1, "estimate": ESTIMATE, "issues": {}}
        stored.provenance = {"code": {"sha256": "c" * 64, "files": 3}, "versions": {"torch": "2"}, "runs": []}
        stored.files = {"ranking.csv": {"path": "ranking.csv", "bytes": 1, "sha256": "f" * 64}}
    return made


def read(content: bytes) -> dict[str, bytes]:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def sign_with(api: TestClient, chosen: Settings, key: str) -> None:
    app = api.app
    app.dependency_overrides[provide_settings] = lambda: chosen.model_copy(update={"record_signing_key": key})  # type: ignore[attr-defined]


@pytest.mark.parametrize("key", [None, KEY])
def test_every_byte_counts(key: str | None) -> None:
    content = write_bundle(DOCUMENT, "<p>ants</p>", key)
    assert write_bundle(DOCUMENT, "<p>ants</p>", key) == content
    assert verify_bundle(content).document == DOCUMENT
    for place in range(len(content)):
        for bit in (1, 0x80):
            changed = bytearray(content)
            changed[place] ^= bit
            with pytest.raises(BadRecord):
                verify_bundle(bytes(changed))
    for other in (content + b"\0", content[:-1], b"", b"PK" + content):
        with pytest.raises(BadRecord):
            verify_bundle(other)


def test_a_signature_is_of_one_key() -> None:
    other_key, other_public = make_key()
    signed = write_bundle(DOCUMENT, "", KEY)
    assert verify_bundle(signed, PUBLIC).signer == verify_bundle(signed).signer is not None
    with pytest.raises(BadRecord, match="another key"):
        verify_bundle(signed, other_public)
    with pytest.raises(BadRecord, match="another key"):
        verify_bundle(write_bundle(DOCUMENT, "", other_key), PUBLIC)
    with pytest.raises(BadRecord, match="without a signature"):
        verify_bundle(write_bundle(DOCUMENT, "", None), PUBLIC)
    curve = ec.generate_private_key(ec.SECP256R1()).private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    for wrong in ("no key", curve.decode()):
        with pytest.raises(BadKey, match="expected"):
            write_bundle(DOCUMENT, "", wrong)


def test_a_record_names_data_code_people_and_counts_and_is_the_same_twice(
    api: TestClient, audit: Audit, chosen: Settings
) -> None:
    review = f"/v1/datasets/{audit.dataset_id}/samples/11/review"
    assert api.put(review, json={"reviewer": "ada", "verdict": "relabel", "label": "bee"}).status_code == 200
    sign_with(api, chosen, KEY)
    address = f"/v1/audits/{audit.id}/exports/record.zip"
    content = api.get(address).content
    assert api.get(address).content == content
    verified = verify_bundle(content, PUBLIC)
    record = json.loads(read(content)["record.json"])
    assert record == verified.document
    assert record["data"]["sha256"]["pack.npy"] == "0" * 64
    assert record["code"] == {"sha256": "c" * 64, "files": 3}
    assert record["people"]["verdicts"] == {"keep": 0, "relabel": 1, "drop": 0, "unsure": 0}
    assert [each["reviewer"] for each in record["people"]["reviewers"]] == ["ada"]
    assert record["counts"]["wrong_labels"] == {"samples": 12, "share_of_wrong_labels": [1 / 12, 3 / 12]}
    assert record["results"]["ranking.csv"] == "f" * 64
    names = [field["field"] for field in record["eu_ai_act_article_10"]]
    assert names[:8] == [f"10(2)({letter})" for letter in "abcdefgh"]
    assert "complied with" in record["says_not"][0]
    page = read(content)["record.html"].decode()
    assert "ada" in page
    assert "<script" not in page
    assert api.put(review, json={"reviewer": "ada", "verdict": "keep"}, headers=seen(api, review)).is_success
    assert api.get(address).content != content, "people decided otherwise"


def test_a_record_shows_a_place_without_what_signs_its_address(
    api: TestClient, audit: Audit, database: Database
) -> None:
    with database.transaction() as session:
        dataset = session.get_one(Dataset, audit.dataset_id)
        dataset.place = {"kind": "table", "url": "https://me@example.org/list.csv?X-Amz-Signature=SECRET"}
    content = api.get(f"/v1/audits/{audit.id}/exports/record.zip").content
    record = json.loads(read(content)["record.json"])
    assert record["data"]["read_in_place"] == {"kind": "table", "url": "https://example.org/list.csv"}
    assert b"SECRET" not in content


def seen(api: TestClient, address: str) -> dict[str, str]:
    """Return the header that replaces a verdict that one has seen."""
    etag = api.get(address).headers.get("etag")
    return {} if etag is None else {"If-Match": etag}


def test_the_operator_s_statements_are_in_the_record(api: TestClient, audit: Audit) -> None:
    address = f"/v1/audits/{audit.id}/record"
    answer = api.post(address, json={"statements": {"10(2)(b)": "A camera.", "Motivation": "To count ants."}})
    record = json.loads(read(answer.content)["record.json"])
    stated = {
        field["field"]: field["stated_by_the_operator"]
        for field in (*record["eu_ai_act_article_10"], *record["datasheet"])
    }
    assert (stated["10(2)(b)"], stated["Motivation"], stated["10(4)"]) == (
        "A camera.",
        "To count ants.",
        None,
    )
    wrong = api.post(address, json={"statements": {"10(9)": "?"}})
    assert (wrong.status_code, "10(9)" in wrong.json()["detail"]) == (422, True)


def test_a_key_that_cannot_be_used_is_named(api: TestClient, audit: Audit, chosen: Settings) -> None:
    sign_with(api, chosen, "nonsense")
    answer = api.get(f"/v1/audits/{audit.id}/exports/record.zip")
    assert (answer.status_code, "RECORD_SIGNING_KEY" in answer.json()["detail"]) == (409, True)


def test_the_command_verifies_and_finds_files(tmp_path: Path) -> None:
    labels = tmp_path / "labels.csv"
    labels.write_text("key\r\n")
    digest = hashlib.sha256(labels.read_bytes()).hexdigest()
    record = tmp_path / "record.zip"
    record.write_bytes(write_bundle({**DOCUMENT, "results": {"labels.csv": digest}}, "", KEY))
    public = tmp_path / "public.pem"
    public.write_text(PUBLIC)
    run = CliRunner().invoke
    found = run(cli, ["verify", str(record), "--public-key", str(public), "--file", str(labels)])
    assert found.exit_code == 0, found.output
    assert "is the record's labels.csv" in found.output
    labels.write_text("key\r\n1\r\n")
    assert run(cli, ["verify", str(record), "--file", str(labels)]).exit_code == 4
    record.write_bytes(record.read_bytes()[:-1] + b"x")
    failed = run(cli, ["verify", str(record)])
    assert (failed.exit_code, "does not verify" in failed.output) == (4, True)
    assert run(cli, ["verify", str(tmp_path / "nowhere.zip")]).exit_code == 2


def repack(members: dict[str, bytes], *, fits: bool = True) -> bytes:
    """Pack files as a record, with their digests in the manifest or with those that were there."""
    document, page = members[DOCUMENT_NAME], members[PAGE]
    manifest = write_manifest({DOCUMENT_NAME: document, PAGE: page}) if fits else members[MANIFEST]
    rest = {name: each for name, each in members.items() if name == "signature.json"}
    return pack_members({DOCUMENT_NAME: document, PAGE: page, MANIFEST: manifest, **rest})


def test_a_document_that_is_not_the_one_of_the_page_is_found() -> None:
    """An unsigned record can be changed with its digests: then the page still shows the old one."""
    members = read(write_bundle(DOCUMENT, "<p>ants</p>", None))
    members[DOCUMENT_NAME] = write_json({**DOCUMENT, "results": {"labels.csv": "0" * 64}})
    with pytest.raises(BadRecord, match=r"record\.json or record\.html was changed"):
        verify_bundle(repack(members))
    members[PAGE] = b"<p>of an earlier version</p>"
    assert not verify_bundle(repack(members)).is_page_bound


def test_what_was_changed_is_named_as_far_as_it_is_known() -> None:
    unsigned, signed = (read(write_bundle(DOCUMENT, "<p>ants</p>", key)) for key in (None, KEY))
    for members, words in (
        (unsigned, r"record\.html or manifest\.json was changed"),
        (signed, r"record\.html: changed after manifest\.json was signed"),
    ):
        members[PAGE] = members[PAGE].replace(b"ants", b"bees")
        with pytest.raises(BadRecord, match=words):
            verify_bundle(repack(members, fits=False))
    manifest = read(write_bundle(DOCUMENT, "<p>ants</p>", KEY))
    manifest[MANIFEST] = manifest[MANIFEST].replace(b"a", b"b")
    with pytest.raises(BadRecord, match=r"manifest\.json"):
        verify_bundle(repack(manifest, fits=False))


def test_an_unsigned_record_is_not_said_to_be_as_it_was_written(tmp_path: Path) -> None:
    record = tmp_path / "record.zip"
    members = read(write_bundle(DOCUMENT, "", KEY))
    del members["signature.json"]
    record.write_bytes(repack(members))
    run = CliRunner().invoke
    found = run(cli, ["verify", str(record)])
    assert found.exit_code == 0
    assert "every byte" not in found.output
    assert "anybody can have changed it and its digests" in found.output
    strict = run(cli, ["verify", str(record), "--require-signature"])
    assert (strict.exit_code, "without a signature" in " ".join(strict.output.split())) == (4, True)
    record.write_bytes(write_bundle(DOCUMENT, "", KEY))
    assert run(cli, ["verify", str(record), "--require-signature"]).exit_code == 0


def test_a_file_that_differs_is_blamed_and_not_the_record(tmp_path: Path) -> None:
    labels, record = tmp_path / "labels.csv", tmp_path / "record.zip"
    labels.write_text("key\r\n")
    record.write_bytes(write_bundle({**DOCUMENT, "results": {"labels.csv": "0" * 64}}, "", None))
    found = CliRunner().invoke(cli, ["verify", str(record), "--file", str(labels)])
    words = " ".join(found.output.split())
    assert (found.exit_code, "does not verify" in words) == (4, False)
    assert "differs from the labels.csv that the record names" in words


def pack_document(document: bytes) -> bytes:
    """Return a record that verifies by its digests, with any document."""
    members = {DOCUMENT_NAME: document, PAGE: b""}
    return pack_members({**members, MANIFEST: write_manifest(members)})


@pytest.mark.parametrize(
    "content",
    [
        pack_document(b"[" * 100_000),
        pack_document(b"[]"),
        pack_document(b'{"audit": [], "data": {}, "results": {}}'),
        pack_members({DOCUMENT_NAME: b"{}", PAGE: b"", MANIFEST: b"[" * 100_000}),
        pack_members({DOCUMENT_NAME: b"{}", PAGE: b"", MANIFEST: b"{}"}),
        pack_members({str(number): b"" for number in range(20_000)}),
    ],
    ids=["deep", "list", "parts", "deep manifest", "empty manifest", "many files"],
)
def test_a_hostile_record_is_refused(content: bytes) -> None:
    with pytest.raises(BadRecord, match=r"expected|as it was written"):
        verify_bundle(content)


def test_a_record_s_words_do_not_reach_the_terminal_as_orders(tmp_path: Path) -> None:
    hostile = "ants\x1b[2J\nfile.csv: is the record's labels.csv\x9b\u202e"
    labels = tmp_path / "labels.csv"
    labels.write_text("key\r\n")
    digest = hashlib.sha256(labels.read_bytes()).hexdigest()
    document = {"audit": {"name": hostile, "id": hostile}, "data": {"files": [], "sha256": {}}}
    record = tmp_path / "record.zip"
    record.write_bytes(write_bundle({**document, "results": {hostile: digest}}, "", None))
    found = CliRunner().invoke(cli, ["verify", str(record), "--file", str(labels)])
    assert found.exit_code == 0, found.output
    assert not set(found.output) & {"\x1b", "\x9b", "\u202e"}
    assert len(found.output.splitlines()) == 3
    for broken in ({"files": [1], "sha256": {}}, {"files": 1}, {}):
        record.write_bytes(write_bundle({**DOCUMENT, "data": broken}, "", None))
        failed = CliRunner().invoke(cli, ["verify", str(record), "--file", str(labels)])
        assert (failed.exit_code, "does not list the files" in " ".join(failed.output.split())) == (4, True)


def test_json_is_the_same_for_the_same_value() -> None:
    assert write_json({"b": 1, "a": "é"}) == '{\n "a": "é",\n "b": 1\n}\n'.encode()
