"""Rankings of texts on an encoder's features, beside those of the same texts without one.

Array names: N texts, D features.
"""

from dataclasses import replace
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from time import process_time
from typing import Any

import numpy as np
import numpy.typing as npt

from bench.evidence.service_ranking import measure_cut, rank, take_given
from bench.peers.figures import ranking
from bench.text.audited_corpus import audit, read_corpus
from bench.text.corpora import Corpus
from models.data_issues.neighbour_search import find_nearest
from models.encoders.encoder_loading import AnyEncoder
from models.feature_views.combined_probabilities import combine_probabilities
from models.feature_views.neighbour_votes import NEIGHBOURS
from worker.train.training_evidence import Trained

Figures = dict[str, dict[str, Any]]


def measure_encoded(corpus: Corpus, encoder: AnyEncoder, *, seed: int) -> Figures:
    """Return the figures of every ranking of a corpus, and of the counts that could be made."""
    with TemporaryDirectory() as folder:
        pack = read_corpus(corpus, Path(folder))
        plain = audit(corpus, pack, seed=seed)
        begun = process_time()
        features_ND = encoder.encode(encoder.stack([encoder.prepare(text) for text in corpus.texts])).numpy()
        seconds = process_time() - begun
        features = pack.with_name("features.npy")
        np.save(features, features_ND)
        find_near = partial(find_nearest, features_ND.astype(np.float16), count=NEIGHBOURS)
        encoded = audit(corpus, pack, seed=seed, features=features, find_near=find_near)
    found = _measure_rankings(corpus, plain, encoded)
    found["service on the features"] |= {"encoding_processor_seconds": seconds}
    return found | _measure_counts(corpus, plain, encoded)


def _measure_rankings(corpus: Corpus, plain: Trained, encoded: Trained) -> Figures:
    given_N = corpus.given_N
    probe_NK, votes_NK, terms_NK = encoded.views
    scores = {
        "service without an encoder": rank(plain, given_N, plain.views),
        "service on the features": rank(encoded, given_N, encoded.views),
        "without the terms": rank(encoded, given_N, [probe_NK, votes_NK]),
        "without the neighbours": rank(encoded, given_N, [probe_NK, terms_NK]),
        "without the probe": rank(encoded, given_N, [votes_NK, terms_NK]),
        "LIMIT alone": rank(encoded, given_N, []),
        "probe alone": 1 - take_given(probe_NK, given_N),
        "neighbours alone": 1 - take_given(votes_NK, given_N),
        "terms alone": 1 - take_given(terms_NK, given_N),
    }
    return {name: dict(ranking(score_N, corpus.is_error)) for name, score_N in scores.items()}


def _measure_counts(corpus: Corpus, plain: Trained, encoded: Trained) -> Figures:
    """Return the counts: as the service makes them, and of an encoder also by other evidence."""
    probe_NK, _, terms_NK = encoded.views
    fitted = encoded.result.cross_fitted
    assert fitted is not None
    with_limit_NK = combine_probabilities([probe_NK, terms_NK, fitted.probabilities_NK])
    trained = {
        "count without an encoder": plain,
        "count by probe and terms": encoded,
        "count by the probe": _change_evidence(encoded, probe_NK),
        "count by probe, terms and LIMIT": _change_evidence(encoded, with_limit_NK),
    }
    return {name: measure_cut(each, corpus.given_N, corpus.is_error) for name, each in trained.items()}


def _change_evidence(trained: Trained, probabilities_NK: npt.NDArray[np.float32]) -> Trained:
    assert trained.evidence is not None
    return replace(trained, evidence=replace(trained.evidence, probabilities_NK=probabilities_NK))
