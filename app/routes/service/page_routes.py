"""Routes of the web pages. Pages show the API's answers; their scripts call the API like any client."""

from collections.abc import Callable, Coroutine, Sequence
from typing import Annotated, Any, Literal
from urllib.parse import quote
from uuid import UUID

from fastapi import APIRouter, Query, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, RedirectResponse
from fastapi.routing import APIRoute

from app.audits import audit_lists, audit_service
from app.datasets import dataset_service, sample_dataset, stored_consensus
from app.exports.registry import EXPORTS, Export
from app.http import cursors
from app.http.outages import describe_outage
from app.infra.database import UNAVAILABLE
from app.infra.errors import ApiError, NotFound, Unauthorised
from app.kinds.shown_kinds import describe_dataset
from app.label_sets import class_views
from app.reviews import random_checks, verdicts
from app.routes.datasets.annotator_routes import describe_consensus
from app.routes.shared.dependencies import Caller, Files, Reads, ServiceSettings, Session
from app.routes.shared.rendering import render_audits, render_dataset, render_datasets
from app.schemas.datasets.dataset_schemas import DatasetOut
from app.tables import Audit, AuditStatus, Dataset
from app.versions import carried_verdicts, lineage
from app.web import audit_form as forms
from app.web import pages
from app.web.api_operations import list_operations
from app.web.understood_facts import describe_notes, describe_understanding, list_reading_options
from models.catalogue.upload_formats import BOX_FORMATS

Handler = Callable[[Request], Coroutine[Any, Any, Response]]
PAGE_ROWS = 50
OTHER_THAN_PAGES = ("/v1/", "/static/", "/openapi.json")
PROBLEMS_MAX = 100
COMPARABLE_MAX = 20


class PageRoute(APIRoute):
    """Renders errors as pages, and redirects people who are not logged in to the login page."""

    def get_route_handler(self) -> Handler:
        """Return the handler, with errors rendered as pages."""
        handle = super().get_route_handler()

        async def render_errors(request: Request) -> Response:
            try:
                return await handle(request)
            except Unauthorised:
                address = request.url.path + (f"?{request.url.query}" if request.url.query else "")
                return RedirectResponse(f"/login?next={quote(address, safe='')}", status_code=303)
            except RequestValidationError:
                return render_missing_page()
            except ApiError as error:
                return _render_error(error)
            except UNAVAILABLE as error:
                return _render_error(describe_outage(error))

        return render_errors


def _render_error(error: ApiError) -> HTMLResponse:
    page = pages.render_page("error.html", status=error.status, error=error.build_document(), caller=None)
    page.headers.update(error.headers)
    return page


def is_for_a_browser(request: Request) -> bool:
    """Return whether a person asks for a page: a browser says so, and the API's answers are never pages."""
    is_page = not request.url.path.startswith(OTHER_THAN_PAGES)
    return is_page and request.method == "GET" and "text/html" in request.headers.get("accept", "")


def render_missing_page() -> HTMLResponse:
    """Return the page that says that there is no such page."""
    return _render_error(NotFound("there is no such page"))


router = APIRouter(route_class=PageRoute, include_in_schema=False)
Cursor = Annotated[str | None, Query(max_length=500)]


@router.get("/", dependencies=[Reads])
def datasets_page(
    session: Session, settings: ServiceSettings, caller: Caller, cursor: Cursor = None
) -> HTMLResponse:
    """Show the list of datasets and the upload form."""
    before = cursors.decode(cursor, UUID)
    rows = dataset_service.list_datasets(session, before=before[0] if before else None, limit=PAGE_ROWS + 1)
    page = rows[:PAGE_ROWS]
    return pages.render_page(
        "datasets.html",
        caller=caller,
        datasets=_group_versions(render_datasets(session, page)),
        next_cursor=cursors.encode(page[-1].dataset.id) if len(rows) > PAGE_ROWS else None,
        has_sample=not rows and before is None and sample_dataset.find_digits() is not None,
        wrong_in_sample=sample_dataset.WRONG,
        upload_max_bytes=settings.upload_max_bytes,
        options=list_reading_options({}),
    )


def _group_versions(datasets: list[DatasetOut]) -> list[DatasetOut]:
    """Put the versions of a dataset together, the newest of all first."""
    place: dict[UUID, int] = {}
    for dataset in datasets:
        place.setdefault(dataset.lineage.root_id, len(place))
    return sorted(datasets, key=lambda each: (place[each.lineage.root_id], -each.lineage.version))


@router.get("/sample-dataset.zip", dependencies=[Reads])
def download_sample_dataset() -> Response:
    """Return a dataset to try the service with; the page uploads it like any other file."""
    file = sample_dataset.find_digits()
    if file is None:
        raise NotFound("the sample dataset needs scikit-learn, which is not installed beside this service")
    return Response(sample_dataset.write_archive(file), media_type="application/zip")


@router.get("/datasets/{dataset_id}", dependencies=[Reads])
def dataset_page(dataset_id: UUID, session: Session, caller: Caller) -> HTMLResponse:
    """Show a dataset: its detected properties, problems, classes, samples and audits."""
    dataset = dataset_service.get(session, dataset_id)
    audits = audit_lists.list_audits(session, before=None, limit=PAGE_ROWS, dataset_id=dataset_id)
    return pages.render_page(
        "dataset.html",
        caller=caller,
        dataset=render_dataset(dataset, dataset_service.list_files(session, [dataset_id])[dataset_id]),
        appearance=describe_dataset(dataset),
        understanding=describe_understanding((dataset.statistics or {}).get("understood", {})),
        notes=describe_notes((dataset.statistics or {}).get("understood", {})),
        options=list_reading_options(dataset.options),
        problems=dataset_service.list_problems(session, dataset_id, after=-1, limit=PROBLEMS_MAX),
        audits=render_audits(session, audits),
        rehearsals=_list_rehearsals(audits),
        exports=list_exports(dataset),
        versions=lineage.list_versions(session, dataset),
        verdicts=verdicts.count_reviews(session, dataset),
        repeatable=lineage.find_repeatable(session, dataset),
    )


@router.get("/datasets/{dataset_id}/annotators", dependencies=[Reads])
def annotators_page(dataset_id: UUID, session: Session, files: Files, caller: Caller) -> HTMLResponse:
    """Show the annotators of a dataset, their consensus, and where to ask again."""
    dataset = dataset_service.get(session, dataset_id)
    dataset_service.require_ready(dataset)
    is_ready = stored_consensus.find_state(dataset) == "ready"
    return pages.render_page(
        "annotators.html",
        caller=caller,
        dataset=render_dataset(dataset, []),
        consensus=None if dataset.annotators is None else describe_consensus(session, dataset),
        ready=is_ready,
        annotators=stored_consensus.list_annotators(files, dataset, limit=PAGE_ROWS) if is_ready else [],
        ask_again=stored_consensus.list_ask_again(files, dataset, limit=PAGE_ROWS) if is_ready else [],
    )


@router.get("/datasets/{dataset_id}/label-sets", dependencies=[Reads])
def label_sets_page(dataset_id: UUID, session: Session, caller: Caller) -> HTMLResponse:
    """Show the classes of a dataset whose samples have several labels, and its samples to decide."""
    dataset = dataset_service.get(session, dataset_id)
    class_views.require_sets(dataset)
    return pages.render_page("label_sets.html", caller=caller, dataset=render_dataset(dataset, []))


@router.get("/audits", dependencies=[Reads])
def audits_page(
    session: Session,
    caller: Caller,
    cursor: Cursor = None,
    text: Annotated[str, Query(alias="q", max_length=200)] = "",
    status: AuditStatus | Literal[""] = "",
) -> HTMLResponse:
    """Show the list of audits, or those with a text in their name or their dataset's, or with a status."""
    before = cursors.decode(cursor, UUID)
    rows = audit_lists.list_audits(
        session,
        before=before[0] if before else None,
        limit=PAGE_ROWS + 1,
        dataset_id=None,
        text=text.strip() or None,
        status=status or None,
    )
    page = rows[:PAGE_ROWS]
    return pages.render_page(
        "audits.html",
        caller=caller,
        audits=render_audits(session, page),
        rehearsals=_list_rehearsals(page),
        names=dataset_service.find_names(session, {audit.dataset_id for audit in page}),
        text=text,
        chosen_status=status,
        statuses=list(AuditStatus),
        next_cursor=cursors.encode(page[-1].id) if len(rows) > PAGE_ROWS else None,
    )


def list_exports(dataset: Dataset) -> list[Export]:
    """Return the exports that a dataset can have."""
    has_consensus = stored_consensus.find_state(dataset) == "ready"
    has_boxes = dataset.format in BOX_FORMATS
    fitting = [export for export in EXPORTS if has_consensus or not export.needs_annotators]
    return [export for export in fitting if has_boxes or not export.needs_boxes]


def _list_rehearsals(audits: Sequence[Audit]) -> set[UUID]:
    return {audit.id for audit in audits if audit.is_rehearsal}


@router.get("/audits/new", dependencies=[Reads])
def audit_form(dataset: UUID, session: Session, caller: Caller) -> HTMLResponse:
    """Show the form of a new audit."""
    ready_dataset = dataset_service.get(session, dataset)
    dataset_service.require_ready(ready_dataset)
    return pages.render_page(
        "audit_new.html",
        caller=caller,
        dataset=render_dataset(ready_dataset, []),
        notes=describe_notes((ready_dataset.statistics or {}).get("understood", {})),
        methods=forms.list_methods(has_probabilities=ready_dataset.probabilities is not None),
        options=forms.list_options(),
    )


@router.get("/audits/{audit_id}", dependencies=[Reads])
def audit_page(audit_id: UUID, session: Session, caller: Caller) -> HTMLResponse:
    """Show an audit: its progress, and its results after it has succeeded."""
    audit = audit_service.get(session, audit_id)
    dataset = dataset_service.get(session, audit.dataset_id)
    (answer,) = render_audits(session, [audit])
    template = "audit_result.html" if audit.status == AuditStatus.SUCCEEDED else "audit_live.html"
    return pages.render_page(
        template,
        caller=caller,
        audit=answer,
        is_rehearsal=audit.is_rehearsal,
        has_features=any(run.is_chosen and run.encoder and run.encoder.name for run in answer.runs),
        dataset=render_dataset(dataset, []),
        appearance=describe_dataset(dataset),
        exports=list_exports(dataset),
        comparable=_list_comparable(session, audit, dataset),
        unsure=carried_verdicts.count_unsure(session, dataset),
        later=[each for each in lineage.list_versions(session, dataset) if each.parent_id == dataset.id],
    )


def _list_comparable(session: Session, audit: Audit, dataset: Dataset) -> list[tuple[Audit, Dataset]]:
    """Return the other audits of a dataset and its versions that an audit can be compared with."""
    if audit.status != AuditStatus.SUCCEEDED or audit.is_rehearsal:
        return []
    others = lineage.list_finished_audits(session, dataset)
    return [(other, version) for other, version in others if other.id != audit.id][:COMPARABLE_MAX]


@router.get("/audits/{audit_id}/review", dependencies=[Reads])
def review_page(audit_id: UUID, session: Session, caller: Caller) -> Response:
    """Show the review of an audit's suspects."""
    audit = audit_service.get(session, audit_id)
    if audit.status != AuditStatus.SUCCEEDED or audit.is_rehearsal:
        return RedirectResponse(f"/audits/{audit_id}", status_code=303)
    dataset = dataset_service.get(session, audit.dataset_id)
    (answer,) = render_audits(session, [audit])
    return pages.render_page(
        "review.html",
        caller=caller,
        audit=answer,
        dataset=render_dataset(dataset, []),
        appearance=describe_dataset(dataset),
    )


@router.get("/audits/{audit_id}/map", dependencies=[Reads])
def map_page(audit_id: UUID, session: Session, caller: Caller) -> Response:
    """Show the map of an audit's samples."""
    audit = audit_service.get(session, audit_id)
    if audit.status != AuditStatus.SUCCEEDED or audit.is_rehearsal:
        return RedirectResponse(f"/audits/{audit_id}", status_code=303)
    dataset = dataset_service.get(session, audit.dataset_id)
    return pages.render_page("map.html", caller=caller, audit=audit, dataset=render_dataset(dataset, []))


@router.get("/audits/{audit_id}/check", dependencies=[Reads])
def check_page(audit_id: UUID, session: Session, caller: Caller) -> Response:
    """Show the random check of an audit's samples."""
    audit = audit_service.get(session, audit_id)
    if audit.status != AuditStatus.SUCCEEDED or audit.is_rehearsal:
        return RedirectResponse(f"/audits/{audit_id}", status_code=303)
    dataset = dataset_service.get(session, audit.dataset_id)
    return pages.render_page(
        "check.html",
        caller=caller,
        is_begun=random_checks.find_checks(session.connection(), audit_id) is not None,
        audit=audit,
        dataset=render_dataset(dataset, []),
        appearance=describe_dataset(dataset),
    )


@router.get("/audits/{audit_id}/people", dependencies=[Reads])
def people_page(audit_id: UUID, session: Session, caller: Caller) -> Response:
    """Show who reviews an audit, what they disagree about, and how far they agree."""
    audit = audit_service.get(session, audit_id)
    if audit.status != AuditStatus.SUCCEEDED or audit.is_rehearsal:
        return RedirectResponse(f"/audits/{audit_id}", status_code=303)
    dataset = dataset_service.get(session, audit.dataset_id)
    return pages.render_page("people.html", caller=caller, audit=audit, dataset=render_dataset(dataset, []))


@router.get("/docs", dependencies=[Reads])
def api_page(request: Request, caller: Caller) -> HTMLResponse:
    """Show the operations of the API."""
    document = request.app.openapi()
    return pages.render_page(
        "api.html", caller=caller, api=document["info"], groups=list_operations(document)
    )


@router.get("/login")
def login_page(next_page: Annotated[str, Query(alias="next", max_length=2000)] = "/") -> HTMLResponse:
    """Show the login form."""
    return pages.render_page("login.html", caller=None, next_page=next_page)
