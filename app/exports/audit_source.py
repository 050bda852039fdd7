"""What exports of an audit are written from: its rows, its most suspicious samples, their pictures."""

import base64
from collections.abc import Callable
from dataclasses import dataclass
from uuid import UUID

from app.audits import audit_service, suspects
from app.datasets import dataset_service
from app.infra.database import Database
from app.infra.errors import WrongState
from app.infra.storage import Storage
from app.kinds.shown_kinds import find_shown_kind
from app.schemas.result_schemas import Suspect
from app.tables import Audit, AuditStatus, Dataset
from models.catalogue.kinds import KINDS

PAGE = 500
SIDE_PIXELS = 128


@dataclass(frozen=True, kw_only=True)
class AuditSource:
    """An audit that has succeeded, and where its rows and files are."""

    database: Database
    storage: Storage
    audit: Audit
    dataset: Dataset
    base_url: str
    """The service's address as the caller knows it, without a slash at the end."""

    @property
    def has_pictures(self) -> bool:
        """Return whether the samples are shown as pictures."""
        return self.dataset.kind is not None and KINDS[self.dataset.kind].has_pictures

    def read_suspects(self, count: int) -> list[Suspect]:
        """Return the `count` most suspicious samples with their reviews; fewer where there are fewer."""
        found: list[Suspect] = []
        with self.database.transaction() as session:
            connection, ranked = session.connection(), suspects.make_ranking(self.audit, self.dataset)
            while len(found) < count:
                limit = min(PAGE, count - len(found))
                after = found[-1].rank if found else 0
                rows = suspects.list_suspects(
                    connection, ranked, suspects.Filters(), after_rank=after, limit=limit
                )
                found += [Suspect.model_validate(row) for row in rows]
                if len(rows) < limit:
                    break
        return found

    def embed_pictures(self) -> Callable[[Suspect], str]:
        """Return a function that gives a sample's picture as a data address."""
        draw = find_shown_kind(self.dataset).open_pictures(self.storage, self.dataset, side_min=SIDE_PIXELS)
        assert draw is not None, "asked of samples with pictures"

        def embed(suspect: Suspect) -> str:
            return f"data:image/png;base64,{base64.b64encode(draw(suspect.position)).decode()}"

        return embed

    def link_pictures(self) -> Callable[[Suspect], str]:
        """Return a function that gives the address of a sample's picture."""
        return lambda suspect: f"{self.base_url}{suspect.image_url}"


def open_audit(database: Database, storage: Storage, audit_id: UUID, *, base_url: str) -> AuditSource:
    """Return an audit that has succeeded.

    Raises:
        WrongState: it has not.

    """
    with database.transaction() as session:
        audit = audit_service.get(session, audit_id)
        if audit.status != AuditStatus.SUCCEEDED:
            raise WrongState(f"this needs an audit that has succeeded, this one is {audit.status}")
        dataset = dataset_service.get(session, audit.dataset_id)
    return AuditSource(database=database, storage=storage, audit=audit, dataset=dataset, base_url=base_url)
