"""Three of the faults of `make faults`, against the running service."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults import invariants, services, workers
from tests.faults.__main__ import world_of
from tests.faults.world import World

QUICK = ("training child killed in training", "every message delivered several times", "API killed in a PUT")


@pytest.fixture(scope="module")
def world(open_folder: Path) -> Iterator[World]:
    folder = open_folder / "faults"
    folder.mkdir()
    with world_of(folder, None) as made:
        yield made


@pytest.mark.parametrize("name", QUICK)
def test_nothing_is_lost_and_nothing_is_done_twice(world: World, name: str) -> None:
    case = next(case for case in [*workers.CASES, *services.CASES] if case.name == name)
    assert case.run(world)
    invariants.check(world)
