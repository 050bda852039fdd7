"""The proof that a service which answers at an address is the one that was started for a data folder.

Whoever started the service knows its token. A client sends a challenge, and only a process that has the token
can answer it; the token itself is never sent.
"""

import hashlib
import hmac
import secrets

CHALLENGE = r"^[0-9a-f]{64}$"
TOKEN_BYTES = 32
"""As long as the digest, so that guessing the token is no easier than guessing a proof."""


def make_token() -> str:
    """Return a new token of an instance: 64 hexadecimal digits."""
    return secrets.token_hex(TOKEN_BYTES)


def prove(token: str, challenge: str) -> str:
    """Return the answer to a challenge: HMAC-SHA256 in hexadecimal digits."""
    return hmac.new(token.encode(), challenge.encode(), hashlib.sha256).hexdigest()


def is_proof(token: str, challenge: str, answer: str) -> bool:
    """Return whether an answer was made with the token."""
    return hmac.compare_digest(prove(token, challenge), answer)
