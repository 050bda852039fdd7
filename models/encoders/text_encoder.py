"""What all encoders of texts share: which texts are encoded together.

Shape suffixes: B texts of a batch, D features.
"""

from abc import abstractmethod
from collections.abc import Sequence

import torch
from torch import Tensor

from models.catalogue.encoders import TextEncoderFacts
from models.catalogue.kinds import Encoded
from models.encoders.encoder import TOLERANCE

TOGETHER = 16
"""Most texts that a network takes at once."""
SENTENCE = "The parcel came two days late, and the box was torn at one corner; nobody has answered me since. "
"""Twenty words, by which encoders are timed."""


class TextEncoder:
    """The part of `Encoder` that does not depend on the library; `encode_together` does."""

    takes: Encoded = "texts"

    def __init__(self, facts: TextEncoderFacts, weights_sha256: str) -> None:
        self.name = facts.name
        self.width = facts.width
        self.licence = facts.licence
        self.weights_sha256 = weights_sha256
        self.sha256 = facts.compute_digest(weights_sha256)
        self.facts = facts

    def prepare(self, text: str) -> str:
        """Return the text: the encoder's own tokenizer cuts and splits it with its batch."""
        return text

    def stack(self, prepared: Sequence[str]) -> list[str]:
        """Return texts as a batch."""
        return list(prepared)

    def encode(self, texts: Sequence[str]) -> Tensor:
        """Return the features of texts, float32 [B, D] on the CPU.

        Texts of about one length are encoded together, as the others are filled up to the longest one.
        """
        size = 1 if self.facts.is_alone else TOGETHER
        order = sorted(range(len(texts)), key=lambda place: len(texts[place]))
        features_BD = torch.empty((len(texts), self.width))
        for start in range(0, len(order), size):
            places = order[start : start + size]
            features_BD[places] = self.encode_together([texts[place] for place in places])
        return features_BD

    def make_examples(self, count: int) -> list[str]:
        """Return sentences of twenty words."""
        return [SENTENCE] * count

    @abstractmethod
    def encode_together(self, texts: Sequence[str]) -> Tensor:
        """Return the features of texts that pass through the network at once, float32 [B, D] on the CPU."""


def depends_on_batch(encoder: TextEncoder) -> bool:
    """Return whether a text's features change with the texts beside it by more than `TOLERANCE`.

    Networks that are quantised dynamically do: the largest value of a batch sets the scale of all its values.
    """
    texts = [SENTENCE, SENTENCE * 4, *SENTENCE.split()[:TOGETHER]]
    together_BD = encoder.encode_together(texts)
    alone_BD = torch.cat([encoder.encode_together([text]) for text in texts])
    difference_B = (together_BD - alone_BD).norm(dim=1) / alone_BD.norm(dim=1)
    return bool((difference_B > TOLERANCE).any())
