"""Routes of the paper's figures for an audit, as JSON for Plotly and as PNG or SVG."""

from typing import TYPE_CHECKING, Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Response
from sqlalchemy.orm import Session as OrmSession

from app.audits import audit_service
from app.datasets import dataset_service
from app.figures import audit_figures, plotly_drawer
from app.figures.audit_figures import COMPARED, MAKERS, FigureOptions
from app.figures.figure_data import Figure, Montage
from app.http.slow_work import run_slowly
from app.infra.storage import Storage
from app.kinds.shown_kinds import find_position, find_shown_kind
from app.routes.shared.dependencies import CallerDatabase, Files, Reads, Session
from app.routes.shared.file_responses import describe_content
from app.schemas.audits.result_schemas import FigureLink
from app.tables import Dataset

router = APIRouter(prefix="/v1/audits/{audit_id}/figures", tags=["figures"], dependencies=[Reads])
if TYPE_CHECKING:
    Name = str
    Compared = str
else:
    Name, Compared = Literal[tuple(MAKERS)], Literal[tuple(COMPARED)]
MEDIA_TYPES = {"png": "image/png", "svg": "image/svg+xml"}


def read_options(
    compared: Annotated[
        Compared | None,
        Query(description="for the figure `comparison`: the result to compare"),
    ] = None,
    columns: Annotated[
        int, Query(ge=1, le=20, description="for the figure `confusing`: samples per class")
    ] = 8,
) -> FigureOptions:
    """Return the options of a figure."""
    return FigureOptions(compared=compared, columns=columns)


Options = Annotated[FigureOptions, Depends(read_options)]


@router.get("")
def list_figures(audit_id: UUID, session: Session) -> list[FigureLink]:
    """List the figures available for the audit now."""
    audit = audit_service.get(session, audit_id)
    dataset = dataset_service.get(session, audit.dataset_id)
    base = f"/v1/audits/{audit_id}/figures"
    return [
        FigureLink(
            name=name,
            title=audit_figures.title_figure(session, audit, dataset, name),
            plotly_url=f"{base}/{name}",
            png_url=f"{base}/{name}.png",
            svg_url=f"{base}/{name}.svg",
        )
        for name in audit_figures.list_names(session, audit, dataset)
    ]


@router.get(
    "/{name}.{kind}",
    response_class=Response,
    responses={200: {"content": describe_content(*MEDIA_TYPES.values())}},
)
async def draw_figure(
    audit_id: UUID,
    name: Name,
    kind: Literal["png", "svg"],
    database: CallerDatabase,
    files: Files,
    options: Options,
) -> Response:
    """Return a figure as an image file."""

    def draw() -> bytes:
        from app.figures import matplotlib_drawer  # noqa: PLC0415 - takes a second, rarely needed

        with database.transaction() as session:
            dataset, figure = _make_figure(session, audit_id, name, options)
        return matplotlib_drawer.draw(figure, kind, _read_pictures(files, dataset, figure))

    content = await run_slowly(database.workspace_id, draw)
    return Response(content, media_type=MEDIA_TYPES[kind], headers={"X-Content-Type-Options": "nosniff"})


@router.get("/{name}")
async def read_figure(
    audit_id: UUID, name: Name, database: CallerDatabase, options: Options
) -> dict[str, Any]:
    """Return a figure as data and layout for Plotly."""

    def draw() -> dict[str, Any]:
        with database.transaction() as session:
            figure = _make_figure(session, audit_id, name, options)[1]
        return plotly_drawer.draw(figure)

    return await run_slowly(database.workspace_id, draw)


def _make_figure(
    session: OrmSession, audit_id: UUID, name: str, options: FigureOptions
) -> tuple[Dataset, Figure]:
    audit = audit_service.get(session, audit_id)
    dataset = dataset_service.get(session, audit.dataset_id)
    return dataset, audit_figures.make_figure(session, audit, dataset, name, options)


def _read_pictures(files: Storage, dataset: Dataset, figure: Figure) -> dict[str, bytes]:
    """Return the images of a montage by their addresses."""
    draw = find_shown_kind(dataset).open_pictures(files, dataset, side_min=None)
    if draw is None or not isinstance(figure, Montage):
        return {}
    addresses = [picture.address for _, pictures in figure.rows for picture in pictures]
    return {address: draw(find_position(address)) for address in addresses}
