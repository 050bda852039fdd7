"""A table on a web server whose rows name pictures by their addresses, guarded as webhooks are."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import islice
from urllib.parse import urljoin, urlsplit

import httpx

from app.http import outbound_requests
from app.infra.errors import ApiError, Invalid
from app.places.place_types import (
    OriginalGone,
    PlacedContent,
    PlacedFile,
    UnusablePlace,
    make_gone,
)
from app.places.web_answers import GONE, find_length, find_tag, read_content
from models.reading.archive_names import hide_query
from models.reading.column_names import FILE_NAMES, list_by_name
from models.reading.record_tables import TABLE_SUFFIXES, parse_table
from models.reading.text_encodings import TableError

ADDRESSES = ("url", "image_url", "img_url", "picture_url", "link", "uri", *FILE_NAMES)
"""Names of the column of addresses, in the order in which they count."""
TABLE_BYTES_MAX = 256 * 2**20
"""As large as any other table of an upload may be (`max_member_bytes`)."""
AT_ONCE = 16
TIMEOUT_SECONDS = 30


class WebPlace:
    """See `Place`; its first file is the table itself."""

    def __init__(self, url: str, *, allow_private: bool) -> None:
        self._url = url
        self._client = outbound_requests.make_client(
            allow_private=allow_private, timeout_seconds=TIMEOUT_SECONDS
        )

    def list_files(self) -> Iterator[PlacedFile]:
        """Yield the table and the files that it names, in its order; nothing but the table is read."""
        path = urlsplit(self._url).path
        name = path.rsplit("/", 1)[-1]
        if not name.lower().endswith(TABLE_SUFFIXES):
            raise UnusablePlace(
                f"expected the address of a table that ends in {', '.join(TABLE_SUFFIXES)}; found {path!r}"
            )
        table = PlacedFile(name=name, location=self._url)
        try:
            content = self.read(table, most=TABLE_BYTES_MAX)
        except OriginalGone:
            raise UnusablePlace(
                f"expected a table at {hide_query(self._url)!r}; the server has none"
            ) from None
        yield PlacedFile(name=name, location=self._url, size=len(content.data), tag=content.tag)
        for address in dict.fromkeys(_list_addresses(content.data, name)):
            yield PlacedFile(name=address, location=urljoin(self._url, address))

    def inspect(self, file: PlacedFile) -> PlacedFile:
        """Return the file with its length and tag by a HEAD request; without a tag if it is not answered."""
        answer = self._ask("HEAD", file)
        if answer.status_code in GONE:
            raise make_gone(file.shown_name)
        if not answer.is_success:
            return PlacedFile(name=file.name, location=file.location)
        return PlacedFile(
            name=file.name,
            location=file.location,
            size=find_length(answer),
            tag=find_tag(answer),
        )

    def inspect_all(self, files: Iterator[PlacedFile]) -> Iterator[PlacedFile]:
        """Yield files as they are now, several asked for at once; those that are gone are left out."""
        with ThreadPoolExecutor(AT_ONCE, thread_name_prefix="place") as threads:
            while block := list(islice(files, 64 * AT_ONCE)):
                yield from (file for file in threads.map(self._inspect_or_none, block) if file is not None)

    def _inspect_or_none(self, file: PlacedFile) -> PlacedFile | None:
        try:
            return self.inspect(file)
        except OriginalGone:
            return None
        except ApiError:
            return PlacedFile(name=file.name, location=file.location)  # whoever reads it meets the error

    def read(self, file: PlacedFile, *, most: int) -> PlacedContent:
        """Return the content of a file; redirects are not followed."""
        try:
            address = _check_address(file.location)
            with self._client.stream("GET", address, headers={"Accept-Encoding": "identity"}) as answer:
                return read_content(answer, file.shown_name, most=most, tag=find_tag(answer))
        except httpx.HTTPError as error:
            raise UnusablePlace(
                f"{file.shown_name!r} cannot be read: {error or type(error).__name__}"
            ) from None

    def _ask(self, method: str, file: PlacedFile) -> httpx.Response:
        try:
            return self._client.request(method, _check_address(file.location))
        except httpx.HTTPError as error:
            raise UnusablePlace(
                f"{file.shown_name!r} cannot be read: {error or type(error).__name__}"
            ) from None


def _check_address(address: str) -> httpx.URL:
    try:
        return httpx.URL(address)
    except (httpx.InvalidURL, ValueError) as error:
        raise Invalid(f"{hide_query(address)[:200]!r} is not an address: {error}") from None


def _list_addresses(raw: bytes, name: str) -> Iterator[str]:
    """Yield the addresses that a table names, as it writes them."""
    try:
        table = parse_table(raw, name)
        column = next(iter(list_by_name(table.columns, ADDRESSES)), None)
        if column is None:
            raise UnusablePlace(
                f"expected a column of addresses, such as url or file_name; found {', '.join(table.columns)}"
            )
        for record in table.read():
            address = str((record.cells or {}).get(column) or "").strip()
            if address:
                yield address
    except TableError as error:
        raise UnusablePlace(f"expected {name!r} to be a table of text; {error}") from None
