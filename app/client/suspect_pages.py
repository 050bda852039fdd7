"""The ranking of an audit, fetched page by page as it is read."""

import base64
import html
import io
from collections.abc import Iterator
from itertools import islice
from typing import Any, cast

from app.client.handle import PAGE
from app.client.service.answer_types import Json, Suspect
from app.client.service.client_errors import ClientError
from app.client.service.operations import Service

NOTEBOOK_SUSPECTS = 24


class Suspects:
    """A ranking, read page by page during iteration."""

    def __init__(self, service: Service, audit_id: str, filters: Json) -> None:
        self._service, self._audit_id, self._filters = service, audit_id, filters

    def __repr__(self) -> str:
        chosen = "".join(f", {name}={value!r}" for name, value in self._filters.items())
        return f"<Suspects of the audit {self._audit_id}, the most suspicious first{chosen}>"

    def __iter__(self) -> Iterator[Suspect]:
        """Iterate over all suspects, the most suspicious first."""
        return self._read(PAGE)

    def first(self, count: int) -> list[Suspect]:
        """Return the `count` most suspicious samples."""
        return list(islice(self._read(min(count, PAGE)), count))

    def frame(self, count: int | None = None) -> Any:  # noqa: ANN401 - the caller installs pandas
        """Return the first `count` suspects, or all, as a pandas DataFrame."""
        import pandas as pd  # noqa: PLC0415 - only this method needs it

        rows = list(self) if count is None else self.first(count)
        return pd.DataFrame(rows).drop(columns="suggestions", errors="ignore")

    def image(self, suspect: Suspect) -> bytes:
        """Return a suspect's image as PNG.

        Raises:
            ClientError: the sample has no image.

        """
        if suspect["image_url"] is None:
            raise ClientError("this sample has no image")
        return self._service.image(suspect["image_url"])

    def _read(self, page: int) -> Iterator[Suspect]:
        rows = self._service.suspects(self._audit_id, **{"limit": page, **self._filters})
        return cast("Iterator[Suspect]", rows)

    def _repr_html_(self) -> str:
        """Show the most suspicious samples with their images in a notebook."""
        text = io.StringIO()
        text.write('<div style="display:flex;flex-wrap:wrap;gap:8px">')
        for suspect in self.first(NOTEBOOK_SUSPECTS):
            image = "" if suspect["image_url"] is None else _render_image(self.image(suspect))
            labels = html.escape(f"{suspect['given_label']} → {suspect['suggested_label']}")
            title = html.escape(f"{suspect['rank']}: {suspect['key']}", quote=True)
            text.write(
                f'<figure style="margin:0;text-align:center" title="{title}">{image}'
                f"<figcaption>{labels}</figcaption></figure>"
            )
        text.write("</div>")
        return text.getvalue()


def _render_image(png: bytes) -> str:
    data = base64.b64encode(png).decode()
    style = "height:72px;image-rendering:pixelated"
    return f'<img style="{style}" alt="" src="data:image/png;base64,{data}">'
