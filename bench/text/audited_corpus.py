"""A corpus read from a CSV file and trained on, as a worker does."""

import csv
from collections.abc import Callable
from pathlib import Path

import numpy as np

from bench.text.corpora import Corpus
from models.configuration.training_config import resolve
from models.data_issues.neighbours import Neighbours
from models.training.loop import train
from worker.ingest.pack_building import IngestLimits, IngestOptions, build_pack
from worker.train.training_evidence import EvidenceSearch, Trained


def read_corpus(corpus: Corpus, folder: Path) -> Path:
    """Return the pack of a corpus, which a CSV file in the folder becomes."""
    file, built = folder / "texts.csv", folder / "built"
    built.mkdir()
    with file.open("w", newline="") as opened:
        rows = csv.writer(opened)
        rows.writerow(["text", "label"])
        rows.writerows(
            (text, f"class {label}") for text, label in zip(corpus.texts, corpus.given_N, strict=True)
        )
    found = build_pack([file], options=IngestOptions(), limits=IngestLimits(), destination=built)
    assert len(np.load(found.pack_path, mmap_mode="r")) == len(corpus.given_N)
    return found.pack_path


def audit(
    corpus: Corpus,
    pack: Path,
    *,
    seed: int,
    features: Path | None = None,
    find_near: Callable[[], Neighbours] | None = None,
) -> Trained:
    """Return a training with its evidence.

    Args:
        corpus: the texts.
        pack: as `read_corpus` returns it.
        seed: of the training.
        features: an encoder's, float32 [N, D]; None: it is trained on the pack.
        find_near: returns the nearest samples by these features.

    """
    inputs = np.load(features or pack)
    config = resolve(
        {"seed": seed},
        shape=inputs.shape[1:],
        sample_count=len(inputs),
        class_count=corpus.class_count,
        device="cpu",
        is_text=True,
    )
    search = EvidenceSearch(
        find_near=find_near,
        class_count=corpus.class_count,
        device="cpu",
        seed=seed,
        bytes_max=2**29,
        on_block=lambda: None,
        texts=pack.with_name("texts.parquet"),
        terms=pack.with_name("terms.npz"),
    )
    result = train(inputs, corpus.given_N, class_count=corpus.class_count, config=config)
    return search.complete(result, features or pack, corpus.given_N)
