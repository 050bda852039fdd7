"""The file of a record: a zip whose every byte follows from its contents, so that any change shows.

The command that verifies records runs where no service is installed: this module needs the standard library
alone, and `cryptography` where a record is signed.
"""

import hashlib
import io
import json
import re
import struct
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from app.records import record_signatures

DOCUMENT, PAGE, MANIFEST, SIGNATURE = "record.json", "record.html", "manifest.json", "signature.json"
FORMAT = "limit-audit record 1"
BYTES_MAX = 256 * 2**20
"""Of a record, which is read into memory: 100,000 classes make some 30 MB."""
EPOCH = (1980, 1, 1, 0, 0, 0)
"""The earliest time that a zip can hold; a record's own times are in its document."""
UNREADABLE = (
    *(zipfile.BadZipFile, NotImplementedError, OSError, RuntimeError, EOFError, ValueError),
    *(struct.error, OverflowError),
)
"""What reading a zip that was changed may raise."""
END = struct.Struct("<4s4H2LH")
"""The last bytes of a zip without a comment (APPNOTE.TXT 4.3.16)."""
END_MARK, LARGE_ZIP_MARK, LARGE_ZIP_BYTES = b"PK\5\6", b"PK\6\7", 20
DIRECTORY_BYTES_MAX = 4 * 128
"""Of the list of a record's four files: each takes 46 bytes and its name."""
PARTS = ("audit", "data", "results")
"""What every document has, as objects."""
PAGE_NAMES = re.compile(rb"<!-- SHA-256 of record\.json: ([0-9a-f]{64}) -->\n\Z")
"""The end of a page: the document that it shows. Pages of earlier versions do not name theirs."""
UNIX, READ_ONLY = 3, 0o100444 << 16


class BadRecord(ValueError):
    """A file is no record, or not as it was written; the message says what was expected and found."""


@dataclass(frozen=True, kw_only=True)
class Verified:
    """A record whose files fit each other and their digests; if it is signed, as they were signed."""

    document: dict[str, object]
    """What is in `record.json`."""
    signer: str | None
    """Fingerprint of the public key that the signature fits; None: it is not signed."""
    is_page_bound: bool
    """Whether the page names the document that it shows; those of earlier versions do not."""


def write_bundle(document: Mapping[str, object], page: str, signing_key: str | None) -> bytes:
    """Return a record; the same document, page and key make the same bytes.

    Args:
        document: what `record.json` has.
        page: what `record.html` has; the SHA-256 of `record.json`, which it shows, is added to its end.
        signing_key: PEM of an Ed25519 private key; None: the record is not signed.

    Raises:
        record_signatures.BadKey: the key cannot be used.

    """
    text = write_json(document)
    members = {
        DOCUMENT: text,
        PAGE: page.encode() + f"<!-- SHA-256 of {DOCUMENT}: {_digest(text)} -->\n".encode(),
    }
    members[MANIFEST] = write_manifest(members)
    if signing_key is not None:
        members[SIGNATURE] = write_json(record_signatures.sign(members[MANIFEST], signing_key))
    return pack_members(members)


def verify_bundle(
    content: bytes, public_key: str | None = None, *, needs_signature: bool = False
) -> Verified:
    """Return a record if its files fit each other, their digests and the signature, if there is one.

    Without a signature anybody can have changed it together with its digests.

    Args:
        content: the file.
        public_key: PEM of the operator's public key; None: the key in the record, which shows that nothing
            was changed after it was signed, but not who signed it.
        needs_signature: whether a record that is not signed is refused; with a public key it always is.

    Raises:
        BadRecord: it is no record, was changed, or is not signed by this key.
        record_signatures.BadKey: the given public key cannot be used.

    """
    members = _unpack(content)
    changed = _find_changed(members)
    if changed:
        raise BadRecord(_describe_changed(changed, members, public_key))
    if members[MANIFEST] != write_manifest({name: members[name] for name in (DOCUMENT, PAGE)}):
        raise BadRecord(f"{MANIFEST} is not as it was written")
    signature = members.get(SIGNATURE)
    if signature is None and (public_key is not None or needs_signature):
        raise BadRecord("expected a record that is signed, found one without a signature")
    signer = None if signature is None else _verify_signature(members[MANIFEST], signature, public_key)
    document = _read_document(members[DOCUMENT])
    return Verified(document=document, signer=signer, is_page_bound=_compare_page(members))


def _describe_changed(changed: Sequence[str], members: Mapping[str, bytes], public_key: str | None) -> str:
    """Name the files that were changed: which they are only a signature of the manifest can tell."""
    files = " and ".join(changed)
    if SIGNATURE in members:
        try:
            _verify_signature(members[MANIFEST], members[SIGNATURE], public_key)
        except BadRecord:
            return (
                f"{MANIFEST} or {SIGNATURE} was changed: they do not fit, and {MANIFEST} does not fit {files}"
            )
        return f"{files}: changed after {MANIFEST} was signed"
    return (
        f"{files} or {MANIFEST} was changed: they do not fit, and without a signature it is not known which"
    )


def _compare_page(members: Mapping[str, bytes]) -> bool:
    """Return whether the page names the document that it shows; BadRecord if that is another one."""
    named = PAGE_NAMES.search(members[PAGE])
    if named is None:
        return False
    if named[1].decode() != _digest(members[DOCUMENT]):
        raise BadRecord(f"{DOCUMENT} or {PAGE} was changed: the page shows a {DOCUMENT} with another SHA-256")
    return True


def write_json(value: object) -> bytes:
    """Return a value as JSON: the same value makes the same bytes."""
    return (json.dumps(value, indent=1, ensure_ascii=False, sort_keys=True) + "\n").encode()


def write_manifest(members: Mapping[str, bytes]) -> bytes:
    """Return the list of a record's files and their SHA-256, as JSON."""
    return write_json({"format": FORMAT, "sha256": {name: _digest(each) for name, each in members.items()}})


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


def pack_members(members: Mapping[str, bytes]) -> bytes:
    """Return a zip of files, by name, without compression; the same files make the same bytes."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in members.items():
            entry = zipfile.ZipInfo(name, EPOCH)
            entry.create_system, entry.external_attr = UNIX, READ_ONLY
            archive.writestr(entry, content)
    return buffer.getvalue()


def _read_document(text: bytes) -> dict[str, object]:
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise BadRecord(f"expected JSON in {DOCUMENT}, found another text or one nested too deep") from error
    if not isinstance(document, dict) or not all(isinstance(document.get(part), dict) for part in PARTS):
        raise BadRecord(f"expected an object with {', '.join(PARTS)} in {DOCUMENT}")
    return document


def _check_end(content: bytes) -> None:
    """Check the end of a zip before it is opened: what lists millions of files takes gigabytes to open."""
    end = content[-END.size :]
    is_large = content[-END.size - LARGE_ZIP_BYTES :].startswith(LARGE_ZIP_MARK)
    if len(end) < END.size or not end.startswith(END_MARK) or is_large:
        raise BadRecord("expected the zip of a record, found a file that is none or was changed")
    directory_bytes = END.unpack(end)[5]
    if directory_bytes > DIRECTORY_BYTES_MAX:
        raise BadRecord(f"expected {DOCUMENT}, {PAGE} and {MANIFEST}, found a zip of many files")


def _unpack(content: bytes) -> dict[str, bytes]:
    """Return the members of a record that is packed as this module packs; uncompressed, so none is a bomb."""
    _check_end(content)
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            entries = archive.infolist()
            is_stored = all(entry.compress_type == zipfile.ZIP_STORED for entry in entries)
            members = {entry.filename: archive.read(entry) for entry in entries} if is_stored else {}
    except UNREADABLE as error:
        raise BadRecord(
            f"expected the zip of a record, found a file that is none or was changed: {error}"
        ) from error
    names = list(members)
    if names[:3] != [DOCUMENT, PAGE, MANIFEST] or names[3:] not in ([], [SIGNATURE]):
        found = ", ".join(names)[:200] or "none that are stored without compression"
        raise BadRecord(f"expected {DOCUMENT}, {PAGE} and {MANIFEST}, found {found}")
    if pack_members(members) != content:
        raise BadRecord("bytes between the files of the record were changed")
    return members


def _find_changed(members: Mapping[str, bytes]) -> Sequence[str]:
    try:
        stated = json.loads(members[MANIFEST])["sha256"]
        return [name for name in (DOCUMENT, PAGE) if stated[name] != _digest(members[name])]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise BadRecord(f"{MANIFEST} is not as it was written") from error


def _verify_signature(manifest: bytes, signature: bytes, public_key: str | None) -> str:
    try:
        stated = json.loads(signature)
        if write_json(stated) != signature:
            raise BadRecord(f"{SIGNATURE} is not as it was written")
        return record_signatures.verify(manifest, stated, public_key)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        if isinstance(error, BadRecord | record_signatures.BadKey):
            raise
        raise BadRecord(f"{SIGNATURE} does not fit: {error}") from error
