"""Converted pictures on disk: found again, and bounded."""

import os
from pathlib import Path

from app.infra.storage import Storage
from app.kinds import picture_cache
from app.kinds.sample_display import Picture

PICTURE = Picture(content=b"x" * 100, media_type="image/jpeg")


def test_a_stored_picture_is_found_by_its_content_alone(storage: Storage, tmp_path: Path) -> None:
    folder = tmp_path / "files" / "datasets" / "one"
    name = picture_cache.name_content("abc", 12, 34, 256)
    assert picture_cache.find_picture(folder, name) is None
    picture_cache.store_picture(storage, folder, name, PICTURE, max_bytes=1000)
    assert picture_cache.find_picture(folder, name) == PICTURE
    assert picture_cache.find_picture(folder, picture_cache.name_content("abc", 12, 34, 512)) is None


def test_a_sweep_deletes_the_least_recently_used_of_all_datasets(storage: Storage) -> None:
    for number in range(20):
        folder = storage.root / "datasets" / str(number % 2)
        picture_cache.store_picture(storage, folder, str(number), PICTURE, max_bytes=10**9)
        os.utime(folder / "shown" / f"{number}.jpg", (number, number))
    picture_cache.find_picture(storage.root / "datasets" / "0", "0")  # used: the oldest is the newest now
    picture_cache.sweep(storage, max_bytes=1000)
    left = sorted(int(file.stem) for file in storage.root.glob("datasets/*/shown/*"))
    assert left == [0, *range(12, 20)]


def test_a_full_disk_is_no_error(storage: Storage, tmp_path: Path) -> None:
    blocked = tmp_path / "blocked"
    blocked.write_text("a file where the folder should be")
    picture_cache.store_picture(storage, blocked, "name", PICTURE, max_bytes=1000)
    assert picture_cache.find_picture(blocked, "name") is None
