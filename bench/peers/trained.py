"""Stores the results of a LIMIT training, so that label errors can be estimated again without training."""

import json
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from models.configuration.training_config import TrainingConfig
from models.cross_fitting.cross_fitted import CrossFitted
from models.training.signals import Signals
from models.training.training_result import TrainingResult

PREFIX = "cross_fitted_"
"""Before the names of the arrays of `CrossFitted` in a file."""


@dataclass(frozen=True, kw_only=True)
class Trained:
    """What the estimate is made from, and what it cost."""

    signals: Signals
    classifier_probabilities_NK: npt.NDArray[Any] | None
    cross_fitted: CrossFitted | None
    agreement_ratio: float
    epochs: int
    seconds: float

    @classmethod
    def of(cls, result: TrainingResult) -> Self:
        """Return what is kept of a training."""
        return cls(**{field.name: getattr(result, field.name) for field in fields(cls)})

    def save(self, path: Path, config: TrainingConfig) -> None:
        """Write it to a file of its own, with the configuration that it was trained with."""
        path.parent.mkdir(parents=True, exist_ok=True)
        numbers = {"agreement_ratio": self.agreement_ratio, "epochs": self.epochs, "seconds": self.seconds}
        arrays: dict[str, Any] = asdict(self.signals)
        if self.classifier_probabilities_NK is not None:
            arrays["classifier_probabilities_NK"] = self.classifier_probabilities_NK
        if self.cross_fitted is not None:
            fitted = asdict(self.cross_fitted).items()
            arrays |= {PREFIX + name: array for name, array in fitted if array is not None}
        np.savez_compressed(path, **arrays, about=json.dumps({**numbers, "config": asdict(config)}))

    @classmethod
    def load(cls, path: Path, config: TrainingConfig) -> Self:
        """Return what `save` wrote; raise ValueError for another configuration's."""
        with np.load(path) as stored:
            arrays = dict(stored)
        about = json.loads(str(arrays.pop("about")))
        if about.pop("config") != asdict(config):
            raise ValueError(f"{path} was trained with another configuration: delete it.")
        probabilities_NK = arrays.pop("classifier_probabilities_NK", None)
        fitted = {name: arrays.pop(name) for name in list(arrays) if name.startswith(PREFIX)}
        return cls(
            signals=Signals(**arrays),
            classifier_probabilities_NK=probabilities_NK,
            cross_fitted=_read_fitted(fitted) if fitted else None,
            **about,
        )


def _read_fitted(arrays: dict[str, npt.NDArray[Any]]) -> CrossFitted:
    names = {field.name for field in fields(CrossFitted)}
    return CrossFitted(**{name: arrays.get(PREFIX + name) for name in names})  # type: ignore[arg-type]  # by name
