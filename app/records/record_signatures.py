"""Signatures of records by the operator's Ed25519 key (RFC 8032), with the package `cryptography`."""

import hashlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

ALGORITHM = "Ed25519"


class BadKey(ValueError):
    """A key cannot be used; the message says what was expected and found."""


class BadSignature(ValueError):
    """A signature does not fit what is signed, or another key made it."""


def sign(content: bytes, private_pem: str) -> dict[str, str]:
    """Return the signature of some bytes with the public key; Ed25519 makes the same one every time.

    Raises:
        BadKey: the text is no PEM of an Ed25519 private key without a password.

    """
    from cryptography.hazmat.primitives import serialization  # noqa: PLC0415 - only who signs needs it
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey  # noqa: PLC0415 - the same

    try:
        key = serialization.load_pem_private_key(private_pem.encode(), password=None)
    except (ValueError, TypeError) as error:
        raise BadKey(f"expected the PEM of an {ALGORITHM} private key without a password: {error}") from error
    if not isinstance(key, Ed25519PrivateKey):
        raise BadKey(f"expected an {ALGORITHM} private key, found a {type(key).__name__}")
    public = key.public_key().public_bytes_raw()
    return {"algorithm": ALGORITHM, "public_key": public.hex(), "signature": key.sign(content).hex()}


def verify(content: bytes, signature: Mapping[str, Any], public_pem: str | None) -> str:
    """Return the fingerprint of the key that signed some bytes.

    Args:
        content: what is signed.
        signature: as `sign` returned it.
        public_pem: PEM of the only key that may have signed; None: the key that the signature names.

    Raises:
        BadKey: the PEM is none of an Ed25519 public key, or the package is not installed.
        BadSignature: it does not fit, or another key made it.

    """
    try:
        from cryptography.exceptions import InvalidSignature  # noqa: PLC0415 - only a signed record needs it
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey  # noqa: PLC0415 - the same
    except ModuleNotFoundError as error:
        raise BadKey(
            "the record is signed: verifying needs `cryptography`, the extra `signatures` of limit-audit"
        ) from error
    if signature["algorithm"] != ALGORITHM:
        raise BadSignature(f"expected {ALGORITHM}, found {signature['algorithm']!r}")
    stated = bytes.fromhex(signature["public_key"])
    if public_pem is not None and _load_public_key(public_pem).public_bytes_raw() != stated:
        raise BadSignature(f"another key signed it: {fingerprint(stated)}")
    try:
        key = Ed25519PublicKey.from_public_bytes(stated)
        key.verify(bytes.fromhex(signature["signature"]), content)
    except InvalidSignature as error:
        raise BadSignature("the signature is not that of this record") from error
    return fingerprint(stated)


def fingerprint(public_key: bytes) -> str:
    """Return a public key's SHA-256."""
    return f"SHA256:{hashlib.sha256(public_key).hexdigest()}"


def _load_public_key(pem: str) -> "Ed25519PublicKey":
    from cryptography.hazmat.primitives import serialization  # noqa: PLC0415 - only a signed record needs it
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey  # noqa: PLC0415 - the same

    try:
        key = serialization.load_pem_public_key(pem.encode())
    except ValueError as error:
        raise BadKey(f"expected the PEM of an {ALGORITHM} public key: {error}") from error
    if not isinstance(key, Ed25519PublicKey):
        raise BadKey(f"expected an {ALGORITHM} public key, found a {type(key).__name__}")
    return key
