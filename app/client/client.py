"""The client's main class."""

import os
from collections.abc import Iterator, Mapping
from typing import Any

from app.client.audit_handle import Audit
from app.client.dataset_handle import Dataset
from app.client.handle import PAGE
from app.client.local_service import KEY_VARIABLE, SERVER_VARIABLE, find_address
from app.client.progress_bars import show_text_bar
from app.client.references import Noun, find_baseline, resolve
from app.client.service.answer_types import OnBytes
from app.client.service.operations import Service
from app.client.sources import Source, prepare_files
from app.client.upload_checks import check_options


class Client(Service):
    """Connects to one service: by default to the environment's, or else to the user's own on this machine.

    Raises:
        NoServiceError: no service is named, and none or several run for this user.

    """

    def __init__(self, url: str | None = None, *, key: str | None = None, patience: float = 60) -> None:
        super().__init__(
            url or os.environ.get(SERVER_VARIABLE) or find_address(),
            key=key or os.environ.get(KEY_VARIABLE),
            patience=patience,
        )

    def __repr__(self) -> str:
        return f"<Client of {self.url}>"

    def upload(
        self,
        source: Source,
        labels: object = None,
        *,
        name: str | None = None,
        arrays: Mapping[str, object] | None = None,
        progress: bool = True,
        on_bytes: OnBytes | None = None,
        **options: Any,  # noqa: ANN401 - JSON values
    ) -> Dataset:
        """Upload a file, several files, a folder, a DataFrame, an array or texts with labels, as one dataset.

        Args:
            source: an archive, table or array file; a list of such files; a folder of class folders; a
                DataFrame of pandas or polars, whose label `label_column` names; or an array [N, H, W] or
                [N, H, W, C] of images, or [N, D] of features; or a list of texts.
            labels: the given labels of an array or of texts, as text or integers.
            name: name of the dataset; by default that of the file or folder.
            arrays: further arrays by name: `ids`, `y_true`, `split`, `class_names`, `feature_names`.
            progress: whether to show a progress bar, on a terminal or in a notebook.
            on_bytes: called with the bytes sent and the total, instead of the progress bar.
            **options: fields of a dataset request: format, image_size, label_column, ...

        Returns:
            the dataset while the service still reads it; call `wait()` until it is ready.

        Raises:
            ClientError: there is nothing to upload, or the service refused it.

        """
        check_options(options)
        extra = {**(arrays or {}), **({} if labels is None else {"y": labels})}
        with (
            prepare_files(source, extra) as (default_name, files),
            show_text_bar("upload", enabled=progress and on_bytes is None) as bar,
        ):
            show = on_bytes or (lambda sent, total: bar.show(sent / total, f"{total / 1e6:.1f} MB"))
            return Dataset(
                self, self.create_dataset(files, name=name or default_name, on_bytes=show, **options)
            )

    def add(self, place: str, *, name: str | None = None, **options: Any) -> Dataset:  # noqa: ANN401 - JSON values
        """Read pictures where they lie, as a dataset, without an upload; call `wait()` until it is ready.

        Args:
            place: a folder of the server, `s3://bucket/prefix`, `hf://datasets/OWNER/NAME`, or the address of
                a table of addresses.
            name: name of the dataset; by default the last part of the place.
            **options: as of `upload`.

        Raises:
            ClientError: the place is not allowed, or the service refused it.

        """
        check_options(options)
        default = place.partition("?")[0].rstrip("/").rpartition("/")[2] or place
        return Dataset(self, self.post("/v1/datasets", {"name": name or default, "place": place, **options}))

    def audit(self, dataset: Dataset | str, *, name: str | None = None, **configuration: object) -> Audit:
        """Start an audit of a dataset, given as an object, id or name, after waiting until it is ready.

        The service chooses every field that the configuration omits.
        """
        handle = self.dataset(dataset) if isinstance(dataset, str) else dataset
        return handle.audit(name=name, **configuration)

    def find_id(self, noun: Noun, reference: str, *, usable: bool = True) -> str:
        """Return the id that a name, the beginning of a name or an id, or `@last` stands for.

        Args:
            noun: what is meant.
            reference: what somebody wrote.
            usable: whether a rejected dataset, or an audit without a result, is meant only where nothing else
                has its name.

        Raises:
            ClientError: nothing is called so, or several are; the message lists them.

        """
        return resolve(self, noun, reference, usable=usable)

    def dataset(self, reference: str, *, usable: bool = True) -> Dataset:
        """Return a dataset by id, name, a beginning of either that only it has, or `@last`; see `find_id`."""
        found_id = self.find_id("dataset", reference, usable=usable)
        return Dataset(self, self.get(f"/v1/datasets/{found_id}"))

    def datasets(self) -> Iterator[Dataset]:
        """Iterate over all datasets, newest first."""
        return (Dataset(self, answer) for answer in self.pages("/v1/datasets", limit=PAGE))

    def get_audit(self, reference: str, *, usable: bool = True) -> Audit:
        """Return an audit by id, name, a beginning of either that only it has, or `@last`; see `find_id`."""
        found_id = self.find_id("audit", reference, usable=usable)
        return Audit(self, self.get(f"/v1/audits/{found_id}"))

    def find_baseline(self, reference: str, *, besides: Audit | None = None) -> Audit:
        """Return the newest audit of this id or whole name that has succeeded, other than `besides`.

        Raises:
            ClientError: there is none.

        """
        return Audit(self, find_baseline(self, reference, besides=None if besides is None else besides.id))

    def audits(self, **filters: object) -> Iterator[Audit]:
        """Iterate over audits, newest first; `dataset_id` selects the audits of one dataset."""
        return (Audit(self, answer) for answer in self.pages("/v1/audits", limit=PAGE, **filters))
