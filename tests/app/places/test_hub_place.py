"""Dataset repositories of a hub (a stand-in for it: the real one cannot be reached here)."""

from collections.abc import Iterator
from uuid import uuid4

import pytest

from app.http.outbound_requests import ForbiddenAddress
from app.places.hub_place import HubPlace, find_endpoint
from app.places.hub_repository import Repository, parse_address
from app.places.place_types import OriginalGone, PlacedFile, TooLong, UnusablePlace
from tests.app.places.hub_server import LARGE, Hub, digest_as_git, serve_hub

pytestmark = pytest.mark.service

NAME = "acme/flowers"
SMALL, BIG = b"file_name,label\n", bytes(range(250))


@pytest.fixture
def hub() -> Iterator[Hub]:
    with serve_hub() as found:
        found.repositories[NAME] = {"data/a b.csv": SMALL, "data/é/big.png": BIG, "README.md": b"# Flowers"}
        yield found


def open_hub(hub: Hub, url: str = f"hf://datasets/{NAME}", **changed: object) -> HubPlace:
    options = {"endpoint": hub.endpoint, "token": hub.token, "allow_private": True, "patience_seconds": 0}
    return HubPlace(url, **(options | changed))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("hf://datasets/acme/flowers", Repository(name=NAME, revision="main", folder="")),
        ("hf://datasets/acme/flowers@v1.2/a/b/", Repository(name=NAME, revision="v1.2", folder="a/b")),
        (
            "hf://datasets/acme/flowers@refs%2Fpr%2F1",
            Repository(name=NAME, revision="refs/pr/1", folder=""),
        ),
    ],
)
def test_an_address_is_read(url: str, expected: Repository) -> None:
    assert parse_address(url) == expected


@pytest.mark.parametrize(
    "url",
    [
        "hf://acme/flowers", "hf://datasets/flowers", "hf://datasets/acme/..", "hf://datasets/../flowers",
        "hf://datasets/acme/flowers/../../x", "hf://datasets/acme/flowers@..",
        "hf://datasets/a/b@%2e%2e", "hf://datasets/acme/flo%2Fwers", "hf://datasets/a?b/flowers",
    ],
)  # fmt: skip
def test_another_address_is_refused(url: str) -> None:
    with pytest.raises(UnusablePlace, match="expected hf://datasets/OWNER/NAME"):
        parse_address(url)


def test_files_are_listed_and_read(hub: Hub) -> None:
    place = open_hub(hub, f"hf://datasets/{NAME}/data")
    table, picture = place.list_files()
    assert [table.name, picture.name] == ["a b.csv", "é/big.png"]
    assert (table.size, table.tag) == (len(SMALL), digest_as_git(SMALL))
    for file, content in ((table, SMALL), (picture, BIG)):
        assert place.read(file, most=LARGE * 2).data == content
        assert place.read(file, most=LARGE * 2).tag == file.tag, "the digest by which the list names it"
        assert place.inspect(file) == file
    with pytest.raises(TooLong):
        place.read(picture, most=100)
    del hub.repositories[NAME]["data/é/big.png"]
    for attempt in (lambda: place.read(picture, most=LARGE * 2), lambda: place.inspect(picture)):
        with pytest.raises(OriginalGone):
            attempt()


def test_a_long_list_comes_in_pages(hub: Hub) -> None:
    hub.repositories[NAME] = {f"{number:03}.png": BIG for number in reversed(range(35))}
    names = [file.name for file in open_hub(hub).list_files()]
    assert names == [f"{number:03}.png" for number in range(35)]


def test_the_token_goes_to_the_hub_alone(hub: Hub) -> None:
    hub.token = uuid4().hex
    place = open_hub(hub)
    file = next(file for file in place.list_files() if file.name.endswith("big.png"))
    assert place.read(file, most=LARGE * 2).data == BIG
    assert {authorization for _, _, authorization in hub.requests} == {f"Bearer {hub.token}"}
    assert hub.at_target == [None]


def test_what_is_private_says_what_to_do(hub: Hub) -> None:
    hub.token = uuid4().hex
    for wrong in (None, "other"):
        with pytest.raises(UnusablePlace, match="limit-audit hub-token set"):
            list(open_hub(hub, token=wrong).list_files())


def test_what_is_not_there_is_named(hub: Hub) -> None:
    for url in ("hf://datasets/acme/trees", f"hf://datasets/{NAME}@v9"):
        with pytest.raises(UnusablePlace, match="the hub has none"):
            list(open_hub(hub, url).list_files())


@pytest.mark.parametrize(
    "target", ["http://169.254.169.254/latest", "ftp://127.0.0.1/x", "http://user@127.0.0.1"]
)
def test_no_redirect_leads_to_a_forbidden_address(hub: Hub, target: str) -> None:
    hub.target = target
    file = PlacedFile(name="big.png", location="data/é/big.png")
    with pytest.raises(ForbiddenAddress):
        open_hub(hub).read(file, most=LARGE * 2)


@pytest.mark.parametrize("target", ["data:x", "http://xn--a.example", "http://[::1"])
def test_a_redirect_to_no_address_is_refused_in_words(hub: Hub, target: str) -> None:
    hub.target = target
    file = PlacedFile(name="big.png", location="data/é/big.png")
    with pytest.raises((UnusablePlace, ForbiddenAddress)):
        open_hub(hub).read(file, most=LARGE * 2)


def test_private_hosts_are_reached_only_if_the_operator_allows_it(hub: Hub) -> None:
    with pytest.raises(ForbiddenAddress):
        list(open_hub(hub, allow_private=False).list_files())


def test_redirects_end(hub: Hub) -> None:
    hub.target = f"{hub.endpoint}/datasets/{NAME}/resolve/main/data/%C3%A9/big.png?"
    file = PlacedFile(name="big.png", location="data/é/big.png")
    with pytest.raises(UnusablePlace, match="at most 5 redirects"):
        open_hub(hub).read(file, most=LARGE * 2)


def test_a_hub_that_limits_requests_is_waited_for(hub: Hub, monkeypatch: pytest.MonkeyPatch) -> None:
    slept: list[float] = []
    monkeypatch.setattr("app.places.hub_place.time.sleep", slept.append)
    hub.limited = 2
    assert len(list(open_hub(hub, patience_seconds=5).list_files())) == 3
    assert slept == [1, 1]
    hub.limited = 1
    with pytest.raises(UnusablePlace, match="limits requests"):
        list(open_hub(hub).list_files())


def test_a_list_that_leads_elsewhere_is_refused(hub: Hub) -> None:
    hub.repositories[NAME] = {f"{number}.png": BIG for number in range(35)}
    place = open_hub(hub)
    hub.endpoint = hub.target
    with pytest.raises(UnusablePlace, match="another host"):
        list(place.list_files())


def test_the_hub_is_the_one_of_the_package() -> None:
    assert find_endpoint().startswith("https://")
