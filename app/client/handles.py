"""Datasets and audits as objects that know their service."""

import base64
import html
import io
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, Literal, Self, cast

from app.client.answer_types import AuditAnswer, DatasetAnswer, Json, OnAnswer, Suspect
from app.client.client_errors import ClientError
from app.client.operations import Service
from app.client.progress_bars import describe_ingestion, describe_training, show_text_bar
from app.exports.registry import EXPORTS, Scope

PAGE = 500
Verdict = Literal["keep", "relabel", "drop", "unsure"]
SHOWN_IN_NOTEBOOKS = 24


class Handle:
    """An object of the service, as it was last answered."""

    def __init__(self, service: Service, answer: Json) -> None:
        self._service, self.document = service, answer

    def __getitem__(self, field: str) -> Any:  # noqa: ANN401 - a JSON value
        """Return a field of the last answer."""
        return self.document[field]

    @property
    def id(self) -> str:
        """Return the id."""
        return str(self.document["id"])

    @property
    def name(self) -> str:
        """Return the name."""
        return str(self.document["name"])

    @property
    def status(self) -> str:
        """Return the status as it was last answered; `refresh` asks anew."""
        return str(self.document["status"])

    def _export(self, scope: Scope, name: str, target: str | Path, params: Json) -> Path:
        if name not in (names := [export.name for export in EXPORTS if export.scope == scope]):
            raise ClientError(f"expected an export of {scope} among {', '.join(names)}; found {name!r}")
        return self._service.download(f"/v1/{scope}s/{self.id}/exports/{name}", Path(target), **params)


class Dataset(Handle):
    """An uploaded dataset."""

    def __repr__(self) -> str:
        size = "" if self["sample_count"] is None else f", {self['sample_count']} samples"
        return f"<Dataset {self.name!r}, {self.status}{size}, {self.id}>"

    @property
    def answer(self) -> DatasetAnswer:
        """Return the last answer."""
        return cast("DatasetAnswer", self.document)

    def refresh(self) -> Self:
        """Ask the service anew."""
        self.document = self._service.get(f"/v1/datasets/{self.id}")
        return self

    def wait(
        self, *, progress: bool = True, on_answer: OnAnswer | None = None, timeout: float | None = None
    ) -> Self:
        """Wait until the dataset is ready.

        Raises:
            ClientError: it was rejected.
            TimeoutError: not within so many seconds.

        """
        with show_text_bar("ingest", wanted=progress and on_answer is None) as bar:
            show = on_answer or (lambda answer: bar.show(*describe_ingestion(answer)))
            self.document = self._service.wait_for_dataset(self.id, on_answer=show, timeout=timeout)
        return self

    def problems(self) -> Iterator[Json]:
        """Iterate over what ingestion left out or noticed."""
        return self._service.pages(f"/v1/datasets/{self.id}/problems", limit=PAGE)

    def attach_truth(self, file: str | Path) -> Json:
        """Attach clean labels: a CSV with `true_label` and `key` or `position`."""
        return self._service.attach_truth(self.id, Path(file))

    def reviews(self, *, verdict: Verdict | None = None) -> Iterator[Json]:
        """Iterate over people's verdicts in order of position."""
        asked = {} if verdict is None else {"verdict": verdict}
        return self._service.pages(f"/v1/datasets/{self.id}/reviews", limit=PAGE, **asked)

    def export(self, what: str, target: str | Path = ".", **params: object) -> Path:
        """Download an export of the reviewed dataset, to a file or into a folder.

        Args:
            what: a name in `app.exports.registry`: `labels.csv`, `drops.csv`, or `dataset`, the cleaned
                dataset in the format of its upload.
            target: a file, or a folder in which it gets the service's name for it.
            **params: the export's parameters: `audit_id` and `issues` (keep, relabel or drop what that audit
                flags and nobody has reviewed); for `dataset` also `format="npz"`.

        Raises:
            ClientError: there is no export of this name, or the service refused it.

        """
        return self._export("dataset", what, target, params)

    def audit(self, *, name: str | None = None, **configuration: object) -> "Audit":
        """Start an audit, once the dataset is ready; what is left out is chosen by the service."""
        if self.status != "ready":
            self.wait()
        return Audit(self._service, self._service.start_audit(self.id, name=name, **configuration))

    def delete(self) -> None:
        """Delete the dataset; its audits must have gone before."""
        self._service.delete(f"/v1/datasets/{self.id}")


class Audit(Handle):
    """One audit of one dataset."""

    def __repr__(self) -> str:
        return f"<Audit {self.name!r}, {self.status}, {self['fraction']:.0%}, {self.id}>"

    @property
    def answer(self) -> AuditAnswer:
        """Return the last answer."""
        return cast("AuditAnswer", self.document)

    @property
    def summary(self) -> Json:
        """Return the figures that need no truth.

        Raises:
            ClientError: the audit has not succeeded.

        """
        if self.document["summary"] is None:
            raise ClientError(f"a summary needs an audit that has succeeded, this one is {self.status}")
        return dict(self.document["summary"])

    def refresh(self) -> Self:
        """Ask the service anew."""
        self.document = self._service.get(f"/v1/audits/{self.id}")
        return self

    def wait(
        self, *, progress: bool = True, on_answer: OnAnswer | None = None, timeout: float | None = None
    ) -> Self:
        """Wait until the audit has succeeded.

        Raises:
            ClientError: it failed or was cancelled.
            TimeoutError: not within so many seconds; it goes on all the same.

        """
        with show_text_bar("audit", wanted=progress and on_answer is None) as bar:
            show = on_answer or (lambda answer: bar.show(*describe_training(answer)))
            self.document = self._service.wait_for_audit(self.id, on_answer=show, timeout=timeout)
        return self

    def suspects(self, **filters: object) -> "Suspects":
        """Return the ranking, the most suspicious first; while the audit trains, its provisional head.

        Filters are those of the API: given_label, suggested_label, min_distance, max_distance, ...
        """
        return Suspects(self._service, self.id, filters)

    def metrics(self) -> Json:
        """Return ROC, PR and precision at k; needs truth."""
        return dict(self._service.get(f"/v1/audits/{self.id}/metrics"))

    def epochs(self) -> list[Json]:
        """Return losses and accuracies of every run."""
        return list(self._service.get(f"/v1/audits/{self.id}/epochs"))

    def download(self, target: str | Path) -> Path:
        """Download the whole ranking to a .csv or .parquet file."""
        path = Path(target)
        return self._service.download(f"/v1/audits/{self.id}/ranking{path.suffix}", path)

    def export(self, what: str, target: str | Path = ".", **params: object) -> Path:
        """Download an export of the audit, to a file or into a folder.

        Args:
            what: a name in `app.exports.registry`: `report.html`, `cleanlab.npz`, ...
            target: a file, or a folder in which it gets the service's name for it.
            **params: the export's parameters.

        Raises:
            ClientError: there is no export of this name, or the service refused it.

        """
        return self._export("audit", what, target, params)

    def review(self, verdicts: Sequence[Json], *, reviewer: str | None = None) -> list[Json]:
        """Save verdicts: objects with position, verdict (keep, relabel, drop, unsure) and label of relabel.

        Returns:
            those that were not saved, because somebody has reviewed the sample meanwhile; to overrule a
            verdict, name its `version`.

        """
        conflicts: list[Json] = []
        for start in range(0, len(verdicts), PAGE):
            part = list(verdicts[start : start + PAGE])
            body = {"reviews": part, "audit_id": self.id, "reviewer": reviewer}
            answer = self._service.post(f"/v1/datasets/{self['dataset_id']}/reviews", body)
            conflicts += answer["conflicts"]
        return conflicts

    def review_progress(self) -> Json:
        """Return how far the review has come, and whether going on is worth it."""
        return dict(self._service.get(f"/v1/audits/{self.id}/review-progress"))

    def cancel(self) -> Self:
        """Cancel the audit."""
        self.document = self._service.post(f"/v1/audits/{self.id}/cancel")
        return self

    def delete(self) -> None:
        """Delete the audit, which must have ended."""
        self._service.delete(f"/v1/audits/{self.id}")


class Suspects:
    """A ranking, read page by page as it is iterated over."""

    def __init__(self, service: Service, audit_id: str, filters: Json) -> None:
        self._service, self._audit_id, self._filters = service, audit_id, filters

    def __iter__(self) -> Iterator[Suspect]:
        """Iterate over all, the most suspicious first."""
        return self._read(PAGE)

    def first(self, count: int) -> list[Suspect]:
        """Return the most suspicious few."""
        return list(islice(self._read(min(count, PAGE)), count))

    def frame(self, count: int | None = None) -> Any:  # noqa: ANN401 - pandas is the caller's own
        """Return the first so many, or all, as a pandas DataFrame."""
        import pandas as pd  # noqa: PLC0415 - only who asks for a frame needs it

        rows = list(self) if count is None else self.first(count)
        return pd.DataFrame(rows).drop(columns="suggestions", errors="ignore")

    def image(self, suspect: Suspect) -> bytes:
        """Return a suspect's picture as PNG.

        Raises:
            ClientError: it is a row of features.

        """
        if suspect["image_url"] is None:
            raise ClientError("a row of features has no picture")
        return self._service.image(suspect["image_url"])

    def _read(self, page: int) -> Iterator[Suspect]:
        found = self._service.suspects(self._audit_id, **{"limit": page, **self._filters})
        return cast("Iterator[Suspect]", found)

    def _repr_html_(self) -> str:
        """Show the most suspicious in a notebook, with their pictures."""
        text = io.StringIO()
        text.write('<div style="display:flex;flex-wrap:wrap;gap:8px">')
        for suspect in self.first(SHOWN_IN_NOTEBOOKS):
            picture = "" if suspect["image_url"] is None else _picture(self.image(suspect))
            labels = html.escape(f"{suspect['given_label']} → {suspect['suggested_label']}")
            title = html.escape(f"{suspect['rank']}: {suspect['key']}", quote=True)
            text.write(
                f'<figure style="margin:0;text-align:center" title="{title}">{picture}'
                f"<figcaption>{labels}</figcaption></figure>"
            )
        text.write("</div>")
        return text.getvalue()


def _picture(png: bytes) -> str:
    data = base64.b64encode(png).decode()
    style = "height:72px;image-rendering:pixelated"
    return f'<img style="{style}" alt="" src="data:image/png;base64,{data}">'
