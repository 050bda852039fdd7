"""The data that exports of an audit read: its rows, most suspicious samples and their images."""

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
from app.reviews.checked_figures import follow_checks
from app.schemas.audits.result_schemas import Suspect
from app.tables import Audit, AuditStatus, Dataset
from models.catalogue.kinds import KINDS

PAGE = 500
SIDE_PIXELS = 128


@dataclass(frozen=True, kw_only=True)
class AuditSource:
    """An audit that has succeeded, with its database and storage."""

    database: Database
    storage: Storage
    audit: Audit
    dataset: Dataset
    base_url: str
    """The service's address in the caller's request, without a trailing slash."""
    signing_key: str | None = None
    """PEM of the operator's private key, for records; None: they are not signed."""

    @property
    def has_pictures(self) -> bool:
        """Return whether the samples have images."""
        return self.dataset.kind is not None and KINDS[self.dataset.kind].has_pictures

    def read_suspects(self, count: int) -> list[Suspect]:
        """Return the `count` most suspicious samples with their reviews, or all if there are fewer."""
        ranked: list[Suspect] = []
        with self.database.transaction() as session:
            connection = session.connection()
            ranking = follow_checks(connection, suspects.make_ranking(self.audit, self.dataset))
            while len(ranked) < count:
                limit = min(PAGE, count - len(ranked))
                after = ranked[-1].rank if ranked else 0
                rows = suspects.list_suspects(
                    connection, ranking, suspects.Filters(), after_rank=after, limit=limit
                )
                ranked += [Suspect.model_validate(row) for row in rows]
                if len(rows) < limit:
                    break
        return ranked

    def embed_pictures(self) -> Callable[[Suspect], str]:
        """Return a function that returns a sample's image as a data URL."""
        draw = find_shown_kind(self.dataset).open_pictures(self.storage, self.dataset, side_min=SIDE_PIXELS)
        assert draw is not None, "only for samples with images"

        def embed(suspect: Suspect) -> str:
            return f"data:image/png;base64,{base64.b64encode(draw(suspect.position)).decode()}"

        return embed

    def open_words(self, *, is_whole: bool) -> Callable[[Suspect], str] | None:
        """Return a function that tells a sample in words, all or the first; None: samples have none."""
        read = find_shown_kind(self.dataset).open_snippets(self.storage, self.dataset, is_whole=is_whole)
        return None if read is None else lambda suspect: read(suspect.position)

    def link_pictures(self) -> Callable[[Suspect], str]:
        """Return a function that returns the URL of a sample's image."""
        return lambda suspect: f"{self.base_url}{suspect.image_url}"


def open_audit(
    database: Database, storage: Storage, audit_id: UUID, *, base_url: str, signing_key: str | None
) -> AuditSource:
    """Return an audit that has succeeded.

    Raises:
        WrongState: it has not succeeded.

    """
    with database.transaction() as session:
        audit = audit_service.get(session, audit_id)
        if audit.status != AuditStatus.SUCCEEDED:
            raise WrongState(f"this needs an audit that has succeeded, this audit is {audit.status}")
        dataset = dataset_service.get(session, audit.dataset_id)
    return AuditSource(
        database=database,
        storage=storage,
        audit=audit,
        dataset=dataset,
        base_url=base_url,
        signing_key=signing_key,
    )
