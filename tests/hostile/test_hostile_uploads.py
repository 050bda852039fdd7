"""Every hostile upload through the readers: refused, or taken with what is wrong in it listed."""

from pathlib import Path

import pytest

from tests.hostile.everything import CATALOGUE, HARMLESS, LIMITS, MARKS
from worker.ingest.pack_building import IngestError, IngestLimits, IngestOptions, build_pack


def outcome(files: list[Path], out: Path) -> int | IngestError:
    """Return how many problems were listed, or the refusal."""
    limits = IngestLimits(**LIMITS)
    try:
        return build_pack(files, options=IngestOptions(), limits=limits, destination=out).problem_count
    except IngestError as error:
        return error


@pytest.mark.filterwarnings("ignore")  # damaged pictures are remarked on
@pytest.mark.parametrize("name", CATALOGUE)
def test_it_is_refused_or_listed(name: str, tmp_path: Path) -> None:
    files = CATALOGUE[name]()
    for file, data in files.items():
        (tmp_path / file).write_bytes(data)
    out = tmp_path / "out"
    out.mkdir()
    found = outcome([tmp_path / file for file in files], out)
    if isinstance(found, IngestError):
        assert found.code
        assert str(found).startswith("expected ")
        assert list(out.iterdir()) == []
    else:
        assert found > 0 or name in HARMLESS
    assert {path.name for path in tmp_path.iterdir()} == {*files, "out"}
    assert not any(Path(mark).exists() for mark in MARKS)
