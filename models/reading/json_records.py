"""JSON with an object for each sample, in lines or in one list: its objects and where each stands."""

import codecs
import json
from collections.abc import Iterator
from dataclasses import dataclass
from json.decoder import scanstring  # type: ignore[attr-defined] # the decoder's own reader of texts
from pathlib import Path
from typing import Any

from models.reading.text_encodings import detect_encoding

HEAD = 4_096
BLANKS = " \t\r\n"
LONGEST = 64 << 20
"""Characters of one object."""
_DECODER = json.JSONDecoder()
_BLOCK = 1 << 20


class JsonRecordError(ValueError):
    """The file is no list or lines of JSON objects."""


@dataclass(frozen=True, kw_only=True)
class JsonRecord:
    """One object."""

    before: str
    """What stands between the object before and this one, as written."""
    raw: str
    """As written."""
    value: dict[str, Any] | None
    """None: the end of the file, with no object."""


def read_json_records(path: Path, encoding: str | None = None) -> Iterator[JsonRecord]:
    """Yield the objects of a file; see `parse_json_records`."""
    with path.open("rb") as file:
        codec = detect_encoding(file.read(HEAD), chosen=encoding)
        file.seek(0)
        decoder = codecs.getincrementaldecoder(codec)(errors="strict")
        try:
            yield from (
                record for record in parse_json_records(_decode(file, decoder)) if record.value is not None
            )
        except UnicodeDecodeError as error:
            raise JsonRecordError(f"expected JSON in {codec}; found {error.reason}") from None


def _decode(file: Any, decoder: codecs.IncrementalDecoder) -> Iterator[str]:  # noqa: ANN401 - an open file
    while block := file.read(_BLOCK):
        yield decoder.decode(block)
    yield decoder.decode(b"", True)  # noqa: FBT003 - the codec's own argument


def parse_json_records(blocks: Iterator[str]) -> Iterator[JsonRecord]:
    """Yield the objects of JSON text that comes in blocks, a part of it in memory at a time.

    Raises:
        JsonRecordError: it is something else.

    """
    text, at, begun = "", 0, 0
    lines_before = 0  # of the text that is in memory
    ended = False
    while True:
        start = _skip(text, at)
        if start < len(text) and text[start] == "{":
            try:
                value, stop = _DECODER.raw_decode(text, start)
            except (ValueError, RecursionError) as error:
                if ended or isinstance(error, RecursionError) or len(text) - start > LONGEST:
                    line = lines_before + text.count("\n", 0, start) + 1
                    raise JsonRecordError(
                        f"expected a JSON object in line {line}; found {text[start : start + 60]!r}:"
                        f" {getattr(error, 'msg', error)}"
                    ) from None
            else:
                yield JsonRecord(before=text[begun:start], raw=text[start:stop], value=value)
                at = begun = stop
                continue
        elif start < len(text):
            line = lines_before + text.count("\n", 0, start) + 1
            raise JsonRecordError(f"expected JSON objects; found in line {line} {text[start : start + 60]!r}")
        if ended:
            yield JsonRecord(before=text[begun:], raw="", value=None)
            return
        more = next(blocks, None)
        ended = more is None
        lines_before += text.count("\n", 0, begun)
        text, at, begun = text[begun:] + (more or ""), 0, 0


def _skip(text: str, at: int) -> int:
    """Return where the next object begins, or another value."""
    while at < len(text) and (text[at] in BLANKS or text[at] in ",[]\ufeff"):
        at += 1
    return at


def replace_value(raw: str, name: str, value: object) -> str:
    """Return a JSON object as written with the value of a name replaced; the last one, if it occurs twice."""
    at, found = raw.index("{") + 1, None
    while True:
        at = _skip(raw, at)
        if raw[at] == "}":
            break
        key, at = scanstring(raw, at + 1, True)  # noqa: FBT003 - its own arguments
        at = raw.index(":", at) + 1
        while raw[at] in BLANKS:
            at += 1
        start = at
        _, at = _DECODER.raw_decode(raw, start)
        if key == name:
            found = start, at
    if found is None:
        raise JsonRecordError(f"expected a value named {name!r}; found {raw[:60]!r}")
    return raw[: found[0]] + json.dumps(value, ensure_ascii=raw.isascii()) + raw[found[1] :]
