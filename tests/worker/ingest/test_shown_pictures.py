"""Pictures over HTTP: the uploaded photograph, not what is trained on."""

import io
import zipfile
from pathlib import Path

import numpy as np
import pytest
from fastapi.testclient import TestClient
from PIL import Image

from app.infra.database import Database
from app.infra.settings import Settings
from app.infra.storage import Storage
from app.kinds import sample_pictures
from app.tables import Dataset
from tests.builders.pictures import decode_picture
from tests.worker.job_steps import read_row, store_upload
from worker.ingest.ingestion_job import ingest

WIDTH, HEIGHT, COUNT = 600, 400, 12


@pytest.fixture
def photographs(database: Database, storage: Storage, chosen: Settings, tmp_path: Path) -> Dataset:
    """Return a dataset of JPEGs, one PNG that stays one, and one TIFF, which browsers do not show."""
    file, generator = tmp_path / "photographs.zip", np.random.default_rng(1)
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for number in range(COUNT):
            coarse = Image.fromarray(generator.integers(0, 256, (4, 6, 3), dtype=np.uint8))
            kind = {0: "TIFF", 1: "PNG"}.get(number, "JPEG")
            buffer = io.BytesIO()
            coarse.resize((WIDTH, HEIGHT), Image.Resampling.BICUBIC).save(buffer, format=kind)
            archive.writestr(f"{'ab'[number % 2]}/{number:02}.{kind.lower()}", buffer.getvalue())
    dataset = store_upload(database, storage, file)
    ingest(database, storage, chosen, dataset.id)
    return read_row(database, Dataset, dataset.id)


def find_url(api: TestClient, dataset: Dataset, number: int) -> str:
    items = api.get(f"/v1/datasets/{dataset.id}/samples").json()["items"]
    (item,) = [item for item in items if f"/{number:02}." in item["key"]]
    return f"{item['image_url']}?variant=display"


def test_the_photograph_is_shown_whole_and_as_uploaded(api: TestClient, photographs: Dataset) -> None:
    url = find_url(api, photographs, 4)
    answer = api.get(url)
    assert answer.headers["content-type"] == "image/jpeg"
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "immutable" in answer.headers["cache-control"]
    assert answer.content == api.get(url.replace("display", "original")).content
    assert decode_picture(answer.content).shape == (HEIGHT, WIDTH, 3)
    again = api.get(url, headers={"If-None-Match": answer.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")
    assert api.get(f"{url}&side=256").headers["etag"] != answer.headers["etag"]


def test_an_original_of_too_many_bytes_is_not_read_into_the_memory(
    api: TestClient, photographs: Dataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = find_url(api, photographs, 4).replace("display", "original")
    whole = api.get(url).content
    monkeypatch.setattr(sample_pictures, "SMALL_BYTES", 100)
    assert api.get(url).content == whole, "a large one, alone"
    monkeypatch.setattr(sample_pictures, "ORIGINAL_BYTES", len(whole) - 200)
    refused = api.get(url)
    assert (refused.status_code, refused.json()["detail"].split(";")[1]) == (422, " use variant=pack")
    shown = api.get(url.replace("original", "display"))
    assert decode_picture(shown.content).shape[:2] != (HEIGHT, WIDTH), "the training pixels"


def test_a_format_that_browsers_do_not_show_is_converted(api: TestClient, photographs: Dataset) -> None:
    url = find_url(api, photographs, 0)
    answer = api.get(url)
    assert (answer.headers["content-type"], decode_picture(answer.content).shape) == (
        "image/png",
        (HEIGHT, WIDTH, 3),
    )
    refusal = api.get(url.replace("display", "original"))
    assert (refusal.status_code, "variant=display" in refusal.json()["detail"]) == (422, True)


def test_tiles_keep_the_aspect_and_are_kept_on_disk(
    api: TestClient, photographs: Dataset, storage: Storage
) -> None:
    url = f"{find_url(api, photographs, 5)}&side=100"
    tile = api.get(url)
    assert decode_picture(tile.content).shape == (85, 128, 3)
    (kept,) = (storage.locate_dataset(photographs.id) / "shown").iterdir()
    assert kept.read_bytes() == tile.content
    kept.unlink()
    assert api.get(url).content == tile.content, "a lost tile is made again"


def test_samples_without_an_uploaded_picture_are_shown_at_their_own_size(
    database: Database, storage: Storage, chosen: Settings, api: TestClient, tmp_path: Path
) -> None:
    images = np.random.default_rng(2).integers(0, 256, (20, 28, 24), dtype=np.uint8)
    np.savez(tmp_path / "arrays.npz", x=images, y=np.arange(20) % 2)
    dataset = store_upload(database, storage, tmp_path / "arrays.npz")
    ingest(database, storage, chosen, dataset.id)
    answer = api.get(f"/v1/datasets/{dataset.id}/samples/3/image?variant=display&side=128")
    assert answer.headers["content-type"] == "image/png"
    assert (decode_picture(answer.content) == images[3]).all()
    too_large = api.get(f"/v1/datasets/{dataset.id}/samples/3/image?side=2048")
    assert (too_large.status_code, "at most 1024" in too_large.json()["detail"]) == (422, True)
