"""Measure rankings of texts; one command, resumable.

    python -m bench.text

Every finished run adds a line to bench/text/results/texts.jsonl and is not run again.
"""

import argparse
import csv
import sys
import tempfile
import time
from collections.abc import Sequence
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
from bench.text.corpora import CORPORA, Corpus, make_corpus
from models.configuration.training_config import resolve
from models.training.loop import train
from worker.ingest.pack_building import IngestLimits, IngestOptions, build_pack
from worker.train.training_evidence import EvidenceSearch, Trained

FOLDER = Path(__file__).with_name("results")
Floats = npt.NDArray[np.floating[Any]]


def main(arguments: Sequence[str]) -> None:
    """Run what is missing, then write the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--corpora", nargs="+", choices=CORPORA, default=list(CORPORA))
    parser.add_argument("--rates", nargs="+", type=float, default=[0.1])
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    options = parser.parse_args(arguments)
    torch.set_num_threads(1)
    results = Results(FOLDER / "texts.jsonl")
    for name in options.corpora:
        for rate in options.rates:
            for seed in options.seeds:
                key = {"corpus": name, "rate": rate, "seed": seed}
                if results.get(key) is None:
                    found = measure(make_corpus(name, rate, seed=seed), seed=seed)
                    results.add(key, {"scores": found, "machine": machine()})
    rows = ["| corpus | wrong | seed | ranking | ROC AUC | average precision |", "|---|---|---|---|---|---|"]
    for line in results.lines():
        key = line["key"]
        for ranked, figures in line["scores"].items():
            rows.append(
                f"| {key['corpus']} | {key['rate']:.0%} | {key['seed']} | {ranked} | {figures['auroc']:.3f} |"
                f" {figures['ap']:.3f} |"
            )
    (FOLDER / "rankings.md").write_text("\n".join(rows) + "\n")


def measure(corpus: Corpus, *, seed: int) -> dict[str, dict[str, Any]]:
    """Return the figures of every ranking of a corpus."""
    with tempfile.TemporaryDirectory() as folder:
        start = time.process_time()
        trained = _audit(corpus, Path(folder), seed=seed)
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
    found: dict[str, dict[str, Any]] = {
        name: dict(ranking(score_N, corpus.is_error)) for name, score_N in views.items()
    }
    found["**service**"] |= {
        "processor_seconds": seconds,
        **measure_cut(trained, corpus.given_N, corpus.is_error),
    }
    return found


def _audit(corpus: Corpus, folder: Path, *, seed: int) -> Trained:
    """Read the texts from a CSV file and train on them, as a worker does."""
    file, built = folder / "texts.csv", folder / "built"
    built.mkdir()
    with file.open("w", newline="") as opened:
        rows = csv.writer(opened)
        rows.writerow(["text", "label"])
        rows.writerows(
            (text, f"class {label}") for text, label in zip(corpus.texts, corpus.given_N, strict=True)
        )
    found = build_pack([file], options=IngestOptions(), limits=IngestLimits(), destination=built)
    pack = np.load(found.pack_path)
    assert len(pack) == len(corpus.given_N)
    config = resolve(
        {"seed": seed},
        shape=pack.shape[1:],
        sample_count=len(pack),
        class_count=corpus.class_count,
        device="cpu",
        is_text=True,
    )
    search = EvidenceSearch(
        find_near=None,
        class_count=corpus.class_count,
        device="cpu",
        seed=seed,
        bytes_max=2**29,
        on_block=lambda: None,
        texts=found.pack_path.with_name("texts.parquet"),
        terms=found.pack_path.with_name("terms.npz"),
    )
    result = train(pack, corpus.given_N, class_count=corpus.class_count, config=config)
    return search.complete(result, found.pack_path, corpus.given_N)


def _predict_by_peer(corpus: Corpus) -> Floats:
    """Return out-of-sample probabilities as the examples of cleanlab make them."""
    model = make_pipeline(TfidfVectorizer(ngram_range=(1, 2)), LogisticRegression(C=10, max_iter=200))
    folds = StratifiedKFold(5, shuffle=True, random_state=0)
    found: Floats = cross_val_predict(model, corpus.texts, corpus.given_N, cv=folds, method="predict_proba")
    return found


if __name__ == "__main__":
    main(sys.argv[1:])
