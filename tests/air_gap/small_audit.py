"""A small audit of photographs, and every page with all that it loads: run without a route."""

import io
import sys
import tempfile
import zipfile
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import urljoin, urlsplit

import numpy as np
from PIL import Image

from app.client import Audit, Client
from app.embedded.local_stack import LocalStack

SIDE, CLASSES, EACH = 64, 3, 8
LOADING = {"script": "src", "link": "href", "img": "src", "source": "src", "iframe": "src", "video": "src"}
"""The attributes that browsers fetch without being asked, by element."""


class Loads(HTMLParser):
    """Collects the addresses that a page loads."""

    def __init__(self) -> None:
        super().__init__()
        self.addresses: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note what an element loads."""
        wanted = LOADING.get(tag)
        self.addresses += [value for name, value in attrs if name == wanted and value]


def write_photographs(path: Path) -> Path:
    """Write noise in three colours as JPEGs in class folders; one lies in a wrong one."""
    drawn = np.random.default_rng(0)
    with zipfile.ZipFile(path, "w") as archive:
        for number in range(CLASSES * EACH):
            pixels = drawn.integers(0, 120, (SIDE, SIDE, 3))
            pixels[..., number % CLASSES] += 100
            buffer = io.BytesIO()
            Image.fromarray(pixels.astype(np.uint8)).save(buffer, "JPEG")
            folder = (number + (number == 0)) % CLASSES
            archive.writestr(f"class{folder}/{number:02}.jpg", buffer.getvalue())
    return path


def audit_photographs(client: Client, folder: Path) -> Audit:
    """Upload and audit, by an encoder's features."""
    dataset = client.upload(write_photographs(folder / "photographs.zip"), progress=False).wait(
        progress=False
    )
    audit = dataset.audit(epochs=2, seed=1).wait(progress=False)
    first = next(iter(audit.suspects()))
    client.get(f"/v1/datasets/{dataset.id}/estimate")
    audit.download(folder / "ranking.csv")
    sys.stdout.write(f"{dataset['sample_count']} photographs audited; first: {first['key']}\n")
    return audit


def load_pages(client: Client, audit: Audit) -> None:
    """Fetch every page and what it loads, all of which must come from the service itself."""
    dataset, number = audit["dataset_id"], 0
    pages = ["/", "/audits", "/docs", "/login", f"/datasets/{dataset}", f"/datasets/{dataset}/annotators"]
    pages += [f"/audits/new?dataset={dataset}"]
    pages += [f"/audits/{audit.id}{page}" for page in ("", "/review", "/check", "/people", "/map")]
    for page in pages:
        loads = Loads()
        loads.feed(client.request("GET", page).text)
        for address in loads.addresses:
            whole = urljoin(client.url + page, address)
            if not whole.startswith((client.url, "data:")):
                sys.exit(f"{page} loads {address}")
            if not whole.startswith("data:"):
                parts = urlsplit(whole)
                client.request("GET", parts.path + (f"?{parts.query}" if parts.query else ""))
                number += 1
    sys.stdout.write(f"{len(pages)} pages load {number} files, all from the service\n")


def main() -> None:
    """Start the service, audit, look at all pages, and stop."""
    with tempfile.TemporaryDirectory(prefix="limit-audit-gap-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        with LocalStack(folder / "service") as stack, Client(stack.url) as client:
            load_pages(client, audit_photographs(client, folder))


if __name__ == "__main__":
    main()
