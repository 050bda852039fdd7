"""The route of a record with the operator's own statements; without any, the record is an export."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Request
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, Field, StringConstraints

from app.exports.audit_source import open_audit
from app.exports.registry import ZIP
from app.http.slow_work import run_slowly
from app.records.record_writer import write_stated_record
from app.routes.shared.dependencies import Administers, CallerDatabase, Files, ServiceSettings
from app.routes.shared.downloads import Download, Downloads, begin_download, respond_download
from app.routes.shared.file_responses import describe_content

router = APIRouter(prefix="/v1/audits", tags=["exports"])
FIELDS_MAX = 50
Statement = Annotated[str, StringConstraints(min_length=1, max_length=20_000)]


class RecordRequest(BaseModel):
    """What the operator states in a record."""

    statements: dict[str, Statement] = Field(
        max_length=FIELDS_MAX, description="by field of Article 10 or of a datasheet, such as `10(2)(b)`"
    )


@router.post(
    "/{audit_id}/record",
    dependencies=[Administers, Downloads],
    response_class=StreamingResponse,
    responses={200: {"content": describe_content(ZIP)}},
)
async def make_stated_record(
    audit_id: UUID,
    body: RecordRequest,
    database: CallerDatabase,
    files: Files,
    settings: ServiceSettings,
    request: Request,
) -> StreamingResponse:
    """Make the record of an audit with the operator's statements; for administrators: it may be signed."""

    def make() -> Download:
        source = open_audit(
            database,
            files,
            audit_id,
            base_url=str(request.base_url).rstrip("/"),
            signing_key=settings.record_signing_key,
        )
        return begin_download(write_stated_record(source, body.statements))

    begun = await run_slowly(database.workspace_id, make)
    return respond_download(begun, run_slowly, database.workspace_id)
