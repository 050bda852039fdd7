"""The networks that another training starts from, and which labels were held back from them.

Shape suffixes: N samples, J networks that score labels.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

_HELD_BACK = "held_back"
_SCORERS = "scorers"

State = Mapping[str, Tensor]


@dataclass(frozen=True, kw_only=True)
class StartState:
    """Networks of a finished training, by which a training of the same samples and labels may start."""

    classifier: State
    scorers: Sequence[State] = ()
    """The J networks of a cross-fitted training without a predictor, each blind to one fold; else none."""
    blind_N: Tensor | None = None
    """See `folds.assign_folds`; None if all labels were learned."""

    def to_tensors(self) -> dict[str, Tensor]:
        """Return everything in one dictionary, for a file; the classifier keeps its names."""
        tensors = dict(self.classifier)
        for number, scorer in enumerate(self.scorers):
            tensors |= {f"{_SCORERS}.{number}.{name}": value for name, value in scorer.items()}
        return tensors if self.blind_N is None else {**tensors, _HELD_BACK: self.blind_N}

    @classmethod
    def from_tensors(cls, tensors: State) -> "StartState":
        """Return what `to_tensors` was called on."""
        scorers: dict[int, dict[str, Tensor]] = {}
        classifier: dict[str, Tensor] = {}
        for name, value in tensors.items():
            if name.startswith(f"{_SCORERS}."):
                _, number, own_name = name.split(".", 2)
                scorers.setdefault(int(number), {})[own_name] = value
            elif name != _HELD_BACK:
                classifier[name] = value
        return cls(
            classifier=classifier,
            scorers=tuple(scorers[number] for number in sorted(scorers)),
            blind_N=tensors.get(_HELD_BACK),
        )

    def check_held_back(self, blind_N: Tensor | None) -> None:
        """Raise ValueError unless the labels that a training holds back were held back from this one too."""
        if blind_N is None:
            return
        if self.blind_N is None or not torch.equal(self.blind_N, blind_N.cpu()):
            raise ValueError(
                "The initial state has learned labels that this training holds back: expected the start_state"
                ' of a "ce" training with the same labels, seed, folds and blind_fraction.'
            )
