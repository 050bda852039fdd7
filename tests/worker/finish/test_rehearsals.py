"""Labels with planted errors: what each noise model makes of the labels as uploaded."""

import numpy as np
import pytest
from fastapi.testclient import TestClient

from app.infra.database import Database
from app.infra.storage import Storage
from app.schemas.request_schemas import CIFAR10_PAIRS, Rehearsal
from app.tables import Audit, Dataset
from bench.paper.images import CIFAR10_CLASSES
from models.paper import label_noise
from tests.builders.stored_rows import store_audit, store_ready_dataset
from worker.jobs import audited_labels

NOTHING = {"rate": None, "mapping": None, "matrix": None, "seed": 4}


@pytest.fixture
def dataset(database: Database, storage: Storage) -> Dataset:
    return store_ready_dataset(database, storage, samples=600)


def planted(database: Database, storage: Storage, dataset: Dataset, **rehearsal: object) -> np.ndarray:
    audit = store_audit(database, dataset, rehearsal={**NOTHING, **rehearsal})
    with database.transaction() as session:
        known = audited_labels.load_labels(session, storage, session.get_one(Audit, audit.id), dataset)
    assert known.truth is not None
    assert (known.truth == np.arange(600) % 3).all()
    return known.given


def changed(given: np.ndarray) -> dict[tuple[int, int], int]:
    pairs, counts = np.unique(np.stack([np.arange(600) % 3, given], 1), axis=0, return_counts=True)
    return {(int(t), int(g)): int(n) for (t, g), n in zip(pairs, counts, strict=True) if t != g}


def test_pair_noise_moves_one_way(database: Database, storage: Storage, dataset: Dataset) -> None:
    given = planted(database, storage, dataset, noise="pair", rate=0.4, mapping={"ant": "cat"})
    found = changed(given)
    assert set(found) == {(0, 2)}
    assert found[0, 2] == pytest.approx(80, abs=4 * (200 * 0.4 * 0.6) ** 0.5)


def test_a_confusion_matrix_is_drawn_row_by_row(
    database: Database, storage: Storage, dataset: Dataset
) -> None:
    matrix = [[1.0, 0.0, 0.0], [0.0, 0.0, 1.0], [0.25, 0.25, 0.5]]
    found = changed(planted(database, storage, dataset, noise="confusion", matrix=matrix))
    assert found[1, 2] == 200
    assert {pair for pair in found if pair[0] == 2} == {(2, 0), (2, 1)}
    assert found[2, 0] + found[2, 1] == pytest.approx(100, abs=4 * (200 * 0.25) ** 0.5)


def test_the_seed_decides(database: Database, storage: Storage, dataset: Dataset) -> None:
    first, again, other = (
        planted(database, storage, dataset, noise="uniform", rate=0.3, seed=seed) for seed in (1, 1, 2)
    )
    assert (first == again).all()
    assert not (first == other).all()
    assert set(changed(first)) == {(t, g) for t in range(3) for g in range(3) if t != g}


def test_the_papers_pairs_are_known_by_name(api: TestClient, dataset: Dataset) -> None:
    asked = Rehearsal(noise="pair", rate=0.4, mapping="cifar10")
    assert asked.mapping == CIFAR10_PAIRS
    by_index = {CIFAR10_CLASSES.index(a): CIFAR10_CLASSES.index(b) for a, b in CIFAR10_PAIRS.items()}
    assert by_index == label_noise.CIFAR10_PAIRS
    body = {"dataset_id": str(dataset.id), "configuration": {"rehearsal": asked.model_dump()}}
    answer = api.post("/v1/audits", json=body)
    assert answer.status_code == 422
    assert "unknown classes" in answer.json()["detail"]
