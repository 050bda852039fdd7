"""A dataset repository of a model hub: `hf://datasets/OWNER/NAME@REVISION/FOLDER`.

A hub hands out large files from other hosts: redirects are followed, each address is checked as a webhook's,
and the token goes to the hub alone. Interface: huggingface_hub 2.4 (`HfApi.list_repo_tree`, `hf_hub_url`,
`get_hf_file_metadata`).
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import quote

import httpx

from app.http import outbound_requests
from app.places.hub_repository import HubEntry, leads_up, parse_address, parse_page
from app.places.place_types import PlacedContent, PlacedFile, UnusablePlace, make_gone
from app.places.web_answers import GONE, find_length, read_content
from models.reading.archive_names import is_litter

PAGE_BYTES = 16 * 2**20
"""Most of one page of a listing: a thousand entries of some hundred bytes; it is far less."""
REDIRECTS_MOST = 5
TIMEOUT_SECONDS = 30
WAIT_SECONDS = 60.0
"""Between two tries where a hub that limits requests does not say how long."""
PATIENCE_SECONDS = 900.0
"""A job waits so long for one file: hubs count requests by five minutes."""
DAY_SECONDS = 86_400
"""No hub is waited for longer, whatever number it sends."""
FILES_MOST = 2_000_000
"""As many as an upload may have (`max_members`); they are sorted in memory."""
REFUSED = frozenset({401, 403})


def find_endpoint() -> str:
    """Return the hub that the package huggingface_hub reads, by default or by its variable HF_ENDPOINT.

    Raises:
        UnusablePlace: it is not installed.

    """
    try:
        from huggingface_hub import constants  # noqa: PLC0415 - an extra; slow to import
    except ImportError:
        raise UnusablePlace(
            "expected to know which hub hf:// means: whoever operates this service sets"
            " LIMIT_AUDIT_HUB_ENDPOINT, or installs huggingface_hub"
        ) from None
    return str(constants.ENDPOINT)


class HubPlace:
    """See `Place`."""

    def __init__(
        self, url: str, *, endpoint: str, token: str | None, allow_private: bool, patience_seconds: float
    ) -> None:
        self._url, self._repository = url, parse_address(url)
        self._endpoint, self._token = httpx.URL(endpoint.rstrip("/")), token
        self._patience_seconds = patience_seconds
        self._client = outbound_requests.make_client(
            allow_private=allow_private, timeout_seconds=TIMEOUT_SECONDS
        )

    def list_files(self) -> Iterator[PlacedFile]:
        """Yield all files below the folder in the order of their names."""
        prefix = f"{self._repository.folder}/" if self._repository.folder else ""
        files: list[PlacedFile] = []
        for entry in self._list_entries():
            name = entry.path.removeprefix(prefix)
            if leads_up(entry.path):
                raise UnusablePlace(f"expected paths within the repository; the hub lists {name[:200]!r}")
            if len(files) >= FILES_MOST:
                raise UnusablePlace(f"expected at most {FILES_MOST:,} files in {self._url!r}; name a folder")
            if entry.type == "file" and not is_litter(name):
                files.append(PlacedFile(name=name, location=entry.path, size=entry.size, tag=entry.digest))
        yield from sorted(files, key=lambda file: file.name)

    def _list_entries(self) -> Iterator[HubEntry]:
        repository = self._repository
        path = f"/api/datasets/{repository.name}/tree/{quote(repository.revision, safe='')}"
        folder = f"/{quote(repository.folder)}" if repository.folder else ""
        following: httpx.URL | None = httpx.URL(f"{self._endpoint}{path}{folder}?recursive=true")
        while following is not None:
            with self._get("GET", following, "the list of its files") as answer:
                if answer.status_code in GONE:
                    raise UnusablePlace(f"expected a dataset repository at {self._url!r}; the hub has none")
                content = read_content(answer, self._url, most=PAGE_BYTES, tag=None)
                following = self._find_next_page(answer)
            yield from parse_page(content.data)

    def _find_next_page(self, answer: httpx.Response) -> httpx.URL | None:
        address = answer.links.get("next", {}).get("url")
        if address is None:
            return None
        try:
            following = answer.url.join(address)
        except (httpx.InvalidURL, ValueError):
            raise UnusablePlace(f"expected an address of the next page; found {address[:200]!r}") from None
        if not self._is_hub(following):
            raise UnusablePlace(
                f"expected the list of {self._url!r} from the hub; it goes on at another host"
            )
        return following

    def inspect(self, file: PlacedFile) -> PlacedFile:
        """Return the file with its size and the hub's digest as they are now."""
        address = self._resolve(file)
        for _ in range(REDIRECTS_MOST + 1):
            with self._get("HEAD", address, file.name) as answer:
                if answer.status_code in GONE:
                    raise make_gone(file.name)
                digest = self._find_digest(answer)
                if digest is not None or not answer.is_redirect:
                    size = find_length(answer, "content-length" if answer.is_success else "x-linked-size")
                    return PlacedFile(name=file.name, location=file.location, size=size, tag=digest)
                address = self._follow(answer, file.name)
        raise self._make_endless(file)

    def read(self, file: PlacedFile, *, most: int) -> PlacedContent:
        """Return the content of a file."""
        address, digest = self._resolve(file), None
        for _ in range(REDIRECTS_MOST + 1):
            with self._get("GET", address, file.name) as answer:
                digest = digest or self._find_digest(answer)
                if not answer.is_redirect:
                    return read_content(answer, file.name, most=most, tag=digest)
                address = self._follow(answer, file.name)
        raise self._make_endless(file)

    def _find_digest(self, answer: httpx.Response) -> str | None:
        """Return the hub's digest of a file, that of Git for small ones, SHA-256 for large ones; or None."""
        text = answer.headers.get("x-linked-etag")
        if text is None and answer.is_success and self._is_hub(answer.url):
            text = answer.headers.get("etag")
        return None if text is None else text.removeprefix("W/").strip('"')

    def _make_endless(self, file: PlacedFile) -> UnusablePlace:
        return UnusablePlace(f"expected at most {REDIRECTS_MOST} redirects for {file.name!r}")

    def _resolve(self, file: PlacedFile) -> httpx.URL:
        repository = self._repository
        revision, path = quote(repository.revision, safe=""), quote(file.location)
        return httpx.URL(f"{self._endpoint}/datasets/{repository.name}/resolve/{revision}/{path}")

    def _follow(self, answer: httpx.Response, name: str) -> httpx.URL:
        try:
            target = answer.url.join(answer.headers["location"])
        except (KeyError, httpx.InvalidURL, ValueError):
            raise UnusablePlace(f"expected an address to which {name!r} is redirected") from None
        if answer.url.scheme == "https" and target.scheme != "https":
            raise UnusablePlace(f"expected {name!r} over https; it is redirected to {target.scheme}")
        return target

    def _is_hub(self, address: httpx.URL) -> bool:
        return (address.scheme, address.netloc) == (self._endpoint.scheme, self._endpoint.netloc)

    @contextmanager
    def _get(self, method: str, address: httpx.URL, name: str) -> Iterator[httpx.Response]:
        """Open an answer that is no refusal; a hub that limits requests is waited for."""
        headers = {"Accept-Encoding": "identity"}
        if self._token is not None and self._is_hub(address):
            headers["Authorization"] = f"Bearer {self._token}"
        waited = 0.0
        try:
            while True:
                with self._client.stream(method, address, headers=headers) as answer:
                    if answer.status_code != httpx.codes.TOO_MANY_REQUESTS:
                        _require_readable(answer, name)
                        yield answer
                        return
                    pause = float(min(find_length(answer, "retry-after") or WAIT_SECONDS, DAY_SECONDS))
                if waited + pause > self._patience_seconds:
                    raise UnusablePlace(f"the hub limits requests; try {name!r} again in {pause:.0f} s")
                time.sleep(pause)
                waited += pause
        except (httpx.HTTPError, httpx.InvalidURL, UnicodeError) as error:
            raise UnusablePlace(f"{name!r} cannot be read: {error or type(error).__name__}") from None


def _require_readable(answer: httpx.Response, name: str) -> None:
    if answer.status_code in REFUSED:
        raise UnusablePlace(
            f"the hub refuses {name!r} ({answer.status_code}): the repository is private, gated or not there;"
            " store a token that may read it with limit-audit hub-token set"
        )
    if answer.is_server_error or (answer.is_client_error and answer.status_code not in GONE):
        raise UnusablePlace(f"expected {name!r} from the hub; found the answer {answer.status_code}")
