"""Who may do what, tried on every route: the table is made from the routes, so that a new one is in it.

A route is open to all only if it stands in PUBLIC. Every other one is tried without a key, with a forged one,
with a read key, with the admin key of another workspace, and with a key that may. A new parameter or body
needs an entry below.
"""

from dataclasses import dataclass
from typing import Any
from unittest.mock import patch
from uuid import UUID, uuid4

import httpx2
import pytest
from fastapi.routing import iter_route_contexts
from fastapi.testclient import TestClient
from sqlalchemy import delete, select, update
from sqlalchemy.orm import aliased

from app.access import keys
from app.datasets import dataset_service
from app.infra import workspace_scope
from app.infra.database import Database
from app.infra.errors import NotFound
from app.infra.settings import Settings
from app.infra.storage import Storage
from app.main import create_app
from app.routes.shared.callers import provide_settings as get_settings
from app.tables import Audit, Dataset, Scope
from tests.builders.full_workspace import BUCKET, store_full_workspace

PUBLIC = {
    ("GET", "/openapi.json"),
    ("HEAD", "/openapi.json"),
    ("GET", "/v1/health/live"),
    ("GET", "/v1/health/instance"),
    ("GET", "/v1/health/ready"),
    ("GET", "/static"),
    ("GET", "/login"),
    ("POST", "/login"),
    ("POST", "/logout"),
}
# What a path's {parameter} stands for; a route whose parameter means something else has its own line.
PARAMETERS = {
    "dataset_id": "{dataset}",
    "audit_id": "{audit}",
    "upload_id": "{upload}",
    "webhook_id": "{webhook}",
    "delivery_id": "{delivery}",
    "action_id": "{action}",
    "selection_id": "{selection}",
    "note_id": "{note}",
    "other_audit_id": "{audit}",
    "other_dataset_id": "{dataset}",
    "position": "3",
    "file_name": "a.zip",
    "name": "roc",
    "kind": "svg",
    "bucket": BUCKET,
}
BODIES: dict[tuple[str, str], Any] = {
    ("POST", "/v1/datasets"): {"name": "mine"},
    ("POST", "/v1/audits"): {"dataset_id": "{dataset}"},
    ("POST", "/v1/datasets/{dataset_id}/reviews"): {"reviews": [{"position": 3, "verdict": "keep"}]},
    ("PUT", "/v1/datasets/{dataset_id}/samples/{position}/review"): {"verdict": "keep"},
    ("PUT", "/v1/audits/{audit_id}/check"): {"samples": 12},
    ("POST", "/v1/audits/{audit_id}/bulk-actions"): {"action": "keep", "samples": [{"position": 5}]},
    ("POST", "/v1/audits/{audit_id}/bulk-actions/preview"): {"action": "accept", "filters": {}},
    ("POST", "/v1/audits/{audit_id}/selections"): {"positions": [5]},
    ("POST", "/v1/audits/{audit_id}/queue"): {},
    ("POST", "/v1/audits/{audit_id}/check/queue"): {},
    ("POST", "/v1/audits/{audit_id}/queue/release"): {"held": [5]},
    ("PUT", "/v1/audits/{audit_id}/review-plan"): {"second_share": 0.1},
    ("POST", "/v1/datasets/{dataset_id}/samples/{position}/notes"): {"text": "blurred"},
    ("POST", "/v1/datasets/{dataset_id}/readings"): {},
    ("POST", "/v1/datasets/{dataset_id}/versions"): {},
    ("POST", "/v1/datasets/{dataset_id}/class-views"): {},
    ("PUT", "/v1/datasets/{dataset_id}/samples/{position}/label-set"): {"labels": [], "asked": []},
    ("PUT", "/v1/datasets/{dataset_id}/parent"): {"parent_id": None},
    ("POST", "/v1/audits/{audit_id}/again"): {},
    ("POST", "/v1/audits/{audit_id}/record"): {"statements": {}},
    ("PUT", "/v1/buckets/{bucket}"): {"key_id": "known", "secret": "hidden"},
    ("PUT", "/v1/hub-token"): {"token": "hidden"},
    ("POST", "/v1/webhooks"): {"url": "http://93.184.216.34/"},
    ("PUT", "/v1/datasets/{dataset_id}/files/{file_name}"): "bytes",
    ("PATCH", "/v1/datasets/{dataset_id}/uploads/{upload_id}"): "bytes",
    ("PUT", "/v1/datasets/{dataset_id}/truth"): "position,true_label\n0,ant\n",
    ("PUT", "/v1/datasets/{dataset_id}/annotations"): "position,ana\n0,ant\n",
}
QUERIES = {
    ("GET", "/audits/new"): "?dataset={dataset}",
    ("GET", "/v1/datasets/{dataset_id}/exports/dataset"): "?format=npz",
    ("GET", "/v1/datasets/{dataset_id}/comparison"): "?with={dataset}",
    ("GET", "/v1/datasets/{dataset_id}/snippets"): "?positions=0",
    ("GET", "/v1/audits/{audit_id}/comparison"): "?with={audit}",
    ("GET", "/v1/audits/{audit_id}/gate"): "?max_noise=0.1",
}
TUS = {"Tus-Resumable": "1.0.0"}
UPLOADS = "/v1/datasets/{dataset_id}/uploads"
HEADERS = {
    ("DELETE", "/v1/datasets/{dataset_id}/samples/{position}/review"): {"If-Match": '"1"'},
    ("POST", UPLOADS): TUS | {"Upload-Length": "5", "Upload-Metadata": "filename YS56aXA="},
    ("HEAD", f"{UPLOADS}/{{upload_id}}"): TUS,
    ("DELETE", f"{UPLOADS}/{{upload_id}}"): TUS,
    ("PATCH", f"{UPLOADS}/{{upload_id}}"): TUS
    | {"Upload-Offset": "0", "Content-Type": "application/offset+octet-stream"},
}
# Changes that a read key may make, and what needs more than a write key.
READERS_CHANGES: set[tuple[str, str]] = set()
# Where a name means another object in each workspace.
OWN_NAMES = {("PUT", "/v1/buckets/{bucket}")}
ADMINISTRATION = {("GET", "/v1/activity"), ("GET", "/metrics"), ("POST", "/v1/audits/{audit_id}/record")}


def every_route() -> list[tuple[str, str]]:
    with patch("app.main.configure_logging"):
        app = create_app()
    found = []
    for route in iter_route_contexts(app.routes):
        assert route.path is not None
        found += [(method, route.path) for method in sorted(route.methods or {"GET"})]
    return found


CLOSED = [route for route in every_route() if route not in PUBLIC]


@dataclass(frozen=True)
class House:
    """A workspace with one of everything, and keys to it and to another."""

    api: TestClient
    ids: dict[str, str]
    keys: dict[str, str]

    def ask(self, route: tuple[str, str], who: str | None) -> httpx2.Response:
        method, path = route
        path = path.replace("ranking.{kind}", "ranking.csv")
        for parameter, value in PARAMETERS.items():
            path = path.replace(f"{{{parameter}}}", value)
        path, body = self._filled(path + QUERIES.get(route, "")), self._filled(BODIES.get(route))
        assert "{" not in path, f"say in PARAMETERS what to try {path} with"
        headers = {"Authorization": f"Bearer {self.keys.get(who, 'la_forged')}"} if who else {}
        headers |= HEADERS.get(route, {})
        content = {"content": body.encode()} if isinstance(body, str) else {"json": body}
        return self.api.request(method, path, headers=headers, follow_redirects=False, **content)

    def _filled(self, value: Any) -> Any:  # noqa: ANN401
        if isinstance(value, dict):
            return {name: self._filled(part) for name, part in value.items()}
        if isinstance(value, str):
            for name, identifier in self.ids.items():
                value = value.replace(f"{{{name}}}", identifier)
        return value


@pytest.fixture
def house(api: TestClient, chosen: Settings, database: Database, storage: Storage) -> House:
    with_keys = chosen.model_copy(update={"authentication": "keys"})
    api.app.dependency_overrides[get_settings] = lambda: with_keys  # type: ignore[attr-defined]
    with database.transaction() as session:
        ours, _ = workspace_scope.get_or_create_workspace(session, f"ours-{uuid4()}")
        theirs, _ = workspace_scope.get_or_create_workspace(session, f"theirs-{uuid4()}")
        made = {
            name: keys.create(session, name=name, scope=scope, expires_at=None, workspace_id=workspace)[1]
            for name, scope, workspace in (
                ("read", Scope.READ, ours),
                ("write", Scope.WRITE, ours),
                ("admin", Scope.ADMIN, ours),
                ("stranger", Scope.ADMIN, theirs),
            )
        }
    return House(api, store_full_workspace(database.confine(ours), storage), made)


@pytest.mark.parametrize("route", CLOSED, ids=" ".join)
def test_every_route_lets_in_whom_it_should(house: House, route: tuple[str, str]) -> None:
    changes = route[0] not in {"GET", "HEAD", "OPTIONS"}
    least = "admin" if route in ADMINISTRATION else "write" if changes else "read"
    least = "read" if route in READERS_CHANGES else least
    assert is_closed(house.ask(route, None))
    assert is_closed(house.ask(route, "forged"))
    if least != "read":
        assert house.ask(route, "read").status_code == 403
    if least == "admin":
        assert house.ask(route, "write").status_code == 403
    strangers = house.ask(route, "stranger")
    asked = f"{route[1]}{QUERIES.get(route)}{BODIES.get(route)}"
    if route not in OWN_NAMES and any(f"{{{name}}}" in asked for name in {*house.ids, *PARAMETERS}):
        assert strangers.status_code == 404, "another workspace's object must not be found"
    assert not any(identifier in strangers.text for identifier in house.ids.values() if strangers.is_success)
    # The same question from a key that may: what was refused above was refused for who asked alone.
    assert house.ask(route, least).status_code not in {401, 403, 404, 405, 429}


def is_closed(answer: httpx2.Response) -> bool:
    """Say whether nothing was shown: a refusal, or for a page the way to the login."""
    return answer.status_code == 401 or answer.headers.get("location", "").startswith("/login")


def test_no_open_route_is_left_in_the_list_by_mistake() -> None:
    assert set(every_route()) >= PUBLIC


def test_a_list_shows_the_own_workspace_alone(house: House) -> None:
    for path in ("/v1/datasets", "/v1/audits"):
        assert len(house.ask(("GET", path), "read").json()["items"]) == 1
        assert house.ask(("GET", path), "stranger").json()["items"] == []


def test_a_key_that_may_only_read_sees_no_address_that_lets_in(house: House) -> None:
    """The path of an incoming webhook of Slack is all that one needs to write into the channel."""
    body = {"url": "http://93.184.216.34/services/T0/B0/secret?token=x", "format": "slack"}
    headers = {"Authorization": f"Bearer {house.keys['write']}"}
    made = house.api.post("/v1/webhooks", json=body, headers=headers).json()
    for path in ("/v1/webhooks", f"/v1/webhooks/{made['id']}"):
        seen = house.ask(("GET", path), "read")
        assert "secret" not in seen.text
        assert "http://93.184.216.34/…" in seen.text
        assert body["url"] in house.ask(("GET", path), "write").text


def test_what_is_made_belongs_to_the_maker(house: House) -> None:
    dataset = house.ask(("POST", "/v1/datasets"), "write").json()
    assert house.ask(("GET", f"/v1/datasets/{dataset['id']}"), "read").status_code == 200
    assert house.ask(("GET", f"/v1/datasets/{dataset['id']}"), "stranger").status_code == 404
    audit = house.ask(("POST", "/v1/audits"), "write").json()
    assert house.ask(("GET", f"/v1/audits/{audit['id']}"), "stranger").status_code == 404


def test_a_confined_session_changes_nothing_of_others(house: House, database: Database) -> None:
    with database.transaction() as session:
        elsewhere, _ = workspace_scope.get_or_create_workspace(session, f"elsewhere-{uuid4()}")
    with database.confine(elsewhere).transaction() as session:
        assert not list(session.scalars(select(aliased(Dataset))))
        assert session.execute(update(Audit).values(name="taken").returning(Audit.id)).all() == []
        assert session.execute(delete(Audit).returning(Audit.id)).all() == []
        with pytest.raises(NotFound):
            dataset_service.get(session, UUID(house.ids["dataset"]), lock=True)
    with database.transaction() as session:
        assert session.scalars(select(Audit.name)).all() == ["audit of made"]


def test_a_workspace_is_made_once(database: Database) -> None:
    name = f"twice-{uuid4()}"
    with database.transaction() as session:
        first, second = (
            workspace_scope.get_or_create_workspace(session, name),
            workspace_scope.get_or_create_workspace(session, name),
        )
    assert (first[0], True, False) == (second[0], first[1], second[1])
