"""Datasets and audits as objects with methods that call their service."""

import base64
import html
import io
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, Literal, Self, cast

from app.client import class_audits
from app.client.progress_bars import describe_ingestion, describe_training, show_text_bar
from app.client.service.answer_types import AuditAnswer, DatasetAnswer, Json, OnAnswer, Suspect
from app.client.service.client_errors import ClientError
from app.client.service.operations import Service
from app.client.verdict_imports import import_label_studio
from app.exports.registry import EXPORTS, Scope

PAGE = 500
Verdict = Literal["keep", "relabel", "drop", "unsure"]
NOTEBOOK_SUSPECTS = 24


class Handle:
    """An object of the service, with its last answer."""

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
        """Return the status of the last answer; `refresh` fetches the current one."""
        return str(self.document["status"])

    def _export(self, scope: Scope, name: str, target: str | Path, params: Json) -> Path:
        found = _find_export(scope, name)
        return self._service.download(f"/v1/{scope}s/{self.id}/exports/{found}", Path(target), **params)


def _find_export(scope: Scope, name: str) -> str:
    """Return the name of an export, whose ending may be left out where one export alone has this beginning.

    Raises:
        ClientError: there is no such export of this scope.

    """
    names = [export.name for export in EXPORTS if export.scope == scope]
    found = [each for each in names if name in (each, each.rpartition(".")[0])]
    if len(found) == 1:
        return found[0]
    elsewhere = [export.scope for export in EXPORTS if export.scope != scope and export.name == name]
    hint = f"; {name!r} is an export of the {elsewhere[0]}" if elsewhere else ""
    raise ClientError(
        f"the first argument of {scope}.export says what to export: one of {', '.join(names)}; found"
        f" {name!r}{hint}. The second one is the file or folder to write"
    )


class Dataset(Handle):
    """An uploaded dataset."""

    def __repr__(self) -> str:
        size = "" if self["sample_count"] is None else f", {self['sample_count']:,} samples"
        classes = f" of {self['class_count']:,} classes" if self.document.get("class_count") else ""
        return f"<Dataset {self.name!r}, {self.status}{size}{classes}, {self.id}>"

    @property
    def answer(self) -> DatasetAnswer:
        """Return the last answer."""
        return cast("DatasetAnswer", self.document)

    def refresh(self) -> Self:
        """Fetch the current state from the service."""
        self.document = self._service.get(f"/v1/datasets/{self.id}")
        return self

    def wait(
        self, *, progress: bool = True, on_answer: OnAnswer | None = None, timeout: float | None = None
    ) -> Self:
        """Wait until the dataset is ready.

        Raises:
            ClientError: the dataset was rejected.
            TimeoutError: the dataset was not ready within `timeout` seconds.

        """
        with show_text_bar("ingest", enabled=progress and on_answer is None) as bar:
            show = on_answer or (lambda answer: bar.show(*describe_ingestion(answer)))
            self.document = self._service.wait_for_dataset(self.id, on_answer=show, timeout=timeout)
        return self

    def problems(self) -> Iterator[Json]:
        """Iterate over the problems that ingestion met: files left out, and warnings."""
        return self._service.pages(f"/v1/datasets/{self.id}/problems", limit=PAGE)

    def attach_truth(self, file: str | Path) -> Json:
        """Attach the correct labels: a CSV with `true_label` and `key` or `position`."""
        return self._service.attach_truth(self.id, Path(file))

    def attach_columns(self, file: str | Path) -> Json:
        """Attach your own columns, such as annotator or camera: a CSV with `key` or `position` and others."""
        return self._service.attach_columns(self.id, Path(file))

    def attach_annotations(self, file: str | Path, *, columns: Sequence[str] = ()) -> Json:
        """Attach the labels of several annotators; their consensus is formed then.

        Args:
            file: CSV or Parquet with `key` or `position`, and `annotator` and `label`, or a column for each.
            columns: of a wide table, those that are annotators; none: all that may be.

        """
        return self._service.attach_annotations(self.id, Path(file), columns=columns)

    def consensus(self, *, timeout: float | None = None) -> Json:
        """Wait for the annotators' consensus and return it; `export("consensus.csv")` has all samples."""
        return self._service.wait_for_consensus(self.id, timeout=timeout)

    def annotators(self) -> list[Json]:
        """Return the annotators with their quality, those with the most labels first; at most 500."""
        return list(self._service.get(f"/v1/datasets/{self.id}/annotators", limit=PAGE)["items"])

    def ask_again(self, count: int = 50) -> list[Json]:
        """Return the samples of which one more label is worth most, at most 500."""
        return list(self._service.get(f"/v1/datasets/{self.id}/ask-again", limit=count)["items"])

    def reviews(self, *, verdict: Verdict | None = None) -> Iterator[Json]:
        """Iterate over the reviewers' verdicts by position."""
        filters = {} if verdict is None else {"verdict": verdict}
        return self._service.pages(f"/v1/datasets/{self.id}/reviews", limit=PAGE, **filters)

    def export(self, what: str, target: str | Path = ".", **params: object) -> Path:
        """Download an export of the reviewed dataset to a file or into a folder.

        Args:
            what: a name in `app.exports.registry`: `labels.csv` (or `labels`), `drops.csv`, or `dataset`,
                the cleaned dataset in the format of its upload.
            target: a file, or a folder in which the service chooses the file name.
            **params: the export's parameters: `audit_id` and `issues` (keep, relabel or drop the samples
                that this audit flags and nobody has reviewed); for `dataset` also `format="npz"`.

        Raises:
            ClientError: there is no export of this name, or the service refused the request.

        """
        return self._export("dataset", what, target, params)

    def audit(self, *, name: str | None = None, **configuration: object) -> "Audit":
        """Wait until the dataset is ready, then start an audit; the service chooses omitted fields."""
        if self.status != "ready":
            self.wait()
        return Audit(self._service, self._service.start_audit(self.id, name=name, **configuration))

    def audit_classes(
        self, classes: Sequence[str] | None = None, *, progress: bool = True, **configuration: object
    ) -> list[Json]:
        """Audit each class of a dataset whose samples have several labels, and wait; return the classes.

        Args:
            classes: to audit; None: all that enough samples have, and enough do not.
            progress: show a bar on stderr.
            **configuration: of the audits; the service chooses omitted fields.

        """
        with show_text_bar("classes", enabled=progress) as bar:
            return class_audits.audit_classes(
                self._service,
                self.id,
                classes=classes,
                configuration=dict(configuration),
                on_answer=lambda listed: bar.show(*class_audits.describe_classes(listed)),
            )

    def label_sets(self) -> Iterator[Json]:
        """Iterate over samples with several labels, in order of the likeliest error among their labels."""
        return class_audits.iterate_label_sets(self._service, self.id)

    def estimate(self, **configuration: object) -> Json:
        """Return how long an audit would take now, and what Fast and Thorough would change; start nothing."""
        return self._service.estimate_audit(self.id, **configuration)

    def read_again(self, **options: object) -> "Dataset":
        """Read the uploaded files again with other options, as a new dataset; this one stays as it is."""
        return Dataset(self._service, self._service.post(f"/v1/datasets/{self.id}/readings", dict(options)))

    def sync(self, *, compare_only: bool = False) -> tuple[Json, "Dataset | None"]:
        """Compare a dataset that is read in place with its place, and read a new version if it differs.

        Args:
            compare_only: say what differs, and read nothing.

        Returns:
            the counts `new`, `changed`, `gone` and `unchanged` with examples, and the version that is read
            now; None: nothing differs, or it was only compared.

        Raises:
            ClientError: the dataset was uploaded, or its place cannot be listed.

        """
        chosen = "?compare_only=true" if compare_only else ""
        found = self._service.post(f"/v1/datasets/{self.id}/sync{chosen}")
        version = found.pop("version")
        return found, None if version is None else Dataset(self._service, version)

    def make_version(self, *, name: str | None = None, **choice: object) -> "Dataset":
        """Make the corrected version of this reviewed dataset, without an upload; call `wait()` on it.

        Args:
            name: of the version; by default this one's with the version's number.
            **choice: `issues` (keep, relabel or drop what an audit flags and nobody has reviewed),
                `audit_id` of that audit, and `confirmed=True`, as in exports.

        Raises:
            ClientError: nobody has relabelled or dropped a sample, or the service refused the request.

        """
        body = {"name": name, **choice}
        return Dataset(self._service, self._service.post(f"/v1/datasets/{self.id}/versions", body))

    def preview_version(self, **choice: object) -> Json:
        """Return what a version would be if it was made now, and what to beware of."""
        return dict(self._service.get(f"/v1/datasets/{self.id}/versions/preview", **choice))

    def versions(self) -> list[Json]:
        """Return all versions of this dataset, the first one first."""
        return list(self._service.get(f"/v1/datasets/{self.id}/versions")["items"])

    def compare(self, later: "Dataset", *, limit: int = 100) -> Json:
        """Return what differs between this dataset and a later one, by the content of their samples."""
        chosen = {"with": later.id, "limit": limit}
        return dict(self._service.get(f"/v1/datasets/{self.id}/comparison", **chosen))

    def set_parent(self, parent: "Dataset | None") -> Self:
        """Say that this dataset is a version of another with the same samples; None: of none."""
        body = {"parent_id": None if parent is None else parent.id}
        self.document = self._service.request("PUT", f"/v1/datasets/{self.id}/parent", json=body).json()
        return self

    @property
    def understood(self) -> Json:
        """Return how the upload was read and what was guessed; empty before it is ready."""
        return dict(self.document.get("understood") or {})

    def delete(self) -> None:
        """Delete the dataset; delete its audits first."""
        self._service.delete(f"/v1/datasets/{self.id}")


class Audit(Handle):
    """One audit of one dataset."""

    def __repr__(self) -> str:
        return f"<Audit {self.name!r}, {self._describe_state()}, {self.id}>"

    def _describe_state(self) -> str:
        """Return how far it is; at its end how many labels are wrong, where that may be claimed."""
        if self.status != "succeeded":
            return f"{self.status}, {self['fraction']:.0%}"
        summary = self.document["summary"] or {}
        estimate = summary.get("estimate") or {}
        if not estimate.get("may_claim"):
            return "succeeded, cannot tell yet how many labels are wrong"
        low, high = estimate["interval"]
        by_whom = f"; {summary['rests_on']}" if summary.get("checked") else ", not checked"
        return f"succeeded, {low:,.0f} to {high:,.0f} of {estimate['sample_count']:,} labels wrong{by_whom}"

    @property
    def answer(self) -> AuditAnswer:
        """Return the last answer."""
        return cast("AuditAnswer", self.document)

    @property
    def summary(self) -> Json:
        """Return the results that need no correct labels.

        Raises:
            ClientError: the audit has not succeeded.

        """
        if self.document["summary"] is None:
            raise ClientError(f"a summary needs an audit that has succeeded; this audit is {self.status}")
        return dict(self.document["summary"])

    def refresh(self) -> Self:
        """Fetch the current state from the service."""
        self.document = self._service.get(f"/v1/audits/{self.id}")
        return self

    def wait(
        self, *, progress: bool = True, on_answer: OnAnswer | None = None, timeout: float | None = None
    ) -> Self:
        """Wait until the audit has succeeded.

        Raises:
            ClientError: the audit failed or was cancelled.
            TimeoutError: the audit did not end within `timeout` seconds; it continues to run.

        """
        with show_text_bar("audit", enabled=progress and on_answer is None) as bar:
            show = on_answer or (lambda answer: bar.show(*describe_training(answer)))
            self.document = self._service.wait_for_audit(self.id, on_answer=show, timeout=timeout)
        return self

    def suspects(self, **filters: object) -> "Suspects":
        """Return the ranking, the most suspicious first; during training, the top of the provisional ranking.

        The filters are those of the API: given_label, suggested_label, min_distance, max_distance, ...
        """
        return Suspects(self._service, self.id, filters)

    def metrics(self) -> Json:
        """Return ROC, PR and precision at k; needs attached correct labels."""
        return dict(self._service.get(f"/v1/audits/{self.id}/metrics"))

    def error_sources(self) -> Json:
        """Return where the errors come from: each value of your own columns, compared with all others."""
        return dict(self._service.get(f"/v1/audits/{self.id}/error-sources"))

    def epochs(self) -> list[Json]:
        """Return the losses and accuracies of every run and epoch."""
        return list(self._service.get(f"/v1/audits/{self.id}/epochs"))

    def download(self, target: str | Path) -> Path:
        """Download the complete ranking to a .csv or .parquet file."""
        path = Path(target)
        return self._service.download(f"/v1/audits/{self.id}/ranking{path.suffix}", path)

    def export(self, what: str, target: str | Path = ".", **params: object) -> Path:
        """Download an export of the audit to a file or into a folder.

        Args:
            what: a name in `app.exports.registry`: `report.html` (or `report`), `cleanlab.npz`, ...
            target: a file, or a folder in which the service chooses the file name.
            **params: the export's parameters.

        Raises:
            ClientError: there is no export of this name, or the service refused the request.

        """
        return self._export("audit", what, target, params)

    def review(self, verdicts: Sequence[Json], *, reviewer: str | None = None) -> list[Json]:
        """Save verdicts: objects with position, verdict (keep, relabel, drop, unsure) and label for relabel.

        Returns:
            the verdicts that were not saved because somebody else reviewed the sample first; to overrule
            a verdict, send its `version`.

        """
        conflicts: list[Json] = []
        for start in range(0, len(verdicts), PAGE):
            part = list(verdicts[start : start + PAGE])
            body = {"reviews": part, "audit_id": self.id, "reviewer": reviewer}
            answer = self._service.post(f"/v1/datasets/{self['dataset_id']}/reviews", body)
            conflicts += answer["conflicts"]
        return conflicts

    def import_label_studio(
        self, file: str | Path, *, dry_run: bool = False, reviewer: str | None = None
    ) -> Json:
        """Save what annotators decided in Label Studio about the tasks of this audit's export.

        Args:
            file: Label Studio's export of type JSON.
            dry_run: only say what would be saved.
            reviewer: name for all verdicts; None: each annotator's own. With a key, the key's name is used.

        Returns:
            `saved` (`new` in a dry run), `already`, `undecided`; `conflicts` and `unknown` as sentences.

        Raises:
            ClientError: the file is no such export.

        """

        def save(verdicts: Sequence[Json], annotator: str) -> list[Json]:
            return self.review(verdicts, reviewer=reviewer or annotator)

        return import_label_studio(self._service, self["dataset_id"], Path(file), None if dry_run else save)

    def next_samples(
        self, count: int = 20, *, reviewer: str | None = None, held: Sequence[int] = ()
    ) -> list[Json]:
        """Return samples to review that nobody else is handed for some minutes, the most suspicious first.

        A share of them may be second opinions, if that is set; nothing tells which.

        Args:
            count: samples at most, 100 or fewer.
            reviewer: who asks; with a key, the key's name is used.
            held: positions that you have already and have not decided; they stay yours.

        """
        body = {"count": count, "held": list(held), "reviewer": reviewer}
        return list(self._service.post(f"/v1/audits/{self.id}/queue", body)["items"])

    def second_opinions(self, share: float | None = None, *, seed: int | None = None) -> Json:
        """Return which share of the reviewed samples a second person judges, or set it (0 to 1)."""
        address = f"/v1/audits/{self.id}/review-plan"
        if share is None:
            return dict(self._service.get(address))
        body = {"second_share": share, "seed": seed}
        return dict(self._service.request("PUT", address, json=body).json())

    def agreement(self) -> Json:
        """Return how far people agree who judged the same samples, with intervals."""
        return dict(self._service.get(f"/v1/audits/{self.id}/agreement"))

    def disagreements(self, state: str = "disputed") -> Iterator[Json]:
        """Iterate over samples that several people judged: disputed, agreed, unsure or settled.

        To settle one, `review` it with the `version` of its `review`.
        """
        return self._service.pages(f"/v1/audits/{self.id}/judged-twice", limit=PAGE, state=state)

    def add_note(self, position: int, text: str, *, reviewer: str | None = None) -> Json:
        """Write a note on a sample, 1,000 characters at most."""
        address = f"/v1/datasets/{self['dataset_id']}/samples/{position}/notes"
        return dict(self._service.post(address, {"text": text, "reviewer": reviewer}))

    def notes(self, position: int) -> list[Json]:
        """Return the notes on a sample, the oldest first."""
        return list(self._service.get(f"/v1/datasets/{self['dataset_id']}/samples/{position}/notes")["items"])

    def review_progress(self) -> Json:
        """Return the progress of the review, and whether more reviewing is worth it."""
        return dict(self._service.get(f"/v1/audits/{self.id}/review-progress"))

    def check(self, samples: int | None = None) -> Json:
        """Return how far the random checks of the audit have come.

        Args:
            samples: begin them, or extend them to this many in all; None: only return their state.

        Raises:
            ClientError: they were not begun.

        """
        address = f"/v1/audits/{self.id}/check"
        if samples is None:
            return dict(self._service.get(address))
        return dict(self._service.request("PUT", address, json={"samples": samples}).json())

    def samples_to_check(self, limit: int = PAGE) -> list[Json]:
        """Return the samples to check next, in random order; give the verdicts on them by `review`."""
        return list(self._service.get(f"/v1/audits/{self.id}/check/samples", limit=limit)["items"])

    def check_result(self) -> Json:
        """Return what the random checks say, by the verdicts that there are now.

        Raises:
            ClientError: too few of them are decided.

        """
        return dict(self._service.get(f"/v1/audits/{self.id}/check/result"))

    def again(self, dataset: Dataset | None = None, *, name: str | None = None) -> "Audit":
        """Start an audit with the same configuration; by default of the newest version of its dataset."""
        body = {"dataset_id": None if dataset is None else dataset.id, "name": name}
        return Audit(self._service, self._service.post(f"/v1/audits/{self.id}/again", body))

    def compare(self, later: "Audit", *, state: str | None = None, limit: int = 50) -> Json:
        """Return both counts with their intervals, and what became of the suspects.

        Args:
            later: the audit to compare this one with.
            state: only samples of this state: relabelled, dropped, added, new_suspect, cleared,
                still_suspect.
            limit: samples of each state.

        """
        chosen = {"with": later.id, "limit": limit, **({} if state is None else {"state": state})}
        return dict(self._service.get(f"/v1/audits/{self.id}/comparison", **chosen))

    def judge(self, *, baseline: "Audit | None" = None, **limits: object) -> Json:
        """Return what the audit comes to by limits: passed, failed or cannot_tell, with every check.

        Args:
            baseline: an earlier audit, to tell what is new.
            **limits: max_noise, max_class_noise, max_new_noise (shares, 0 to 1), no_conflicts, not_worse.

        """
        chosen = {**limits, **({} if baseline is None else {"baseline": baseline.id})}
        return dict(self._service.get(f"/v1/audits/{self.id}/gate", **chosen))

    def record(self, target: str | Path = ".", *, statements: Mapping[str, str] | None = None) -> Path:
        """Download the record of the audit to a .zip file; `limit-audit verify` checks it.

        Args:
            target: a file, or a folder in which the service chooses the file name.
            statements: what the operator states, by field of Article 10 or of a datasheet; needs an admin.

        """
        if not statements:
            return self.export("record", target)
        address, body = f"/v1/audits/{self.id}/record", {"statements": dict(statements)}
        return self._service.download(address, Path(target), method="POST", json=body)

    def cancel(self) -> Self:
        """Cancel the audit."""
        self.document = self._service.post(f"/v1/audits/{self.id}/cancel")
        return self

    def delete(self) -> None:
        """Delete the audit; it must have ended."""
        self._service.delete(f"/v1/audits/{self.id}")


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
