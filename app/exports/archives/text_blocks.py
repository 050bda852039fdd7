"""Texts of any number as bytes in blocks, so that they are never in memory as a whole."""

import codecs
from collections.abc import Iterable, Iterator

BLOCK_CHARACTERS = 1 << 16


def encode_blocks(texts: Iterable[str], encoding: str) -> Iterator[bytes]:
    """Yield texts as bytes in blocks of about BLOCK_CHARACTERS characters."""
    encoder = codecs.getincrementalencoder(encoding)()
    waiting, size = [], 0
    for text in texts:
        waiting.append(text)
        size += len(text)
        if size >= BLOCK_CHARACTERS:
            yield encoder.encode("".join(waiting))
            waiting, size = [], 0
    yield encoder.encode("".join(waiting), final=True)
