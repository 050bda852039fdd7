"""The paper's figures of an audit over HTTP: as JSON for Plotly, and as PNG or SVG."""

from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Response
from sqlalchemy.orm import Session as OrmSession

from app.audits import audit_service
from app.datasets import dataset_service
from app.figures import audit_figures
from app.figures.audit_figures import MAKERS, Wanted
from app.infra.storage import Storage
from app.kinds.shown_kinds import find_position, find_shown_kind
from app.routes.shared.dependencies import Files, Opened, Reads, Session
from app.schemas.result_schemas import FigureLink
from app.tables import Dataset

router = APIRouter(prefix="/v1/audits/{audit_id}/figures", tags=["figures"], dependencies=[Reads])
Name = Literal[
    "accuracy", "distances", "gradient_norms", "roc", "confusing", "bound", "information", "comparison"
]
MEDIA_TYPES = {"png": "image/png", "svg": "image/svg+xml"}


def wanted(
    compared: Annotated[
        Literal["test_accuracy", "validation_accuracy", "training_accuracy", "roc_auc", "average_precision"]
        | None,
        Query(description="of the figure `comparison`: what is compared"),
    ] = None,
    columns: Annotated[int, Query(ge=1, le=20, description="of `confusing`: samples per class")] = 8,
) -> Wanted:
    """Return what is asked of a figure."""
    return Wanted(compared=compared, columns=columns)


Asked = Annotated[Wanted, Depends(wanted)]


@router.get("")
def list_figures(audit_id: UUID, session: Session) -> list[FigureLink]:
    """List the figures that the audit has by now."""
    audit = audit_service.get(session, audit_id)
    dataset = dataset_service.get(session, audit.dataset_id)
    base = f"/v1/audits/{audit_id}/figures"
    return [
        FigureLink(
            name=name,
            title=MAKERS[name][0],
            plotly_url=f"{base}/{name}",
            png_url=f"{base}/{name}.png",
            svg_url=f"{base}/{name}.svg",
        )
        for name in audit_figures.names(session, audit, dataset)
    ]


@router.get(
    "/{name}.{kind}",
    response_class=Response,
    responses={200: {"content": {name: {} for name in MEDIA_TYPES.values()}}},
)
def draw_figure(
    audit_id: UUID, name: Name, kind: Literal["png", "svg"], opened: Opened, files: Files, asked: Asked
) -> Response:
    """Return a figure as an image file."""
    from app.figures import matplotlib_drawer  # noqa: PLC0415 - matplotlib takes a second to load, and few ask for it

    with opened.transaction() as session:
        dataset, figure = _figure(session, audit_id, name, asked)
    drawn = matplotlib_drawer.draw(figure, kind, _pictures(files, dataset, figure))
    return Response(drawn, media_type=MEDIA_TYPES[kind], headers={"X-Content-Type-Options": "nosniff"})


@router.get("/{name}")
def read_figure(audit_id: UUID, name: Name, session: Session, asked: Asked) -> dict[str, Any]:
    """Return a figure's data and layout, as Plotly draws them."""
    return _figure(session, audit_id, name, asked)[1]


def _figure(session: OrmSession, audit_id: UUID, name: str, asked: Wanted) -> tuple[Dataset, dict[str, Any]]:
    audit = audit_service.get(session, audit_id)
    dataset = dataset_service.get(session, audit.dataset_id)
    return dataset, audit_figures.figure(session, audit, dataset, name, asked)


def _pictures(files: Storage, dataset: Dataset, figure: dict[str, Any]) -> dict[str, bytes]:
    """Return the pictures that a figure shows, by their addresses."""
    draw = find_shown_kind(dataset).open_pictures(files, dataset, side_min=None)
    if draw is None:
        return {}
    addresses = [image["source"] for image in figure["layout"].get("images", ())]
    return {address: draw(find_position(address)) for address in addresses}
