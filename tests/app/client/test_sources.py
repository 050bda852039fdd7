"""What people have, as files that can be uploaded."""

import zipfile
from pathlib import Path

import numpy as np
import pytest

from app.client import ClientError
from app.client.sources import prepare_files


def test_a_folder_becomes_a_zip_of_what_is_visible(tmp_path: Path) -> None:
    for name in ("cat/2.png", "cat/1.png", "dog/1.png", ".git/config", "cat/.DS_Store"):
        file = tmp_path / "pets" / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(name.encode())
    with prepare_files(tmp_path / "pets", {}) as (name, files):
        assert (name, [file.name for file in files]) == ("pets", ["pets.zip"])
        with zipfile.ZipFile(files[0]) as archive:
            assert archive.namelist() == ["cat/1.png", "cat/2.png", "dog/1.png"]
            assert archive.read("cat/2.png") == b"cat/2.png"
    assert not files[0].exists()


def test_arrays_become_an_npz_without_objects() -> None:
    labels = ["cat", "dog", "cat"]
    with prepare_files(np.zeros((3, 8, 8), np.uint8), {"y": labels, "ids": np.arange(3)}) as (name, files):
        assert (name, files[0].name) == ("arrays", "arrays.npz")
        with np.load(files[0], allow_pickle=False) as found:
            assert found["x"].shape == (3, 8, 8)
            assert found["y"].tolist() == labels
            assert found["ids"].tolist() == [0, 1, 2]


def test_files_go_as_they_are(tmp_path: Path) -> None:
    file = tmp_path / "a.csv"
    file.write_text("x,label\n1,a\n")
    with prepare_files(str(file), {}) as (name, files):
        assert (name, files) == ("a.csv", [file])


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda folder: ([folder / "no.zip"], {}), "there is no file"),
        (lambda _: ([], {}), "no file to upload"),
        (lambda folder: (folder, {}), "no file in the folder"),
        (lambda folder: (folder, {"y": [1]}), "y can only be sent with an array"),
        (lambda _: (np.zeros(3), {}), "needs labels"),
        (lambda _: ([Path(__file__), __file__], {}), "different names"),
    ],
)
def test_what_cannot_be_uploaded_is_refused_with_a_sentence(
    tmp_path: Path, make: object, sentence: str
) -> None:
    source, arrays = make(tmp_path)  # type: ignore[operator]
    with pytest.raises(ClientError, match=sentence), prepare_files(source, arrays):
        pass
