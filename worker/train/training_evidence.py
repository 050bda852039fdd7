"""What a training leaves: its result, and the evidence about its labels."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from models.data_issues.neighbours import Neighbours
from models.feature_views.combined_probabilities import combine_probabilities
from models.training.remarks import Remark
from models.training.signal_recorder import PROBABILITY_CELLS_MAX
from models.training.training_result import TrainingResult
from worker.jobs.evidence_files import RunEvidence
from worker.train.encoder_opinions import EncoderOpinions, gather_opinions
from worker.train.input_neighbours import find_input_neighbours
from worker.train.table_evidence import TableEvidence
from worker.train.text_evidence import TextEvidence

NO_TREES = Remark(
    code="no_trees",
    detail="no boosted trees read the table, and no columns are named beside its suspects: there are too many"
    " cells and classes, or too few samples of each class; LIMIT alone ranks and counts",
)
NO_PROBE = Remark(
    code="no_probe",
    detail="no linear model read the words of the texts, and none are marked: there are too many words and"
    " classes, or too few samples of each class; LIMIT alone ranks and counts",
)
NO_WORDS = Remark(
    code="no_probe",
    detail="no linear model read the words of the texts, and none are marked: there are too many words and"
    " classes, or too few samples of each class; LIMIT and the encoder's features rank and count",
)


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
    table: TableEvidence | None = None
    """What the cells of a table say themselves; None: it has none, or they were too many."""
    texts: TextEvidence | None = None
    """What the words of texts say themselves; None: there are none, or they were too many."""
    remarks: tuple[Remark, ...] = ()
    """What could not be done beside the training."""

    @property
    def views(self) -> list[npt.NDArray[np.float32]]:
        """Return the class probabilities [N, K] that rank beside the training's own."""
        encoder = [] if self.opinions is None else [self.opinions.probe_NK, self.opinions.votes_NK]
        table = [] if self.table is None else self.table.views
        return encoder + table + ([] if self.texts is None else [self.texts.probabilities_NK])


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
    cells: Path | None = None
    """The cells of a table; None: the samples are no table of cells."""
    texts: Path | None = None
    """The texts; None: the samples are none."""
    terms: Path | None = None
    """The weights of their terms."""

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
            remarks = self._explain_missing(None, None)
            return Trained(result=result, evidence=None, opinions=None, near=near, remarks=remarks)
        inputs = np.load(pack, mmap_mode="r")
        texts = self._ask_texts(labels_N)
        if near is not None:
            return self._judge_by_encoder(result, inputs, labels_N, near, texts)
        table = self._ask_table(inputs, labels_N)
        own = [
            *([] if table is None else table.views),
            *([] if texts is None else [texts.probabilities_NK]),
        ]
        found = _choose_evidence(result, own)
        evidence = None if found is None else self._make_evidence(inputs, *found)
        return Trained(
            result=result,
            evidence=evidence,
            opinions=None,
            near=None,
            table=table,
            texts=texts,
            remarks=self._explain_missing(table, texts),
        )

    def _judge_by_encoder(
        self,
        result: TrainingResult,
        inputs: npt.NDArray[Any],
        labels_N: npt.NDArray[np.integer[Any]],
        near: Neighbours,
        texts: TextEvidence | None,
    ) -> Trained:
        """Return the result with what an encoder's features say, and of texts also their terms."""
        opinions = gather_opinions(
            inputs, labels_N, near, class_count=self.class_count, device=self.device, on_block=self.on_block
        )
        counted_NK = opinions.probe_NK
        if texts is not None:
            counted_NK = combine_probabilities([counted_NK, texts.probabilities_NK])
        everything_N = np.ones(len(labels_N), dtype=np.bool_)
        is_missed = self.texts is not None and texts is None
        return Trained(
            result=result,
            evidence=self._make_evidence(inputs, counted_NK, everything_N),
            opinions=opinions,
            near=near,
            texts=texts,
            remarks=(NO_WORDS,) if is_missed else (),
        )

    def _explain_missing(self, table: TableEvidence | None, texts: TextEvidence | None) -> tuple[Remark, ...]:
        """Return a remark if a table has no trees, or texts no linear model."""
        if self.cells is not None and table is None:
            return (NO_TREES,)
        return (NO_PROBE,) if self.texts is not None and texts is None else ()

    def _ask_texts(self, labels_N: npt.NDArray[np.integer[Any]]) -> TextEvidence | None:
        if self.texts is None or self.terms is None:
            return None
        return TextEvidence.gather(
            self.texts,
            self.terms,
            labels_N,
            class_count=self.class_count,
            seed=self.seed,
            on_block=self.on_block,
        )

    def _ask_table(
        self, inputs: npt.NDArray[Any], labels_N: npt.NDArray[np.integer[Any]]
    ) -> TableEvidence | None:
        if self.cells is None:
            return None
        return TableEvidence.gather(
            self.cells,
            inputs,
            labels_N,
            class_count=self.class_count,
            seed=self.seed,
            on_block=self.on_block,
        )

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


def _choose_evidence(
    result: TrainingResult, own: list[npt.NDArray[np.float32]]
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.bool_]] | None:
    """Return probabilities and which of their rows are out of sample; None: there are none.

    Of a table and of texts they are the geometric mean of those that are out of sample for all labels, as
    in the ranking.
    """
    fitted = result.cross_fitted
    is_blind_N = None if fitted is None else fitted.blind_N >= 0
    if not own:
        return None if fitted is None or is_blind_N is None else (fitted.probabilities_NK, is_blind_N)
    views = list(own)
    if fitted is not None and is_blind_N is not None and is_blind_N.all():
        views.append(fitted.probabilities_NK)
    return combine_probabilities(views), np.ones(len(own[0]), dtype=np.bool_)
