"""Out-of-sample probabilities by five-fold cross-validation: stand-ins for cross-fitted networks.

Shape suffixes: N samples, D features, K classes.
"""

import warnings

import numpy as np
import numpy.typing as npt
from sklearn.ensemble import RandomForestClassifier
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold
from sklearn.neural_network import MLPClassifier

Floats = npt.NDArray[np.float64]
FOLDS = 5


def _learner(name: str, seed: int) -> LogisticRegression | RandomForestClassifier | MLPClassifier:
    if name == "linear":
        return LogisticRegression(C=0.1, max_iter=200)
    if name == "forest":
        return RandomForestClassifier(100, min_samples_leaf=2, random_state=seed)
    return MLPClassifier((64,), early_stopping=True, n_iter_no_change=5, max_iter=60, random_state=seed)


def out_of_sample(
    name: str, rows_ND: Floats, given_N: npt.NDArray[np.int64], seed: int, classes: int
) -> Floats:
    """Return class probabilities [N, K] of learners that never saw the sample's label."""
    probabilities_NK = np.full((len(given_N), classes), 1e-9)
    folds = StratifiedKFold(FOLDS, shuffle=True, random_state=seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", (ConvergenceWarning))
        warnings.simplefilter("ignore", UserWarning)
        for seen, unseen in folds.split(rows_ND, given_N):
            fitted = _learner(name, seed).fit(rows_ND[seen], given_N[seen])
            probabilities_NK[np.ix_(unseen, fitted.classes_)] = fitted.predict_proba(rows_ND[unseen])
    probabilities_NK = np.maximum(probabilities_NK, 1e-9)
    scaled_NK: Floats = probabilities_NK / probabilities_NK.sum(1, keepdims=True)
    return scaled_NK
