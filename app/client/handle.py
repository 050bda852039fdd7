"""An object of the service with its last answer: what datasets and audits have in common."""

from pathlib import Path
from typing import Any

from app.client.service.answer_types import Json
from app.client.service.client_errors import ClientError
from app.client.service.operations import Service
from app.exports.registry import EXPORTS, Scope

PAGE = 500


class Handle:
    """An object of the service, with its last answer."""

    def __init__(self, service: Service, answer: Json) -> None:
        self._service, self.document = service, answer

    def __getitem__(self, field: str) -> Any:  # noqa: ANN401 - a JSON value
        """Return a field of the last answer."""
        return self.document[field]

    @property
    def id(self) -> str:
        """Return the id."""
        return str(self.document["id"])

    @property
    def name(self) -> str:
        """Return the name."""
        return str(self.document["name"])

    @property
    def status(self) -> str:
        """Return the status of the last answer; `refresh` fetches the current one."""
        return str(self.document["status"])

    def _export(self, scope: Scope, name: str, target: str | Path, params: Json) -> Path:
        found = _find_export(scope, name)
        return self._service.download(f"/v1/{scope}s/{self.id}/exports/{found}", Path(target), **params)


def _find_export(scope: Scope, name: str) -> str:
    """Return the name of an export, whose ending may be left out where one export alone has this beginning.

    Raises:
        ClientError: there is no such export of this scope.

    """
    names = [export.name for export in EXPORTS if export.scope == scope]
    found = [each for each in names if name in (each, each.rpartition(".")[0])]
    if len(found) == 1:
        return found[0]
    elsewhere = [export.scope for export in EXPORTS if export.scope != scope and export.name == name]
    hint = f"; {name!r} is an export of the {elsewhere[0]}" if elsewhere else ""
    raise ClientError(
        f"the first argument of {scope}.export says what to export: one of {', '.join(names)}; found"
        f" {name!r}{hint}. The second one is the file or folder to write"
    )
