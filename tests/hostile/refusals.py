"""More hostile requests: addresses of webhooks, origins, parameters, probabilities, parts, settings."""

import io
import json
import zipfile
from typing import Any

import httpx
import numpy as np
import pyarrow as pa
from pyarrow import parquet as pq

from tests.hostile.asking import ASKED, TUS, Ask, configuration, empty_dataset

__all__ = ["ASKED"]
HUGE = "9" * 400


def hook(url: str) -> Ask:
    """Have messages sent to an address."""
    return lambda client, _: client.post("/v1/webhooks", json={"url": url})


def from_page(**headers: str) -> Ask:
    """Make a dataset with headers as a browser or a proxy sends them."""
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    return lambda client, _: client.post("/v1/datasets", json={"name": "x"}, headers=sent)


def reading(path: str, **parameters: str) -> Ask:
    """Ask for something of the dataset."""
    return lambda client, dataset: client.get(path.format(dataset=dataset), params=parameters)


def probabilities(content: bytes) -> Ask:
    """Attach probabilities."""
    return lambda client, dataset: client.put(f"/v1/datasets/{dataset}/probabilities", content=content)


def annotations(content: bytes) -> Ask:
    """Attach labels of annotators."""
    return lambda client, dataset: client.put(f"/v1/datasets/{dataset}/annotations", content=content)


def _make_hidden_array() -> bytes:
    """Return an npz of which a reader that looks by name takes 400 MB, and a check by name sees 1 kB."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_BZIP2) as archive:
        with archive.open("probabilities", "w") as member:
            for _ in range(400):
                member.write(bytes(2**20))
        archive.writestr("probabilities.npy", _make_npy((120, 4), bytes(120 * 4 * 4)))
    return file.getvalue()


def _make_long_array() -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("probabilities.npy", _make_npy((120, 10**12), bytes(480)))
    return file.getvalue()


def _make_npy(shape: tuple[int, ...], body: bytes) -> bytes:
    file = io.BytesIO()
    np.lib.format.write_array_header_1_0(file, {"descr": "<f4", "fortran_order": False, "shape": shape})
    return file.getvalue() + body


def _repeat_cell(length: int, count: int) -> bytes:
    """Return a Parquet table of a few hundred bytes whose cells are long: it has each value once."""
    file = io.BytesIO()
    cells = pa.array(["x" * length]).dictionary_encode().take(pa.array([0] * count))
    table = {"position": list(range(count)), "annotator": cells, "label": ["0"] * count}
    pq.write_table(pa.table(table), file, compression="zstd")
    return file.getvalue()


def part(headers: dict[str, str], content: bytes = b"x") -> Ask:
    """Send a part of a resumable upload of five bytes."""

    def ask(client: httpx.Client, _: str) -> httpx.Response:
        begun = {**TUS, "Upload-Length": "5", "Upload-Metadata": "filename YS5jc3Y="}
        begin = f"/v1/datasets/{empty_dataset(client)}/uploads"
        location = client.post(begin, headers=begun).headers["location"]
        kind = {"Content-Type": "application/offset+octet-stream", "Upload-Offset": "0"}
        sent = {name: value for name, value in {**TUS, **kind, **headers}.items() if value}
        return client.patch(location, headers=sent, content=content)

    return ask


def again(dataset_path: str, method: str = "POST", body: Any = None) -> Ask:  # noqa: ANN401 - whatever JSON holds
    """Do something to the dataset that it does not allow."""
    return lambda client, dataset: client.request(
        method, dataset_path.format(dataset=dataset), content=json.dumps(body)
    )


for label, url in {
    "link-local": "http://169.254.169.254/latest/meta-data/",
    "link-local as a number": "http://2852039166/",
    "link-local in hexadecimal": "http://0xa9fea9fe/",
    "link-local inside IPv6": "http://[::ffff:169.254.169.254]/",
    "link-local of IPv6": "http://[fe80::1]/",
    "behind a translating gateway": "http://[64:ff9b::a9fe:a9fe]/",
    "a tunnel": "http://[2002:a9fe:a9fe::]/",
    "nowhere": "http://0.0.0.0/",
    "everybody": "http://255.255.255.255/",
    "a group": "http://224.0.0.1/",
    "a file": "file:///etc/passwd",
    "gopher": "gopher://127.0.0.1:6379/_FLUSHALL",
    "with a password": "http://user:secret@93.184.216.34/",
    "an international name that is none": "http://xn--/",
    "a port of 65,536": "http://93.184.216.34:65536/",
    "a port that wraps around": "http://93.184.216.34:65616/",
    "no host": "http:///x",
    "a line end": "http://93.184.216.34/\r\nX: y",
}.items():
    ASKED[f"webhook: {label}"] = hook(url)
ASKED |= {
    "origin: ftp at our own address": from_page(Origin="ftp://127.0.0.1"),
    "origin: another site": from_page(Origin="https://evil.example"),
    "origin: none": from_page(Origin="null"),
    "origin: half an address": from_page(Origin="http://[127.0.0.1"),
    "origin: another site's page": from_page(Sec_Fetch_Site="cross-site"),
    "origin: a name of somebody else's": from_page(Host="evil.example"),
    "origin: through a proxy": from_page(X_Forwarded_For="10.0.0.1"),
    "header: an Idempotency-Key of 300 characters": from_page(Idempotency_Key="x" * 300),
    "header: an Idempotency-Key with a space": from_page(Idempotency_Key="a b"),
    "cursor: a NUL": reading("/v1/datasets", cursor="WyJcdTAwMDAiXQ"),
    "cursor: half a character": reading("/v1/datasets", cursor="WyJcdWQ4MDAiXQ"),
    "cursor: brackets": reading("/v1/datasets", cursor="W1tbW1tbW1tbW1tbW1tbW1tbW1tbW1tb"),
    "cursor: no Base64": reading("/v1/datasets", cursor="\u2603"),
    "cursor: of a thousand characters": reading("/v1/datasets", cursor="W" * 1000),
    "cursor: a number beyond all": reading(
        "/v1/datasets/{dataset}/samples", cursor="WyI5OTk5OTk5OTk5OTk5Il0"
    ),
    "parameter: a page of 10^400": reading("/v1/datasets", limit=HUGE),
    "parameter: a page of -1": reading("/v1/datasets", limit="-1"),
    "parameter: a position of 10^400": reading(f"/v1/datasets/{{dataset}}/samples/{HUGE}"),
    "parameter: a position of 2^31": reading("/v1/datasets/{dataset}/samples/2147483648"),
    "parameter: a class of a NUL": reading("/v1/datasets/{dataset}/samples", given_label="\0"),
    "parameter: a picture of 10^9 pixels": reading(
        "/v1/datasets/{dataset}/samples/0/image", side="1000000000"
    ),
    "parameter: a picture of another kind": reading("/v1/datasets/{dataset}/samples/0/image", variant="../x"),
    "parameter: an id that is a path": reading("/v1/datasets/..%2f..%2fetc/samples"),
    "probabilities: noise": probabilities(bytes(range(256)) * 100),
    "probabilities: a pickle": probabilities(b"\x80\x04cos\nsystem\nX\x02\0\0\0id\x85R."),
    "probabilities: of no class": probabilities(b"key,x\na,1\n"),
    "probabilities: below zero": probabilities(b"position,0,1,2\n0,-1,1,1\n"),
    "probabilities: no numbers": probabilities(b"position,0,1,2\n0,nan,inf,1\n"),
    "probabilities: of a sample beyond all": probabilities(b"position,0,1,2\n99999999999999999999,0,0,1\n"),
    "probabilities: an array hides behind another one": probabilities(_make_hidden_array()),
    "probabilities: a header that promises a petabyte": probabilities(_make_long_array()),
    "annotators: a cell of half a megabyte, a thousand times": annotations(_repeat_cell(500_000, 1_000)),
    "annotators: a cell of five megabytes, a thousand times": annotations(_repeat_cell(5_000_000, 1_000)),
    "probabilities: fifty megabytes for thirty samples": probabilities(
        b"position,0,1,2\n" + b"0,0.5,0.25,0.25\n" * 3_000_000
    ),
    "truth: three million rows for thirty samples": lambda client, dataset: client.put(
        f"/v1/datasets/{dataset}/truth", content=b"key,true_label\n" + b"x,y\n" * 3_000_000
    ),
    "part: of another version": part({"Tus-Resumable": "0.2"}),
    "part: of no version": part({"Tus-Resumable": ""}),
    "part: at another offset": part({"Upload-Offset": "3"}),
    "part: at an offset of 2^70": part({"Upload-Offset": str(2**70)}),
    "part: of another kind": part({"Content-Type": "text/html"}),
    "part: longer than promised": part({}, b"x" * 6),
    "part: a wrong checksum": part({"Upload-Checksum": "sha1 AAAA"}),
    "part: a checksum of nothing known": part({"Upload-Checksum": "crc8 AAAA"}),
    "state: a file for a dataset that is ready": again("/v1/datasets/{dataset}/files/a.csv", "PUT", "x"),
    "state: a dataset that is ready is read": again("/v1/datasets/{dataset}/ingestion"),
    "settings: a seed of 2^70": configuration(seed=2**70),
    "settings: a batch of -1": configuration(batch_size=-1),
    "settings: a batch of 10^18": configuration(batch_size=10**18),
    "settings: a learning rate that is no number": configuration(learning_rate=float("nan")),
    "settings: ten thousand repeats": configuration(repeats=10_000),
    "settings: a network that is a path": configuration(network="../../x"),
    "settings: an encoder that is a path": configuration(encoder="../../etc/passwd"),
    "settings: ten thousand methods to compare": configuration(compare=[{"method": "ce"}] * 10_000),
    "settings: memory of 10^12 gigabytes": configuration(device_memory_gb=10**12),
    "settings: a million folds": configuration(folds=10**6),
    "settings: a picture of 10^6 pixels a side": configuration(input_size=10**6),
    "settings: errors of 200 per cent": configuration(rehearsal={"noise": "symmetric", "rate": 2.0}),
}
