"""Routes of exports: one for each entry of the registry; the file is streamed while it is written."""

from collections.abc import Callable, Coroutine
from dataclasses import replace
from functools import partial
from inspect import Parameter as Argument
from inspect import Signature
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query, Request
from fastapi.responses import StreamingResponse
from sqlalchemy import select
from starlette.concurrency import run_in_threadpool

from app.audits import audit_service
from app.datasets import dataset_service
from app.exports.audit_source import open_audit
from app.exports.final_labels import Decisions, decide_labels
from app.exports.registry import EXPORTS, Export, Issues, Parameter
from app.http.slow_work import RunSlowly, run_apart, run_elsewhere, run_slowly
from app.infra.database import Database
from app.infra.settings import Settings
from app.infra.storage import Storage
from app.places.originals import open_originals
from app.routes.shared.dependencies import CallerDatabase, Files, Reads, ServiceSettings
from app.routes.shared.downloads import Download, Downloads, begin_download, respond_download
from app.routes.shared.file_responses import describe_content
from app.tables import Audit, Dataset

router = APIRouter(prefix="/v1", tags=["exports"])


def _add_route(export: Export) -> None:
    router.add_api_route(
        f"/{export.scope}s/{{{export.scope}_id}}/exports/{export.name}",
        _make_endpoint(export),
        name=export.operation,
        description=export.description,
        dependencies=[Reads, Downloads],
        response_class=StreamingResponse,
        responses={200: {"content": describe_content(*export.media_types)}},
    )


def _make_endpoint(export: Export) -> Callable[..., Coroutine[Any, Any, StreamingResponse]]:
    """Return the route's function, with the export's parameters in its signature."""
    answer = _export_dataset if export.scope == "dataset" else _export_audit

    async def answer_export(**arguments: Any) -> StreamingResponse:  # noqa: ANN401 - the signature below has them
        database, identifier = arguments["database"], arguments[f"{export.scope}_id"]
        run = await run_in_threadpool(_choose_threads, database, export.scope, identifier)
        begun = await run(database.workspace_id, partial(answer, export, **arguments))
        return respond_download(begun, run, database.workspace_id)

    common = {
        f"{export.scope}_id": UUID,
        "database": CallerDatabase,
        "files": Files,
        "settings": ServiceSettings,
        "request": Request,
    }
    arguments = [Argument(name, Argument.KEYWORD_ONLY, annotation=kind) for name, kind in common.items()]
    arguments += [_make_argument(parameter) for parameter in export.all_parameters]
    answer_export.__signature__ = Signature(arguments)  # type: ignore[attr-defined]  # FastAPI reads it
    return answer_export


def _choose_threads(database: Database, scope: str, identifier: UUID) -> RunSlowly:
    """Return what runs an export: of files that lie on other people's servers, of Parquet, of others."""
    found = select(Dataset.place.is_not(None), Dataset.format)
    if scope == "audit":
        found = found.join(Audit, Audit.dataset_id == Dataset.id).where(Audit.id == identifier)
    else:
        found = found.where(Dataset.id == identifier)
    with database.transaction() as session:
        lies_elsewhere, kind = session.execute(found).one_or_none() or (False, None)
    if lies_elsewhere:
        return run_elsewhere
    is_rewritten = scope == "dataset" and str(kind).startswith("parquet")
    return run_apart if is_rewritten else run_slowly


def _make_argument(parameter: Parameter) -> Argument:
    query = Query(description=parameter.description, ge=parameter.minimum, le=parameter.maximum)
    annotation = Annotated[parameter.type, query]  # type: ignore[name-defined]  # a type known at run time only
    return Argument(parameter.name, Argument.KEYWORD_ONLY, default=parameter.default, annotation=annotation)


def _export_dataset(
    export: Export,
    *,
    dataset_id: UUID,
    database: Database,
    files: Storage,
    settings: Settings,
    request: Request,  # noqa: ARG001 - only exports of an audit use the service's address
    audit_id: UUID | None,
    issues: Issues,
    confirmed: bool,
    **parameters: Any,  # noqa: ANN401 - the registry has the types
) -> Download:
    decisions = _load_decisions(
        database, files, dataset_id, audit_id, issues, confirmed=confirmed, settings=settings
    )
    return begin_download(export.load_writer()(decisions, **parameters))


def _load_decisions(
    database: Database,
    files: Storage,
    dataset_id: UUID,
    audit_id: UUID | None,
    issues: Issues,
    *,
    confirmed: bool,
    settings: Settings,
) -> Decisions:
    with database.transaction() as session:
        dataset = dataset_service.get(session, dataset_id)
        audit = None if audit_id is None else audit_service.get(session, audit_id)
        found = decide_labels(session, files, dataset, audit=audit, issues=issues, confirmed=confirmed)
        return replace(
            found,
            originals=open_originals(session, files, dataset, settings),
            reserve_bytes=settings.upload_reserve_bytes,
        )


def _export_audit(
    export: Export,
    *,
    audit_id: UUID,
    database: Database,
    files: Storage,
    settings: Settings,
    request: Request,
    **parameters: Any,  # noqa: ANN401 - the registry has the types
) -> Download:
    source = open_audit(
        database,
        files,
        audit_id,
        base_url=str(request.base_url).rstrip("/"),
        signing_key=settings.record_signing_key,
    )
    return begin_download(export.load_writer()(source, **parameters))


for _export in EXPORTS:
    _add_route(_export)
