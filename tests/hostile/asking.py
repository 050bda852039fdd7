"""Hostile requests: names, headers, bodies and truths that are answered by a problem with a 4xx status."""

import base64
import json
from collections.abc import Callable
from typing import Any

import httpx

from tests.hostile.tables import HEAD, ROWS

Ask = Callable[[httpx.Client, str], httpx.Response]
"""Sends one request; the text is the id of a ready dataset."""
ASKED: dict[str, Ask] = {}
TUS = {"Tus-Resumable": "1.0.0"}


def empty_dataset(client: httpx.Client) -> str:
    """Return a new dataset."""
    return str(client.post("/v1/datasets", json={"name": "hostile"}).json()["id"])


def putting(name: str, content: bytes = b"x", headers: dict[str, str] | None = None) -> Ask:
    """Put a file under a name as it stands in the address."""
    return lambda client, _: client.put(
        f"/v1/datasets/{empty_dataset(client)}/files/{name}", content=content, headers=headers
    )


def posting(content: bytes) -> Ask:
    """Post a body that may be no JSON."""
    kind = {"Content-Type": "application/json"}
    return lambda client, _: client.post("/v1/datasets", content=content, headers=kind)


def truth(content: bytes) -> Ask:
    """Attach a truth."""
    return lambda client, dataset: client.put(f"/v1/datasets/{dataset}/truth", content=content)


def tus(metadata: str, length: str = "5") -> Ask:
    """Begin a resumable upload."""
    headers = {**TUS, "Upload-Length": length, "Upload-Metadata": metadata}
    return lambda client, _: client.post(f"/v1/datasets/{empty_dataset(client)}/uploads", headers=headers)


def encoded(name: str) -> str:
    """Return Upload-Metadata that names a file."""
    return "filename " + base64.b64encode(name.encode("utf-8", "surrogateescape")).decode()


def configuration(**values: Any) -> Ask:  # noqa: ANN401 - whatever JSON holds
    """Start an audit with a hostile configuration."""
    return lambda client, dataset: client.post(
        "/v1/audits",
        content=json.dumps({"dataset_id": dataset, "configuration": values}),
        headers={"Content-Type": "application/json"},
    )


for label, name in {
    "above": "..%2F..%2Fetc%2Fpasswd",
    "with a NUL": "a%00b.zip",
    "with a line end": "a%0D%0Ab.zip",
    "hidden": ".ssh",
    "too long": "x" * 300,
    "of half a character": "%ED%A0%80.zip",
    "of backslashes": "..%5C..%5Ca.zip",
}.items():
    ASKED[f"request: a file name {label}"] = putting(name)
ASKED |= {
    "request: no byte in a file": putting("a.zip", b""),
    "request: a wrong digest": putting("a.zip", headers={"Content-Digest": "sha-256=:AAAA:"}),
    "request: json nested thirty thousand deep": posting(b"[" * 30_000 + b"]" * 30_000),
    "request: json of two megabytes": posting(b'{"name": "' + b"x" * 2_000_000 + b'"}'),
    "request: json with half a character": posting(b'{"name": "\\ud800"}'),
    "request: json that is no UTF-8": posting(b'{"name": "\xff\xfe"}'),
    "request: a number of a million digits": posting(b'{"name": ' + b"9" * 900_000 + b"}"),
    "request: an audit of infinite beta": configuration(beta=float("inf")),
    "request: an audit of 10^9 epochs": configuration(epochs=10**9),
    "request: an audit with an unknown field": configuration(__class__="os"),
    "request: a matrix of 130,000 texts": configuration(
        rehearsal={"noise": "confusion", "matrix": [["x"]] * 130_000}
    ),
    "request: a mapping to 80,000 numbers": configuration(
        rehearsal={"noise": "pair", "mapping": {str(number): 1 for number in range(80_000)}}
    ),
    "request: an audit with 80,000 unknown fields": configuration(
        **{f"x{number}": 1 for number in range(80_000)}
    ),
    "request: reviews that are 250,000 numbers": lambda client, dataset: client.post(
        f"/v1/datasets/{dataset}/reviews", json={"reviews": [1] * 250_000}
    ),
    "request: an audit of a matrix of text": configuration(
        rehearsal={"noise": "confusion", "matrix": [["x"]]}
    ),
    "request: a truth of noise": truth(bytes(range(256)) * 100),
    "request: a truth without its columns": truth(HEAD + ROWS),
    "request: a truth of unknown samples": truth(b"key,true_label\n../../etc/passwd,x\n"),
    "request: a truth with a field of a megabyte": truth(b"key,true_label\n" + b"x" * 2**20 + b",x\n"),
    "request: a truth with NUL": truth(b"position,true_label\n0,\0\n"),
    "request: a resumable upload above": tus(encoded("../../etc/passwd")),
    "request: a resumable upload of 2^62 bytes": tus(encoded("a.zip"), str(2**62)),
    "request: a resumable upload of -1 bytes": tus(encoded("a.zip"), "-1"),
    "request: resumable metadata of noise": tus("filename ====, , ,"),
}
