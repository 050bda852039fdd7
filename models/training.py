"""Training as a plain function: samples, labels and a configuration in, signals about every label out.

Shape suffixes: N samples, B of a batch, K classes.
"""

import math
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from models import standardisation
from models.batches import Inputs, Preparation, batch_bounds, place
from models.config import TrainingConfig, check_fits
from models.epoch import EpochTally
from models.learner import Learner, learning_rate, on_cpu
from models.progress import EpochRecord, OnProgress, Pace, Progress
from models.samples import checked_labels
from models.signals import SignalRecorder, Signals

STATE_FORMAT = 1
JUDGING_BATCH = 1_024


@dataclass(frozen=True, kw_only=True)
class TrainingResult:
    """What a finished training leaves."""

    signals: Signals
    model_state: dict[str, Tensor]
    """The classifier's state dict on the CPU: the best on held-out samples if any, else the last."""
    input_mean: npt.NDArray[np.float32]
    """What the classifier's inputs were reduced by, per channel or feature."""
    input_deviation: npt.NDArray[np.float32]
    """What they were divided by afterwards."""
    seconds: float
    """Of this call; a resumed training does not count what was done before."""
    samples_per_second: float
    """Speed of the training stage of this call."""
    config: TrainingConfig


def train(
    inputs: Inputs,
    labels_N: npt.NDArray[np.integer[Any]],
    *,
    class_count: int,
    config: TrainingConfig,
    device: str = "cpu",
    on_progress: OnProgress | None = None,
    initial_state: Mapping[str, Tensor] | None = None,
    resume: Mapping[str, Any] | None = None,
) -> TrainingResult:
    """Train on the given labels and return what that tells about each of them.

    On a CPU the result depends on the arguments and torch's number of threads alone, to the last bit, whether
    or not the training was interrupted and resumed.

    Args:
        inputs: uint8 images [N, H, W, C] or float32 features [N, D], in memory or memory-mapped.
        labels_N: the given labels, in 0 .. class_count - 1; classes may be absent.
        class_count: K, at least 2.
        config: see `resolve`.
        device: where to train, such as "cpu" or "cuda:0".
        on_progress: called about five times a second and at the end of every epoch; what it raises ends the
            training and reaches the caller.
        initial_state: a `model_state` to start the classifier from ("+ init."); ignored on `resume`.
        resume: what `Progress.state` returned in an earlier call with the same samples and configuration.

    Raises:
        ValueError: for samples, labels or states that do not fit each other.
        FloatingPointError: when the loss is no longer a finite number.

    """
    labels = checked_labels(inputs, labels_N, class_count)
    check_fits(config, shape=inputs.shape[1:])
    training = _Training(
        inputs,
        labels,
        class_count=class_count,
        config=config,
        device=torch.device(device),
        on_progress=on_progress,
    )
    if resume is not None:
        training.load_state(resume)
    elif initial_state is not None:
        training.learner.initialise_classifier(initial_state)
    return training.run()


class _Training:
    """The state of one training: what `state` writes and `load_state` reads is all there is."""

    def __init__(
        self,
        inputs: Inputs,
        labels_N: Tensor,
        *,
        class_count: int,
        config: TrainingConfig,
        device: torch.device,
        on_progress: OnProgress | None,
    ) -> None:
        self._config = config
        self._device = device
        self._on_progress = on_progress
        self._labels_N = labels_N.to(device)
        self._standardisation = standardisation.measure(inputs, device)
        self._rows = place(inputs, config, device)
        self._prepare = Preparation(
            standardisation=self._standardisation,
            input_size=config.input_size,
            augmentation=config.augmentation,
            device=device,
        )
        self._train_index, self._held_out_index = self._split(len(labels_N))
        self._bounds = batch_bounds(len(self._train_index), config.batch_size)
        self.learner = Learner(config, channels=inputs.shape[-1], class_count=class_count, device=device)
        self._recorder = SignalRecorder(
            sample_count=len(labels_N),
            class_count=class_count,
            decay=config.signal_decay,
            score=config.score,
            device=device,
        )
        self._tally = EpochTally(
            sample_count=len(labels_N), has_predictor=self.learner.has_predictor, device=device
        )
        self._generator = torch.Generator(device)
        self._step = 0
        self._best_accuracy = -1.0
        self._best_state: dict[str, Tensor] | None = None

    @property
    def _steps_per_epoch(self) -> int:
        return len(self._bounds) - 1

    @property
    def _steps(self) -> int:
        return self._config.epochs * self._steps_per_epoch

    def run(self) -> TrainingResult:
        """Train from wherever this training stands, then judge all samples once more."""
        started = time.monotonic()
        pace = Pace(step=self._step, steps=self._steps)
        while self._step < self._steps:
            self._run_epoch(pace)
        samples_per_second, _ = pace.report(self._step)
        self._score()
        return TrainingResult(
            signals=self._recorder.signals(),
            model_state=self._best_state or on_cpu(self.learner.classifier.state_dict()),
            input_mean=self._standardisation.mean_C.cpu().numpy(),
            input_deviation=self._standardisation.deviation_C.cpu().numpy(),
            seconds=time.monotonic() - started,
            samples_per_second=samples_per_second,
            config=self._config,
        )

    def _run_epoch(self, pace: Pace) -> None:
        """Do what is left of the present epoch."""
        started = time.monotonic()
        epoch, done = divmod(self._step, self._steps_per_epoch)
        if done == 0:
            self._generator.manual_seed(self._seed(stream=1, epoch=epoch))
            self._tally.reset()
        trains_classifier = epoch >= self._config.warm_up_epochs
        for index_B, rows_B in self._rows.read(self._order(epoch), self._bounds[done:]):
            self._run_step(index_B, rows_B, trains_classifier=trains_classifier)
            is_due = pace.advance(len(index_B))
            if is_due and self._step % self._steps_per_epoch:
                self._check_finite(epoch)
                self._report(pace, stage="training", epoch=epoch, step=self._step)
        self._check_finite(epoch)
        record = self._finish_epoch(epoch, started)
        self._report(pace, stage="training", epoch=epoch, step=self._step, finished=record)

    def _run_step(self, index_B: Tensor, rows_B: Tensor, *, trains_classifier: bool) -> None:
        labels_B = self._labels_N[index_B]
        outcome, classifier_logits_BK = self.learner.step(
            self._prepare.training(rows_B, self._generator),
            labels_B,
            rate=learning_rate(self._config, step=self._step, steps=self._steps),
            trains_classifier=trains_classifier,
            generator=self._generator,
        )
        self._recorder.record(index_B, labels_B, outcome)
        self._tally.add(index_B, labels_B, outcome, classifier_logits_BK)
        self._step += 1

    def _finish_epoch(self, epoch: int, started: float) -> EpochRecord:
        validation_accuracy = self._validate()
        if validation_accuracy is not None and validation_accuracy > self._best_accuracy:
            self._best_accuracy = validation_accuracy
            self._best_state = on_cpu(self.learner.classifier.state_dict())
        return self._tally.record(
            epoch=epoch + 1,
            labels_N=self._labels_N,
            counted_index=self._train_index.to(self._device),
            validation_accuracy=validation_accuracy,
            learning_rate=learning_rate(self._config, step=self._step - 1, steps=self._steps),
            seconds=time.monotonic() - started,
        )

    def _validate(self) -> float | None:
        """Judge the held-out samples, out of sample for every signal; return f's accuracy on them."""
        if len(self._held_out_index) == 0:
            return None
        bounds = batch_bounds(len(self._held_out_index), JUDGING_BATCH)
        for index_B, rows_B in self._rows.read(self._held_out_index, bounds):
            labels_B = self._labels_N[index_B]
            inputs_B = self._prepare.plain(rows_B)
            outcome, classifier_logits_BK = self.learner.judge(inputs_B, labels_B, self._generator)
            self._recorder.record(index_B, labels_B, outcome)
            self._tally.predict(index_B, outcome, classifier_logits_BK)
        return self._tally.accuracy(self._labels_N, self._held_out_index.to(self._device))

    def _score(self) -> None:
        """Judge all samples in order with the trained networks."""
        bounds = batch_bounds(len(self._labels_N), JUDGING_BATCH)
        pace = Pace(step=0, steps=len(bounds) - 1)
        batches = self._rows.read(torch.arange(len(self._labels_N)), bounds)
        for step, (index_B, rows_B) in enumerate(batches, start=1):
            logits_BK = self.learner.judge_logits(self._prepare.plain(rows_B))
            self._recorder.record_last(index_B, self._labels_N[index_B], logits_BK)
            if pace.advance(len(index_B)) or step == pace.steps:
                self._report(pace, stage="scoring", epoch=self._config.epochs - 1, step=step)

    def _split(self, sample_count: int) -> tuple[Tensor, Tensor]:
        """Return the indices trained on and those held out, each in order."""
        held_out_count = round(sample_count * self._config.validation_fraction)
        if sample_count - held_out_count < 2:  # noqa: PLR2004  # what batch normalisation needs
            raise ValueError(
                f"Holding out {held_out_count} of {sample_count} samples leaves too few to train on."
            )
        shuffled = torch.randperm(sample_count, generator=self._cpu_generator(stream=2, epoch=0))
        return shuffled[held_out_count:].sort().values, shuffled[:held_out_count].sort().values

    def _order(self, epoch: int) -> Tensor:
        """Return the training indices in this epoch's order, a function of seed and epoch."""
        shuffled = torch.randperm(
            len(self._train_index), generator=self._cpu_generator(stream=0, epoch=epoch)
        )
        return self._train_index[shuffled]

    def _cpu_generator(self, *, stream: int, epoch: int) -> torch.Generator:
        return torch.Generator().manual_seed(self._seed(stream=stream, epoch=epoch))

    def _seed(self, *, stream: int, epoch: int) -> int:
        """Return a seed of its own for every purpose and epoch."""
        words = np.random.SeedSequence([self._config.seed, stream, epoch]).generate_state(2)
        return int(words[0]) << 31 | int(words[1]) >> 1

    def _check_finite(self, epoch: int) -> None:
        """Raise once a loss is infinite or not a number; waits for the device."""
        if not math.isfinite(self._tally.loss_sum()):
            raise FloatingPointError(
                f"Training diverged in epoch {epoch + 1}: the loss is no longer finite. "
                f"Lower the learning rate (now {self._config.learning_rate:g})."
            )

    def _report(
        self, pace: Pace, *, stage: str, epoch: int, step: int, finished: EpochRecord | None = None
    ) -> None:
        samples_per_second, eta_seconds = pace.report(step)
        if self._on_progress is None:
            return
        progress = Progress(
            stage=stage,
            epoch=epoch + 1,
            epochs=self._config.epochs,
            step=step,
            steps=pace.steps,
            samples_per_second=samples_per_second,
            eta_seconds=eta_seconds,
            finished=finished,
            signals=self._recorder.signals,
            state=self.state,
        )
        self._on_progress(progress)

    def state(self) -> dict[str, Any]:
        """Return copies of all that `load_state` needs, in the middle of an epoch as well as at its end."""
        return {
            "format": STATE_FORMAT,
            "config": asdict(self._config),
            "sample_count": len(self._labels_N),
            "step": self._step,
            "generator": self._generator.get_state().clone(),
            "learner": self.learner.state(),
            "recorder": self._recorder.state(),
            "tally": self._tally.state(),
            "best_accuracy": self._best_accuracy,
            "best_state": self._best_state,
        }

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Stand where `state` was called; raise ValueError for the state of another training."""
        expected = (STATE_FORMAT, asdict(self._config), len(self._labels_N))
        if (state.get("format"), state.get("config"), state.get("sample_count")) != expected:
            raise ValueError("The state to resume belongs to another configuration or dataset.")
        self._step = state["step"]
        self._generator.set_state(state["generator"])
        self.learner.load_state(state["learner"])
        self._recorder.load_state(state["recorder"])
        self._tally.load_state(state["tally"])
        self._best_accuracy = state["best_accuracy"]
        self._best_state = state["best_state"]
