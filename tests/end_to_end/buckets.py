"""A bucket on moto's server, on loopback."""

import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager
from uuid import uuid4

import httpx
from moto.server import ThreadedMotoServer

SIGNED = {"Authorization": "AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/s3/aws4_request"}
ASKED = re.compile(r"(GET|PUT|POST|HEAD|DELETE) (\S+) HTTP")


class Bucket:
    """A bucket, read without our own code."""

    def __init__(self, url: str) -> None:
        self.url, self.name = url, f"audits-{uuid4().hex}"
        self.requests: list[tuple[str, str]] = []
        httpx.put(f"{url}/{self.name}", headers=SIGNED, trust_env=False).raise_for_status()

    def settings(self, prefix: str) -> dict[str, str]:
        """Return what a service is told that keeps its files below a prefix here."""
        return {
            "LIMIT_AUDIT_STORAGE_URL": f"s3://{self.name}/{prefix}",
            "LIMIT_AUDIT_STORAGE_ENDPOINT": self.url,
            "LIMIT_AUDIT_STORAGE_REGION": "us-east-1",
            "LIMIT_AUDIT_STORAGE_KEY_ID": "test",
            "LIMIT_AUDIT_STORAGE_SECRET": uuid4().hex,  # the server takes any
        }

    def objects(self) -> list[str]:
        answer = httpx.get(f"{self.url}/{self.name}?list-type=2", headers=SIGNED, trust_env=False)
        return re.findall("<Key>(.*?)</Key>", answer.text)

    def unfinished_uploads(self) -> list[str]:
        answer = httpx.get(f"{self.url}/{self.name}?uploads", headers=SIGNED, trust_env=False)
        return re.findall("<UploadId>(.*?)</UploadId>", answer.raise_for_status().text)

    def downloads(self, ending: str) -> int:
        """Return how often an object was asked for, in pieces or whole."""
        return sum(verb == "GET" and path.endswith(ending) for verb, path in self.requests)


@contextmanager
def serving() -> Iterator[Bucket]:
    """Serve a bucket that notes every request."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    made = Bucket(f"http://{host}:{port}")

    class Listener(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            made.requests += ASKED.findall(record.getMessage())

    listener, logger = Listener(), logging.getLogger("werkzeug")
    before = logger.level
    logger.addHandler(listener)
    logger.setLevel(logging.INFO)
    try:
        yield made
    finally:
        logger.removeHandler(listener)
        logger.setLevel(before)
        server.stop()
