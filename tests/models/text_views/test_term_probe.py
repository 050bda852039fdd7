"""The linear models of terms, on vectors whose terms say the class, and in scales that labels choose."""

import numpy as np
import pytest
from scipy.sparse import csr_array
from scipy.special import log_softmax
from sklearn.metrics import roc_auc_score
from sklearn.preprocessing import normalize

from models.text_views import fold_models
from models.text_views.noisy_likelihood import fit_scales
from models.text_views.term_probe import FOLDS, assign_folds, choose_sample, fit_folds

Texts = tuple[csr_array, np.ndarray, np.ndarray]


@pytest.fixture(scope="module")
def texts() -> Texts:
    """Return 600 texts of three classes by 300 terms, of which 20 are each class's own; 15 % wrong labels."""
    random = np.random.default_rng(0)
    true_N = np.arange(600) % 3
    own_N12 = true_N[:, None] * 20 + random.integers(0, 20, (600, 12))
    terms_N12 = np.where(random.random((600, 12)) < 0.3, own_N12, random.integers(60, 300, (600, 12)))
    counts = csr_array(
        (np.ones(600 * 12), (np.repeat(np.arange(600), 12), terms_N12.ravel())), shape=(600, 300)
    )
    labels_N = np.where(random.random(600) < 0.15, (true_N + random.integers(1, 3, 600)) % 3, true_N)
    return csr_array(normalize(counts).astype(np.float32)), labels_N, true_N


def predict(texts: Texts) -> np.ndarray:
    vectors, labels_N, _ = texts
    fold_N = assign_folds(labels_N, seed=0)
    models = fit_folds(vectors, labels_N, fold_N, class_count=3, on_block=lambda: None)
    found_NK = np.empty((len(labels_N), 3))
    for fold, model in enumerate(models):
        found_NK[fold_N == fold] = model.predict(vectors[np.flatnonzero(fold_N == fold)])
    return found_NK


def test_wrong_labels_are_improbable(texts: Texts) -> None:
    _, labels_N, true_N = texts
    assert roc_auc_score(labels_N != true_N, -predict(texts)[np.arange(600), labels_N]) > 0.94


def test_a_fold_has_not_seen_its_labels(texts: Texts) -> None:
    """With the labels of one fold changed, its model is the same but for the few scales of all folds."""
    vectors, labels_N, _ = texts
    fold_N = np.arange(600) % FOLDS
    changed_N = np.where(fold_N == 4, (labels_N + 1) % 3, labels_N)
    one_W, other_W = (
        fit_folds(vectors, given_N, fold_N, class_count=3, on_block=lambda: None)[4].weights_VK.ravel()
        for given_N in (labels_N, changed_N)
    )
    assert one_W @ other_W > 0.97 * np.sqrt((one_W @ one_W) * (other_W @ other_W))


def test_weights_of_naive_bayes_by_hand() -> None:
    """Term 0: two places in class 0, none in class 1; of four places of smoothing two each: (4 / 6) / .5."""
    sums_VK = np.array([[2, 0], [1, 1]], np.float32)
    share_K = np.array([0.5, 0.5], np.float32)
    weights_VK = fold_models.fit_bayes(sums_VK, share_K, 4).weights_VK
    assert weights_VK == pytest.approx(np.log(np.array([[4 / 3, 2 / 3], [1.0, 1.0]])), abs=1e-6)


def test_terms_are_summed_by_class() -> None:
    vectors = csr_array(np.array([[1, 0], [1, 1], [0, 2]], np.float32))
    sums_VK = fold_models.sum_terms(vectors, np.array([0, 1, 1]), class_count=2)
    np.testing.assert_allclose(sums_VK * 1.25, [[1, 1], [0, 3]])  # the mean weight is 5 / 4


def test_a_class_that_no_label_names_is_not_impossible(texts: Texts) -> None:
    vectors, labels_N, _ = texts
    model = fold_models.fit_logistic(vectors, labels_N % 2, 1.0, class_count=4)
    probability_NK = model.predict(vectors)
    assert np.all(probability_NK[:, 2:] > 0)
    assert np.all(probability_NK[:, 2:] < 0.01)


def test_wrong_labels_do_not_flatten_the_scale() -> None:
    """Labels drawn from softmax(3 x), a fifth of them then at random: scale 3 and share .2 are found."""
    random = np.random.default_rng(1)
    logits_NK = random.normal(size=(20_000, 4))
    labels_N = (3 * logits_NK + random.gumbel(size=logits_NK.shape)).argmax(1)
    labels_N = np.where(random.random(20_000) < 0.2, random.integers(0, 4, 20_000), labels_N)
    found = fit_scales([logits_NK, random.normal(size=(20_000, 4))], labels_N)
    assert found.scale_S == pytest.approx([3, 0], abs=0.2)
    assert found.random_share == pytest.approx(0.2, abs=0.02)
    plain = -log_softmax(found.scale_S[0] * logits_NK, axis=1)[np.arange(20_000), labels_N].mean()
    assert found.loss < plain


def test_few_texts_or_many_classes_have_no_model() -> None:
    assert choose_sample(9, 2, seed=0) is None
    assert choose_sample(100_000, 2_000, seed=0) is None
    assert choose_sample(100, 2, seed=0) is not None
