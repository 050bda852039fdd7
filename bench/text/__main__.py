"""Measure rankings of texts; one command, resumable.

    python -m bench.text
    python -m bench.text --encoder minilm --encoders FOLDER

Every finished run adds a line to bench/text/results/texts.jsonl, with an encoder, which `limit-audit encoders
add` has put into the folder, to encoders.jsonl, and is not run again.
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold, cross_val_predict
from sklearn.pipeline import make_pipeline

from bench.evidence.service_ranking import find_margin, measure_cut, rank, take_given
from bench.paper.results import Results
from bench.peers.__main__ import machine
from bench.peers.figures import ranking
from bench.text.audited_corpus import audit, read_corpus
from bench.text.corpora import CORPORA, Corpus, make_corpus
from bench.text.encoded import Figures, measure_encoded
from models.encoders.encoder_loading import load_encoder

FOLDER = Path(__file__).with_name("results")
Floats = npt.NDArray[np.floating[Any]]


def main(arguments: Sequence[str]) -> None:
    """Run what is missing, then write the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--corpora", nargs="+", choices=CORPORA, default=list(CORPORA))
    parser.add_argument("--rates", nargs="+", type=float, default=[0.1])
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    parser.add_argument("--encoder", help="the name of an encoder of texts")
    parser.add_argument("--encoders", type=Path, help="the folder of encoders")
    options = parser.parse_args(arguments)
    torch.set_num_threads(1)
    if options.encoder is None:
        _complete(Results(FOLDER / "texts.jsonl"), FOLDER / "rankings.md", options, {}, measure)
        return
    encoder = load_encoder(options.encoder, options.encoders, "cpu")
    measure_with = partial(measure_encoded, encoder=encoder)
    results = Results(FOLDER / "encoders.jsonl")
    _complete(results, FOLDER / "encoders.md", options, {"encoder": options.encoder}, measure_with)


def _complete(
    results: Results,
    table: Path,
    options: argparse.Namespace,
    beside: dict[str, str],
    measure_one: Callable[..., Figures],
) -> None:
    """Run what is missing, then write the table of all rankings."""
    for name in options.corpora:
        for rate in options.rates:
            for seed in options.seeds:
                key = {"corpus": name, "rate": rate, "seed": seed, **beside}
                if results.get(key) is None:
                    found = measure_one(make_corpus(name, rate, seed=seed), seed=seed)
                    results.add(key, {"scores": found, "machine": machine()})
    rows = ["| corpus | wrong | seed | ranking | ROC AUC | average precision |", "|---|---|---|---|---|---|"]
    for line in results.lines():
        key = line["key"]
        for ranked, figures in line["scores"].items():
            if "auroc" not in figures:  # a count
                continue
            rows.append(
                f"| {key['corpus']} | {key['rate']:.0%} | {key['seed']} | {ranked} | {figures['auroc']:.3f} |"
                f" {figures['ap']:.3f} |"
            )
    table.write_text("\n".join(rows) + "\n")


def measure(corpus: Corpus, *, seed: int) -> Figures:
    """Return the figures of every ranking of a corpus."""
    with tempfile.TemporaryDirectory() as folder:
        start = time.process_time()
        trained = audit(corpus, read_corpus(corpus, Path(folder)), seed=seed)
        seconds = time.process_time() - start
    assert trained.texts is not None
    probe_NK, peer_NK = trained.texts.probabilities_NK, _predict_by_peer(corpus)
    views = {
        "**service**": rank(trained, corpus.given_N, trained.views),
        "LIMIT alone": rank(trained, corpus.given_N, []),
        "our linear model, self-confidence": 1 - take_given(probe_NK, corpus.given_N),
        "five-fold TF-IDF (words, pairs), self-confidence": 1 - take_given(peer_NK, corpus.given_N),
        "five-fold TF-IDF (words, pairs), normalised margin": find_margin(peer_NK, corpus.given_N),
    }
    found: Figures = {name: dict(ranking(score_N, corpus.is_error)) for name, score_N in views.items()}
    found["**service**"] |= {
        "processor_seconds": seconds,
        **measure_cut(trained, corpus.given_N, corpus.is_error),
    }
    return found


def _predict_by_peer(corpus: Corpus) -> Floats:
    """Return out-of-sample probabilities as the examples of cleanlab make them."""
    model = make_pipeline(TfidfVectorizer(ngram_range=(1, 2)), LogisticRegression(C=10, max_iter=200))
    folds = StratifiedKFold(5, shuffle=True, random_state=0)
    found: Floats = cross_val_predict(model, corpus.texts, corpus.given_N, cv=folds, method="predict_proba")
    return found


if __name__ == "__main__":
    main(sys.argv[1:])
