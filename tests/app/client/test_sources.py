"""What people have, as files that can be uploaded."""

import os
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from app.client import ClientError
from app.client.sources import prepare_files


def write_empty(folder: Path) -> Path:
    (folder / "empty.csv").touch()
    return folder / "empty.csv"


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
        (lambda _: (np.zeros((5, 2)), {"y": [1, 2], "ids": range(4)}), "5 entries.*y has 2, ids has 4"),
        (lambda _: (np.zeros((5, 2)), {"y": [1] * 5, "feature_names": ["a"]}), "2 feature_names.*found 1"),
        (lambda _: (np.zeros(3), {"y": [1] * 3}), r"array of the shape \[3\]"),
        (lambda _: (pd.DataFrame({"a": [1]}), {"y": [1]}), "y can only be sent with an array"),
        (lambda _: ({"x": 1}, {}), "found dict"),
        (lambda _: ([np.zeros((2, 2))], {}), "a list of numpy.ndarray: stack"),
        (lambda _: (7, {}), "found int: write it to a file"),
        (lambda _: (["a b c"], {"y": ["x", "y"]}), "expected labels for 1 texts, one each; found 2"),
        (lambda folder: (write_empty(folder), {}), r"found none in .*empty\.csv"),
        (lambda _: ([Path(__file__), __file__], {}), "different names"),
    ],
)
def test_what_cannot_be_uploaded_is_refused_with_a_sentence(
    tmp_path: Path, make: object, sentence: str
) -> None:
    source, arrays = make(tmp_path)  # type: ignore[operator]
    with pytest.raises(ClientError, match=sentence), prepare_files(source, arrays):
        pass


def test_a_frame_of_pandas_goes_as_parquet_with_its_types() -> None:
    frame = pd.DataFrame({"when": pd.to_datetime(["2024-05-31"]), "kind": ["a"], "label": [1]})
    with prepare_files(frame, {}) as (name, [file]):
        assert (name, file.name) == ("table", "table.parquet")
        pd.testing.assert_frame_equal(pd.read_parquet(file), frame)


class Splits(dict[str, pd.DataFrame]):
    """Several splits of one dataset, as Hugging Face's `datasets` has them."""

    def to_parquet(self, folder: Path) -> None:
        raise AssertionError(f"nothing is written to {folder}")


@pytest.mark.parametrize("kind", [Splits, dict])
def test_several_splits_are_refused_with_the_way_out(kind: type[dict[str, pd.DataFrame]]) -> None:
    splits = kind(train=pd.DataFrame({"label": [1]}), test=pd.DataFrame({"label": [2]}))
    with (
        pytest.raises(ClientError, match=r"upload\(splits\['train'\]\).*train, test"),
        prepare_files(splits, {}),
    ):
        pass


def test_a_frame_with_a_column_of_mixed_types_goes_as_csv() -> None:
    frame = pd.DataFrame({"mixed": [1, "a", 2.5], "label": ["x", "y", "x"]})
    with prepare_files(frame, {}) as (_, [file]):
        assert file.read_text().splitlines() == [",mixed,label", "0,1,x", "1,a,y", "2,2.5,x"]


def test_linked_folders_are_followed_and_thumbnails_left_out(tmp_path: Path) -> None:
    outside, pets = tmp_path / "elsewhere", tmp_path / "pets"
    for file in (outside / "1.png", pets / "dog/1.png", pets / "dog/@eaDir/1.png/SYNOFILE_THUMB_M.png"):
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(b"x")
    (pets / "cat").symlink_to(outside)
    (pets / "dog/around").symlink_to(pets)
    with prepare_files(pets, {}) as (_, files), zipfile.ZipFile(files[0]) as archive:
        assert archive.namelist() == ["cat/1.png", "dog/1.png"]


def test_a_broken_link_is_named(tmp_path: Path) -> None:
    (tmp_path / "pets/cat").mkdir(parents=True)
    (tmp_path / "pets/cat/1.png").symlink_to(tmp_path / "gone.png")
    with pytest.raises(ClientError, match=r"1\.png.*points nowhere"), prepare_files(tmp_path / "pets", {}):
        pass


def test_a_name_that_is_not_utf_8_is_packed(tmp_path: Path) -> None:
    folder = tmp_path / "pets"
    (folder / "cat").mkdir(parents=True)
    Path(os.fsdecode(os.fsencode(folder / "cat") + b"/b\xe4r.png")).write_bytes(b"x")
    with prepare_files(folder, {}) as (_, files), zipfile.ZipFile(files[0]) as archive:
        assert archive.namelist() == ["cat/b\u00e4r.png"]


@pytest.mark.parametrize("ending", ["parquet", "tar", "tar.gz"])
def test_a_folder_of_shards_goes_as_files(tmp_path: Path, ending: str) -> None:
    for name in (f"data/train-0.{ending}", f"data/train-1.{ending}"):
        (tmp_path / "set" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "set" / name).write_bytes(b"PAR1")
    with prepare_files(tmp_path / "set", {}) as (name, files):
        assert (name, [file.name for file in files]) == ("set", [f"train-0.{ending}", f"train-1.{ending}"])
