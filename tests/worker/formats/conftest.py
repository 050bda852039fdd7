from __future__ import annotations

import io
import itertools
import tarfile
import zipfile
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pyarrow.parquet as pq
import pytest
from PIL import Image

from worker.ingest.pack_building import IngestError, IngestLimits, IngestOptions, build_pack

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from worker.ingest.pack_building import IngestResult


@dataclass(frozen=True)
class Built:
    ingested: IngestResult
    pack: np.ndarray
    rows: list[dict[str, Any]]

    @property
    def keys(self) -> list[str]:
        return [row["key"] for row in self.rows]

    @property
    def given(self) -> list[str]:
        return [self.ingested.class_names[row["given_label"]] for row in self.rows]

    @property
    def true(self) -> list[str | None]:
        names = self.ingested.class_names
        return [None if row["true_label"] is None else names[row["true_label"]] for row in self.rows]

    @property
    def splits(self) -> list[str | None]:
        return [row["split"] for row in self.rows]

    @property
    def problems(self) -> list[tuple[str, str]]:
        return [(problem.key, problem.code) for problem in self.ingested.problems]


@pytest.fixture
def build(tmp_path: Path) -> Callable[..., Built]:
    numbers = itertools.count()

    def run(*files: Path, limits: IngestLimits | None = None, **options: Any) -> Built:  # noqa: ANN401 - passed on as they are
        destination = tmp_path / f"built-{next(numbers)}"
        destination.mkdir()
        ingested = build_pack(
            files, options=IngestOptions(**options), limits=limits or IngestLimits(), destination=destination
        )
        pack = np.load(ingested.pack_path, mmap_mode="r")
        rows = pq.read_table(ingested.samples_path).to_pylist()
        labels = np.load(ingested.labels_path)
        assert len(pack) == len(rows) == len(labels) == ingested.sample_count
        assert labels.tolist() == [row["given_label"] for row in rows]
        assert [row["position"] for row in rows] == list(range(len(rows)))
        return Built(ingested, pack, rows)

    return run


@pytest.fixture
def refusal(build: Callable[..., Built]) -> Callable[..., IngestError]:
    def run(*files: Path, **arguments: object) -> IngestError:
        with pytest.raises(IngestError) as caught:
            build(*files, **arguments)
        assert str(caught.value).startswith("expected ")
        return caught.value

    return run


@pytest.fixture
def encoded() -> Callable[..., bytes]:
    def run(image: Image.Image | np.ndarray, kind: str = "PNG", **arguments: object) -> bytes:
        file = io.BytesIO()
        picture = Image.fromarray(image) if isinstance(image, np.ndarray) else image
        picture.save(file, kind, **arguments)
        return file.getvalue()

    return run


@pytest.fixture
def zip_of(tmp_path: Path) -> Callable[..., Path]:
    numbers = itertools.count()

    def run(members: Mapping[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> Path:
        path = tmp_path / f"upload-{next(numbers)}.zip"
        with zipfile.ZipFile(path, "w", method) as archive:
            for name, data in members.items():
                archive.writestr(name, data)
        return path

    return run


@pytest.fixture
def tar_of(tmp_path: Path) -> Callable[..., Path]:
    numbers = itertools.count()

    def run(
        members: Mapping[str, bytes],
        mode: Literal["w", "w:gz", "w:bz2", "w:xz"] = "w",
        form: int = tarfile.GNU_FORMAT,
    ) -> Path:
        path = tmp_path / f"upload-{next(numbers)}.tar"
        with tarfile.open(path, mode, format=form) as archive:
            for name, data in members.items():
                entry = tarfile.TarInfo(name)
                entry.size = len(data)
                archive.addfile(entry, io.BytesIO(data))
        return path

    return run


@pytest.fixture
def pictures() -> np.ndarray:
    """Twelve random coloured pictures, 6 high and 8 wide."""
    return np.random.default_rng(0).integers(0, 256, (12, 6, 8, 3), dtype=np.uint8)


@pytest.fixture
def folders(pictures: np.ndarray, encoded: Callable[..., bytes]) -> dict[str, bytes]:
    """Six cats and six dogs as class folders."""
    return {f"{('cat', 'dog')[row % 2]}/{row}.png": encoded(picture) for row, picture in enumerate(pictures)}
