"""What the terms of texts say of the labels beside LIMIT, and which words speak for another class.

Array names: N samples, M explained samples, V terms, K classes, W words.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt
from pyarrow import parquet

from models.text_views.fold_models import FoldModel
from models.text_views.term_probe import FOLDS, WEIGHTS_MAX, assign_folds, choose_sample, fit_folds
from worker.jobs.reason_files import WORDS_KEPT, WordReasons
from worker.kinds.text_terms import find_terms, find_word_places, split_blocks
from worker.kinds.text_vectors import TermWeights

Labels = npt.NDArray[np.integer[Any]]
EXPLAINED_MAX = 1_000
"""Most samples that are explained: more than people review in a day."""


@dataclass(frozen=True, kw_only=True)
class TextEvidence:
    """Linear models that are blind to each label, and the texts that they read."""

    probabilities_NK: npt.NDArray[np.float32]
    models: Sequence[FoldModel]
    fold_N: npt.NDArray[np.intp]
    weights: TermWeights
    path: Path

    @classmethod
    def gather(
        cls,
        path: Path,
        terms: Path,
        labels_N: Labels,
        *,
        class_count: int,
        seed: int,
        on_block: Callable[[], None],
    ) -> Self | None:
        """Return what the terms say of the labels; None: it is too much work, or too few samples."""
        weights = TermWeights.load(terms)
        sample = choose_sample(len(labels_N), class_count, seed=seed)
        if sample is None or not 0 < len(weights.hash_V) * class_count <= WEIGHTS_MAX:
            return None
        texts = read_texts(path)
        fold_N = assign_folds(labels_N, seed=seed)
        vectors_MV = weights.weigh([texts[at] for at in sample.tolist()])
        models = fit_folds(
            vectors_MV, labels_N[sample], fold_N[sample], class_count=class_count, on_block=on_block
        )
        del vectors_MV
        probabilities_NK = np.empty((len(labels_N), class_count), np.float32)
        for block in split_blocks(texts):
            vectors_BV = weights.weigh(texts[block])
            for fold in range(FOLDS):
                rows = np.flatnonzero(fold_N[block] == fold)
                probabilities_NK[block.start + rows] = models[fold].predict(vectors_BV[rows])
            on_block()
        return cls(
            probabilities_NK=probabilities_NK, models=models, fold_N=fold_N, weights=weights, path=path
        )

    def explain(
        self,
        ranked: npt.NDArray[np.int64],
        labels_N: Labels,
        probabilities_NK: npt.NDArray[np.floating[Any]],
        *,
        on_block: Callable[[], None],
    ) -> WordReasons:
        """Return the words that speak for another class, of the most suspicious samples.

        Args:
            ranked: positions, the most suspicious first.
            labels_N: the given labels.
            probabilities_NK: the evidence: its likeliest other class is the one that is spoken for.
            on_block: called about every second; its exceptions propagate.

        """
        positions_M = np.sort(ranked[:EXPLAINED_MAX])
        given_M = labels_N[positions_M]
        others_MK = np.array(probabilities_NK[positions_M])
        others_MK[np.arange(len(given_M)), given_M] = -1
        rivals_M = others_MK.argmax(1)
        texts = read_texts(self.path)
        found = np.zeros((len(positions_M), WORDS_KEPT, 2), np.int32)
        effects_MW = np.zeros((len(positions_M), WORDS_KEPT), np.float32)
        for row, (position, given, rival) in enumerate(
            zip(positions_M.tolist(), given_M, rivals_M, strict=True)
        ):
            model = self.models[self.fold_N[position]]
            difference_V = model.weights_VK[:, rival] - model.weights_VK[:, given]
            places, effects = measure_words(texts[position], self.weights, difference_V)
            best = np.argsort(-np.abs(effects), kind="stable")[:WORDS_KEPT]
            found[row, : len(best)], effects_MW[row, : len(best)] = places[best], effects[best]
            on_block()
        return WordReasons(
            positions_M=positions_M,
            rivals_M=rivals_M.astype(np.int32),
            starts_MW=found[:, :, 0],
            lengths_MW=found[:, :, 1],
            effects_MW=effects_MW,
        )


def read_texts(path: Path) -> list[str]:
    """Return all texts in order of position."""
    texts: list[str] = parquet.read_table(path).column("text").to_pylist()
    return texts


def measure_words(
    text: str, weights: TermWeights, difference_V: npt.NDArray[np.float32]
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.float64]]:
    """Return the words of a text, start and length [W, 2], and by how many nats each speaks for a class [W].

    A term's share of the log-odds is spread evenly over its places and their characters; a word gets those of
    its characters. The words' effects add up to the log-odds but for those of the classes' frequencies.

    Args:
        text: as stored.
        weights: the vocabulary.
        difference_V: the weights of the class that is spoken for, less those of the given one.

    """
    terms = find_terms([text], with_places=True)
    place_T = weights.find(terms.hash_T)
    known = place_T >= 0
    vector = weights.weigh([text])
    value_V = dict(zip(vector.indices.tolist(), vector.data.tolist(), strict=True))
    places, times = np.unique(place_T[known], return_counts=True)
    count_V = dict(zip(places.tolist(), times.tolist(), strict=True))
    shares = np.zeros(len(text) + 1)
    for place, start, length in zip(
        place_T[known].tolist(), terms.start_T[known].tolist(), terms.length_T[known].tolist(), strict=True
    ):
        effect = value_V[place] * float(difference_V[place]) / count_V[place]
        shares[start] += effect / length
        shares[start + length] -= effect / length
    per_character = np.cumsum(shares)[:-1]
    words = find_word_places(text)
    sums = np.concatenate([[0.0], np.cumsum(per_character)])
    # What a pair of words says is partly on the blank between them: it goes to the word before.
    ends = np.append(words[1:, 0], len(text))
    return words, sums[ends] - sums[words[:, 0]]
