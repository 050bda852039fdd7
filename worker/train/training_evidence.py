"""What a training leaves: its result, and the evidence about its labels."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from models.data_issues.neighbours import Neighbours
from models.training.signal_recorder import PROBABILITY_CELLS_MAX
from models.training.training_result import TrainingResult
from worker.jobs.evidence_files import RunEvidence
from worker.train.encoder_opinions import EncoderOpinions, gather_opinions
from worker.train.input_neighbours import find_input_neighbours


@dataclass(frozen=True, kw_only=True)
class Trained:
    """A training's result and its evidence."""

    result: TrainingResult
    evidence: RunEvidence | None
    """None: every label was learned, or there are too many samples and classes."""
    opinions: EncoderOpinions | None
    """What the features say themselves; None: no encoder made them, or there are too many samples and
    classes."""
    near: Neighbours | None
    """The nearest samples by an encoder's features; None: no encoder made them."""


@dataclass(frozen=True, kw_only=True)
class EvidenceSearch:
    """The search for evidence beside a training."""

    find_near: Callable[[], Neighbours] | None
    """Returns the nearest samples by a pretrained encoder's features, which judge the labels, too; None: no
    encoder made the inputs."""
    class_count: int
    device: str
    seed: int
    bytes_max: int
    """The most bytes of the values by which neighbours are found."""
    on_block: Callable[[], None]
    """Called about every second; its exceptions propagate."""

    def complete(self, result: TrainingResult, pack: Path, labels_N: npt.NDArray[np.integer[Any]]) -> Trained:
        """Return the result with the evidence about the labels.

        There is none if N * K is above `PROBABILITY_CELLS_MAX`.

        Args:
            result: of the training.
            pack: the .npy file that it was trained on.
            labels_N: the given labels.

        """
        near = None if self.find_near is None else self.find_near()
        if len(labels_N) * self.class_count > PROBABILITY_CELLS_MAX:
            return Trained(result=result, evidence=None, opinions=None, near=near)
        inputs = np.load(pack, mmap_mode="r")
        if near is not None:
            opinions = gather_opinions(
                inputs,
                labels_N,
                near,
                class_count=self.class_count,
                device=self.device,
                on_block=self.on_block,
            )
            everything_N = np.ones(len(labels_N), dtype=np.bool_)
            return Trained(
                result=result,
                evidence=self._make_evidence(inputs, opinions.probe_NK, everything_N),
                opinions=opinions,
                near=near,
            )
        fitted = result.cross_fitted
        evidence = (
            None
            if fitted is None
            else self._make_evidence(inputs, fitted.probabilities_NK, fitted.blind_N >= 0)
        )
        return Trained(result=result, evidence=evidence, opinions=None, near=None)

    def _make_evidence(
        self,
        inputs: npt.NDArray[Any],
        probabilities_NK: npt.NDArray[np.float32],
        is_out_of_sample_N: npt.NDArray[np.bool_],
    ) -> RunEvidence:
        neighbours_Nk = find_input_neighbours(
            inputs, device=self.device, seed=self.seed, bytes_max=self.bytes_max, on_block=self.on_block
        )
        return RunEvidence(
            probabilities_NK=probabilities_NK,
            is_out_of_sample_N=is_out_of_sample_N,
            neighbours_Nk=neighbours_Nk,
        )
