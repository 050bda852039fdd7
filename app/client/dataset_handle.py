"""A dataset as an object with methods that call its service."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Literal, Self, cast

from app.client import class_audits
from app.client.audit_handle import Audit
from app.client.handle import PAGE, Handle
from app.client.progress_bars import describe_ingestion, show_text_bar
from app.client.service.answer_types import DatasetAnswer, Json, OnAnswer

Verdict = Literal["keep", "relabel", "drop", "unsure"]


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

    def attach_annotations(
        self, file: str | Path, *, columns: Sequence[str] = (), key_column: str | None = None
    ) -> Json:
        """Attach the labels of several annotators; their consensus is formed then.

        Args:
            file: CSV or Parquet with `key` or `position`, and `annotator` and `label`, or a column for each.
            columns: of a wide table, those that are annotators; none: all that may be.
            key_column: has the samples' keys; None: one of a usual name.

        """
        return self._service.attach_annotations(self.id, Path(file), columns=columns, key_column=key_column)

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
                the corrected dataset in the format of its upload.
            target: a file, or a folder in which the service chooses the file name.
            **params: the export's parameters: `audit_id` and `issues` (keep, relabel or drop the samples
                that this audit flags and nobody has reviewed); for `dataset` also `format="npz"`.

        Raises:
            ClientError: there is no export of this name, or the service refused the request.

        """
        return self._export("dataset", what, target, params)

    def audit(self, *, name: str | None = None, **configuration: object) -> Audit:
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
        """Iterate over samples with several labels, in order of the most doubtful of their labels."""
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
        self.document = self._service.put_json(f"/v1/datasets/{self.id}/parent", body)
        return self

    @property
    def understood(self) -> Json:
        """Return how the upload was read and what was guessed; empty before it is ready."""
        return dict(self.document.get("understood") or {})

    def delete(self) -> None:
        """Delete the dataset; delete its audits first."""
        self._service.delete(f"/v1/datasets/{self.id}")
