"""Static files below an address that changes with their content, so browsers can cache them forever."""

import hashlib
from functools import lru_cache
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path

from starlette.responses import FileResponse, Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

STATIC = Path(str(files("app.web"))) / "static"
IMMUTABLE = "public, max-age=31536000, immutable"


@lru_cache(maxsize=1)
def make_version() -> str:
    """Return a digest of all static files, which is part of their addresses."""
    digest = hashlib.sha256()
    for file in sorted(STATIC.iterdir()):
        digest.update(file.name.encode() + b"\0" + file.read_bytes())
    return digest.hexdigest()[:12]


def make_url(name: str) -> str:
    """Return the address of a static file."""
    return f"/static/{make_version()}/{name}"


@lru_cache(maxsize=1)
def find_plotly_script() -> Path:
    """Return the path of Plotly's script in its installed package, without importing the package."""
    spec = find_spec("plotly")
    if spec is None or spec.origin is None:
        raise FileNotFoundError("the package plotly is not installed")
    return Path(spec.origin).parent / "package_data" / "plotly.min.js"


class Assets(StaticFiles):
    """Serves the static files and Plotly's script below any version."""

    def __init__(self) -> None:
        super().__init__(directory=STATIC)

    async def get_response(self, path: str, scope: Scope) -> Response:
        """Return the file of the path `version/name`."""
        name = path.partition("/")[2]
        if name == "plotly.min.js":
            answer: Response = FileResponse(find_plotly_script(), media_type="text/javascript")
        else:
            answer = await super().get_response(name, scope)
        answer.headers["Cache-Control"] = IMMUTABLE
        return answer
