"""A stand-in for a model hub and for the host that it redirects large files to.

It answers as huggingface_hub 2.4 reads the real one: pages of a tree with a Link header, digests in ETag and
X-Linked-Etag, redirects of small files within the hub and of large ones to another host.
"""

import hashlib
import http.server
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

LARGE = 200
"""Bytes from which a file lies at the other host."""
PAGE = 10


def digest_as_git(content: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest()


@dataclass(kw_only=True)
class Hub:
    """Repositories by name; a file's content by its path."""

    repositories: dict[str, dict[str, bytes]] = field(default_factory=dict)
    token: str | None = None
    """Without it everything is refused; None: anybody may read."""
    target: str = ""
    """Where large files are."""
    limited: int = 0
    """So many of the next requests are answered with 429."""
    requests: list[tuple[str, str, str | None]] = field(default_factory=list)
    """Method, path and Authorization of each request to the hub."""
    at_target: list[str | None] = field(default_factory=list)
    """Authorization of each request to the other host."""
    endpoint: str = ""


class _HubHandler(http.server.BaseHTTPRequestHandler):
    hub: Hub

    def do_GET(self) -> None:
        hub, address = self.hub, urlsplit(self.path)
        hub.requests.append((self.command, self.path, self.headers["Authorization"]))
        if hub.limited:
            hub.limited -= 1
            self._answer(429, headers={"Retry-After": "1"})
        elif hub.token is not None and self.headers["Authorization"] != f"Bearer {hub.token}":
            self._answer(401)
        elif address.path.startswith("/api/datasets/"):
            self._list(address.path.split("/"), parse_qs(address.query))
        else:
            self._resolve(address.path.split("/"))

    do_HEAD = do_GET

    def _list(self, parts: list[str], query: dict[str, list[str]]) -> None:
        files = self.hub.repositories.get("/".join(parts[3:5]))
        folder = unquote("/".join(parts[7:]))
        if files is None or unquote(parts[6]) != "main":
            self._answer(404)
            return
        found = [self._describe(name, files[name]) for name in files if name.startswith(folder)]
        first = int(query.get("cursor", ["0"])[0])
        following = f"<{self.hub.endpoint}{self.path.split('?')[0]}?recursive=true&cursor={first + PAGE}>"
        headers = {"Link": f'{following}; rel="next"'} if first + PAGE < len(found) else {}
        folders = [{"type": "directory", "path": "class0", "oid": "0" * 40, "size": 0}]
        self._answer(200, json.dumps(folders + found[first : first + PAGE]).encode(), headers)

    def _describe(self, name: str, content: bytes) -> dict[str, Any]:
        entry = {"type": "file", "path": name, "oid": digest_as_git(content), "size": len(content)}
        if len(content) >= LARGE:
            digest = hashlib.sha256(content).hexdigest()
            entry["lfs"] = {"oid": digest, "size": len(content), "pointerSize": 130}
        return entry

    def _resolve(self, parts: list[str]) -> None:
        cached = parts[1:3] == ["api", "resolve-cache"]
        owner, name, _, *path = parts[4:] if cached else parts[2:]
        content = self.hub.repositories.get(f"{owner}/{name}", {}).get(unquote("/".join(path[1:])))
        if content is None:
            self._answer(404)
        elif len(content) >= LARGE:
            digest = hashlib.sha256(content).hexdigest()
            headers = {"X-Linked-Etag": f'"{digest}"', "X-Linked-Size": str(len(content))}
            self._answer(302, headers={"Location": f"{self.hub.target}/{digest}", **headers})
        elif cached:
            self._answer(200, content, {"ETag": f'"{digest_as_git(content)}"'})
        else:
            self._answer(307, headers={"Location": f"/api/resolve-cache/datasets/{'/'.join(parts[2:])}"})

    def _answer(self, status: int, content: bytes = b"", headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": str(len(content)), **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command == "GET":
            self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        """Print nothing."""


class _TargetHandler(_HubHandler):
    def do_GET(self) -> None:
        self.hub.at_target.append(self.headers["Authorization"])
        every = [content for files in self.hub.repositories.values() for content in files.values()]
        by_digest = {hashlib.sha256(content).hexdigest(): content for content in every}
        content = by_digest.get(self.path.lstrip("/"))
        self._answer(404 if content is None else 200, content or b"", {"ETag": '"of another kind"'})


@contextmanager
def serve_hub() -> Iterator[Hub]:
    """Run both hosts on loopback."""
    hub = Hub()
    servers = []
    for handler in (_HubHandler, _TargetHandler):
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (handler,), {"hub": hub}))
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        servers.append(server)
    hub.endpoint, hub.target = (f"http://127.0.0.1:{server.server_port}" for server in servers)
    try:
        yield hub
    finally:
        for server in servers:
            server.shutdown()
            server.server_close()
