"""The evidence beside a training: an encoder's features judge the labels, too."""

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pytest
from pyarrow import parquet
from sklearn.metrics import roc_auc_score

from models.configuration.training_config import resolve
from models.data_issues.neighbour_search import find_nearest
from models.data_issues.neighbours import Neighbours
from models.feature_views.neighbour_votes import NEIGHBOURS
from models.label_errors.evidence import gather_signals
from models.training.loop import train
from models.training.training_result import TrainingResult
from worker.kinds.text_vectors import TermWeights
from worker.train import text_evidence, training_evidence
from worker.train.training_evidence import EvidenceSearch, Trained

CLASSES, COUNT = 3, 180


@pytest.fixture(scope="module")
def samples() -> tuple[npt.NDArray[np.float32], npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Return features, given labels of which a fifth is wrong, and correct labels."""
    generator = np.random.default_rng(0)
    correct_N = generator.integers(0, CLASSES, COUNT)
    given_N = np.where(generator.random(COUNT) < 0.2, (correct_N + 1) % CLASSES, correct_N)
    centres_KD = 1.2 * generator.normal(size=(CLASSES, 16))
    features_ND = centres_KD[correct_N] + generator.normal(size=(COUNT, 16))
    return features_ND.astype(np.float32), given_N, correct_N


@pytest.fixture(scope="module")
def result(samples: tuple[npt.NDArray[np.float32], npt.NDArray[np.int64], object]) -> TrainingResult:
    features_ND, given_N, _ = samples
    config = resolve(
        {"folds": 2, "epochs": 3, "network": "mlp"},
        shape=(16,),
        sample_count=COUNT,
        class_count=CLASSES,
        device="cpu",
    )
    return train(features_ND, given_N, class_count=CLASSES, config=config)


def complete(
    tmp_path: Path,
    result: TrainingResult,
    features_ND: npt.NDArray[np.float32],
    given_N: npt.NDArray[np.int64],
    *,
    is_encoded: bool,
) -> Trained:
    """Store features as a pack, and search for evidence."""
    np.save(tmp_path / "pack.npy", features_ND)

    def find_near() -> Neighbours:
        return find_nearest(features_ND.astype(np.float16), count=NEIGHBOURS)

    search = EvidenceSearch(
        find_near=find_near if is_encoded else None,
        class_count=CLASSES,
        device="cpu",
        seed=0,
        bytes_max=10**9,
        on_block=lambda: None,
    )
    return search.complete(result, tmp_path / "pack.npy", given_N)


def test_features_of_an_encoder_are_the_evidence_and_rank(
    tmp_path: Path,
    samples: tuple[npt.NDArray[np.float32], npt.NDArray[np.int64], npt.NDArray[np.int64]],
    result: TrainingResult,
) -> None:
    features_ND, given_N, correct_N = samples
    trained = complete(tmp_path, result, features_ND, given_N, is_encoded=True)
    assert trained.opinions is not None
    assert trained.evidence is not None
    np.testing.assert_array_equal(trained.evidence.probabilities_NK, trained.opinions.probe_NK)
    assert trained.evidence.is_out_of_sample_N.all()

    def rank(opinions: list[npt.NDArray[np.float32]]) -> npt.NDArray[np.float32]:
        signals = gather_signals(
            result.signals,
            given_N,
            score="margin",
            agreement_ratio=result.agreement_ratio,
            classifier_probabilities_NK=result.classifier_probabilities_NK,
            cross_fitted=result.cross_fitted,
            opinions=opinions,
        )
        return np.asarray(signals["score"])

    together = rank([trained.opinions.probe_NK, trained.opinions.votes_NK])
    assert not np.array_equal(together, rank([]))
    assert roc_auc_score(given_N != correct_N, together) > 0.9


def test_without_an_encoder_the_blind_networks_are_the_evidence(
    tmp_path: Path,
    samples: tuple[npt.NDArray[np.float32], npt.NDArray[np.int64], object],
    result: TrainingResult,
) -> None:
    features_ND, given_N, _ = samples
    trained = complete(tmp_path, result, features_ND, given_N, is_encoded=False)
    assert trained.opinions is None
    assert trained.evidence is not None
    assert result.cross_fitted is not None
    np.testing.assert_array_equal(trained.evidence.probabilities_NK, result.cross_fitted.probabilities_NK)


@pytest.mark.parametrize("is_encoded", [False, True])
def test_above_the_limit_of_samples_and_classes_there_is_no_evidence_and_none_is_searched(
    tmp_path: Path,
    samples: tuple[npt.NDArray[np.float32], npt.NDArray[np.int64], object],
    result: TrainingResult,
    monkeypatch: pytest.MonkeyPatch,
    *,
    is_encoded: bool,
) -> None:
    features_ND, given_N, _ = samples
    monkeypatch.setattr(training_evidence, "PROBABILITY_CELLS_MAX", COUNT * CLASSES - 1)
    trained = complete(tmp_path, result, features_ND, given_N, is_encoded=is_encoded)
    assert (trained.evidence, trained.opinions) == (None, None)
    monkeypatch.setattr(training_evidence, "PROBABILITY_CELLS_MAX", COUNT * CLASSES)
    trained = complete(tmp_path, result, features_ND, given_N, is_encoded=is_encoded)
    assert trained.evidence is not None
    assert (trained.opinions is not None) == is_encoded


@pytest.mark.parametrize("has_terms", [True, False])
def test_of_texts_the_terms_rank_and_count_beside_an_encoders_features(
    tmp_path: Path,
    samples: tuple[npt.NDArray[np.float32], npt.NDArray[np.int64], object],
    result: TrainingResult,
    monkeypatch: pytest.MonkeyPatch,
    *,
    has_terms: bool,
) -> None:
    features_ND, given_N, _ = samples
    texts = [f"word{label} of text {row % 7}" for row, label in enumerate(given_N)]
    parquet.write_table(pa.table({"text": texts}), tmp_path / "texts.parquet")
    TermWeights.count(texts, on_block=lambda: None).save(tmp_path / "terms.npz")
    np.save(tmp_path / "pack.npy", features_ND)
    if not has_terms:
        monkeypatch.setattr(text_evidence, "WEIGHTS_MAX", 0)
    search = EvidenceSearch(
        find_near=lambda: find_nearest(features_ND.astype(np.float16), count=NEIGHBOURS),
        class_count=CLASSES,
        device="cpu",
        seed=0,
        bytes_max=10**9,
        on_block=lambda: None,
        texts=tmp_path / "texts.parquet",
        terms=tmp_path / "terms.npz",
    )
    trained = search.complete(result, tmp_path / "pack.npy", given_N)
    assert trained.opinions is not None
    assert trained.evidence is not None
    judges = [trained.opinions.probe_NK]
    if has_terms:
        assert trained.texts is not None
        judges.append(trained.texts.probabilities_NK)
    product_NK = np.prod([np.asarray(each_NK, np.float64) for each_NK in judges], axis=0) ** (1 / len(judges))
    expected_NK = product_NK / product_NK.sum(1, keepdims=True)
    np.testing.assert_allclose(trained.evidence.probabilities_NK, expected_NK, atol=1e-3)
    assert len(trained.views) == 2 + has_terms
    assert [remark.code for remark in trained.remarks] == ([] if has_terms else ["no_probe"])
    assert all("the encoder's features rank and count" in remark.detail for remark in trained.remarks)
