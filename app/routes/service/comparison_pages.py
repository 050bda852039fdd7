"""Pages that compare two audits or two datasets."""

from uuid import UUID

from fastapi import APIRouter
from fastapi.responses import HTMLResponse

from app.audits import audit_service
from app.datasets import dataset_service
from app.kinds.shown_kinds import find_picture_address
from app.routes.service.page_routes import PageRoute
from app.routes.shared.dependencies import Caller, Files, Reads, Session
from app.routes.shared.version_rendering import render_audit_comparison, render_dataset_comparison
from app.versions.audit_comparison import compare_audits
from app.versions.dataset_comparison import compare_datasets
from app.web import pages

router = APIRouter(route_class=PageRoute, include_in_schema=False)
SHOWN_MAX = 48
"""Samples of each state."""


@router.get("/audits/{audit_id}/compare/{other_audit_id}", dependencies=[Reads])
def compare_audits_page(
    audit_id: UUID, other_audit_id: UUID, session: Session, files: Files, caller: Caller
) -> HTMLResponse:
    """Show two audits side by side."""
    first, second = (audit_service.get(session, each) for each in (audit_id, other_audit_id))
    found = compare_audits(session, files, first, second, state=None, limit=SHOWN_MAX)
    return pages.render_page(
        "compare_audits.html",
        caller=caller,
        found=render_audit_comparison(found),
        datasets=None if found.datasets is None else render_dataset_comparison(found.datasets, limit=0),
        picture_of={
            count.dataset.id: find_picture_address(count.dataset, 0) is not None
            for count in (found.first, found.second)
        },
        origin_of={count.dataset.id: count.dataset.origin for count in (found.first, found.second)},
        shown_max=SHOWN_MAX,
    )


@router.get("/datasets/{dataset_id}/compare/{other_dataset_id}", dependencies=[Reads])
def compare_datasets_page(
    dataset_id: UUID, other_dataset_id: UUID, session: Session, files: Files, caller: Caller
) -> HTMLResponse:
    """Show what differs between two datasets."""
    first, second = (dataset_service.get(session, each) for each in (dataset_id, other_dataset_id))
    found = compare_datasets(session, files, first, second)
    return pages.render_page(
        "compare_datasets.html",
        caller=caller,
        found=render_dataset_comparison(found, limit=2 * SHOWN_MAX),
        has_pictures=find_picture_address(first, 0) is not None,
    )
