"""The API's document. It takes seconds to make and nobody needs a key, so it is made once, in a thread."""

import json
from threading import Lock

from fastapi import APIRouter, FastAPI, Request, Response

from app.http.slow_work import run_slowly

router = APIRouter(include_in_schema=False)
_making = Lock()


@router.api_route("/openapi.json", methods=["GET", "HEAD"])
async def read_document(request: Request) -> Response:
    """Return the OpenAPI document."""
    app: FastAPI = request.app
    content: bytes | None = getattr(app.state, "document", None)
    if content is None:
        content = await run_slowly(None, lambda: _make_document(app))
    return Response(content, media_type="application/json")


def _make_document(app: FastAPI) -> bytes:
    with _making:
        if not hasattr(app.state, "document"):
            app.state.document = json.dumps(app.openapi(), separators=(",", ":")).encode()
        content: bytes = app.state.document
        return content
