"""Training as a plain function from samples, labels and a configuration to signals about every label.

Shape suffixes: N samples, B samples of a batch, K classes.
"""

import math
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from models.acceleration.data_parallel import Group
from models.catalogue.methods import METHODS
from models.configuration.planned_training import require_parent
from models.configuration.training_config import TrainingConfig, check_fits
from models.cross_fitting.blind_labels import BlindLabels
from models.cross_fitting.cross_fitted import CrossFitted
from models.cross_fitting.start_states import StartState
from models.inputs import standardisation
from models.inputs.batches import SCORING_BATCH, place, split_batches
from models.inputs.input_checks import check_labels
from models.inputs.shuffling import Shuffling
from models.inputs.stratification import stratify
from models.kinds.sample_arrays import Inputs
from models.kinds.trained_kinds import find_trained_kind
from models.ranking.ranking_scores import RANKING_SCORES
from models.stopping.classifier_weight import weigh_classifier
from models.stopping.memorisation_onset import MemorisationWatch
from models.stopping.selection import Selection
from models.stopping.stability import Stability
from models.training.cross_fitted_learner import CrossFittedLearner
from models.training.epoch_tally import EpochTally
from models.training.feature_recorder import FeatureRecorder
from models.training.learner import Learner, copy_to_cpu
from models.training.learning_rate import compute_learning_rate
from models.training.progress import EpochRecord, OnProgress, Pace, Progress
from models.training.remarks import Remark, check_batches, describe_unknown_transitions
from models.training.signal_recorder import SignalRecorder
from models.training.signals import Signals
from models.training.training_result import TrainingResult

STATE_FORMAT = 10


def train(
    inputs: Inputs,
    labels_N: npt.NDArray[np.integer[Any]],
    *,
    class_count: int,
    config: TrainingConfig,
    device: str = "cpu",
    on_progress: OnProgress | None = None,
    initial_state: Mapping[str, Tensor] | None = None,
    pretrained_state: Mapping[str, Tensor] | None = None,
    resume: Mapping[str, Any] | None = None,
    feature_width: int = 0,
    group: Group | None = None,
) -> TrainingResult:
    """Train on the given labels and return the signals about each of them.

    On a CPU the result depends only on the arguments and torch's number of threads, to the last bit, even if
    the training was interrupted and resumed.

    Args:
        inputs: uint8 images [N, H, W, C] or float32 features [N, D], in memory or memory-mapped.
        labels_N: the given labels, in 0 .. class_count - 1; classes may be absent.
        class_count: K, at least 2.
        config: see `resolve`.
        device: the device that trains, such as "cpu" or "cuda:0".
        on_progress: called about five times a second and at the end of every epoch; its exceptions stop the
            training and propagate.
        initial_state: the `start_state` of a "ce" run, from which the network that is fitted to the labels
            starts: the predictor ("+ init."), or the classifier if there is none. With folds each scoring
            network starts from the one that is blind to the same labels. Ignored on `resume`; the methods
            with `needs_parent` need it.
        pretrained_state: the state of a torchvision network without its head, from which both networks start
            if the configuration names one (`pretrained_...`); ignored on `resume`. None: from random weights.
        resume: the result of `Progress.state` in an earlier call with the same samples and configuration.
        feature_width: the most features to keep of every sample; 0: none.
        group: the processes that train this together; each calls with the same arguments and its own device,
            and only the leader's `on_progress` is called. None: only this process.

    Raises:
        ValueError: samples, labels or states do not fit each other.
        FloatingPointError: the loss is no longer a finite number.

    """
    labels = check_labels(inputs, labels_N, class_count)
    check_fits(config, shape=inputs.shape[1:])
    if resume is None:
        require_parent(config.method, has_parent=initial_state is not None)
    training = _Training(
        inputs,
        labels,
        class_count=class_count,
        config=config,
        device=torch.device(device),
        on_progress=on_progress,
        feature_width=feature_width,
        group=group or Group(),
    )
    if resume is not None:
        training.load_state(resume)
    else:
        if pretrained_state is not None:
            training.begin_pretrained(pretrained_state)
        if initial_state is not None:
            training.begin_from(initial_state)
    return training.run()


class _Training:
    """One training; `state` and `load_state` cover all that it needs to resume."""

    def __init__(
        self,
        inputs: Inputs,
        labels_N: Tensor,
        *,
        class_count: int,
        config: TrainingConfig,
        device: torch.device,
        on_progress: OnProgress | None,
        feature_width: int,
        group: Group,
    ) -> None:
        self._config = config
        self._group = group
        self._device = device
        self._on_progress = on_progress
        self._labels_N = labels_N.to(device)
        self._standardisation = standardisation.measure(inputs, device)
        self._rows = place(inputs, config, device)
        self._preparation = find_trained_kind(inputs).make_preparation(config, self._standardisation, device)
        self._unknown_classes: list[int] = []
        self._shuffling = Shuffling(
            sample_count=len(labels_N), validation_fraction=config.validation_fraction, seed=config.seed
        )
        self._bounds = split_batches(len(self._shuffling.train_index), config.batch_size)
        self._generator = torch.Generator(device)
        self._blind = BlindLabels(labels_N, config, device)
        self._learner = (CrossFittedLearner if config.folds > 1 else Learner)(
            config,
            channels=find_trained_kind(inputs).find_placed_shape(inputs.shape, config)[-1],
            class_count=class_count,
            device=device,
            generator=self._generator,
            group=group,
            seen_shares=self._blind.measure_seen_shares(self._shuffling.train_index),
        )
        self._groups_N = self._blind.group() if METHODS[config.method].needs_whole_batch else None
        self._batch_remark = self._check_batches(class_count)
        self._recorder = SignalRecorder(
            sample_count=len(labels_N),
            class_count=class_count,
            decay=config.signal_decay,
            ranking=RANKING_SCORES[config.score],
            has_predictor=self._learner.has_predictor,
            has_folds=config.folds > 1,
            device=device,
        )
        self._features = FeatureRecorder(
            sample_count=len(labels_N), width_max=feature_width, seed=config.seed, device=device
        )
        self._tally = EpochTally(
            sample_count=len(labels_N), has_predictor=self._learner.has_predictor, device=device
        )
        self._selection = Selection(patience=config.patience, warm_up_epochs=config.warm_up_epochs)
        self._memorisation = MemorisationWatch(epochs=config.epochs)
        self._stability = Stability(threshold=config.stable_correlation)
        self._step = 0
        self._own_index = torch.empty(0, dtype=torch.int64)
        self._recorded: dict[str, Any] = {}

    def _check_batches(self, class_count: int) -> Remark | None:
        """Return a remark if the method needs every class in every batch and batches lack one."""
        if self._groups_N is None:
            return None
        index = stratify(self._shuffling.train_index, self._groups_N, self._bounds)
        labels_n = self._labels_N[index.to(self._device)].cpu()
        return check_batches(labels_n, self._blind.number(index), self._bounds, class_count=class_count)

    def _order(self, epoch: int) -> Tensor:
        """Return the samples of an epoch in the order of its batches."""
        order = self._shuffling.order(epoch)
        return order if self._groups_N is None else stratify(order, self._groups_N, self._bounds)

    def _list_remarks(self) -> tuple[Remark, ...]:
        found = (self._batch_remark, describe_unknown_transitions(self._unknown_classes))
        return tuple(remark for remark in found if remark is not None)

    @property
    def _steps_per_epoch(self) -> int:
        return len(self._bounds) - 1

    @property
    def _steps(self) -> int:
        return self._config.epochs * self._steps_per_epoch

    @property
    def _is_over(self) -> bool:
        epochs_done, step_of_epoch = divmod(self._step, self._steps_per_epoch)
        has_done = self._stability.is_over or self._selection.is_over(epochs_done)
        return (step_of_epoch == 0 and has_done) or self._step >= self._steps

    def begin_pretrained(self, state: Mapping[str, Tensor]) -> None:
        """Start both networks from pretrained weights."""
        self._learner.begin_pretrained(state)

    def begin_from(self, state: Mapping[str, Tensor]) -> None:
        """Start the networks that are fitted to the labels from trained ones, and estimate T if needed."""
        start = StartState.from_tensors(state)
        start.check_held_back(self._blind.membership_N)
        self._learner.begin_from(start, self._read_plain)
        if METHODS[self._config.method].estimates_transitions:
            self._unknown_classes = self._learner.estimate_transitions(
                self._read_plain, self._blind.select(self._shuffling.train_index.to(self._device))
            )

    def _read_plain(self) -> Iterator[Tensor]:
        """Yield the samples that are trained on, in order and without augmentation."""
        index = self._shuffling.train_index
        for _, rows_B in self._rows.read(index, split_batches(len(index), SCORING_BATCH)):
            yield self._preparation.prepare_plain(rows_B)

    def run(self) -> TrainingResult:
        """Train from the current step, then score all samples once more."""
        started = time.monotonic()
        pace = Pace(step=self._step, steps=self._steps)
        while not self._is_over:
            self._run_epoch(pace)
        samples_per_second, _ = pace.report(self._step)
        self._score()
        transition_KK = self._learner.transition
        start_state = self._selection.state_of_best or self._copy_start_state()
        agreement_ratio = self._memorisation.agreement_ratio
        return TrainingResult(
            signals=self._recorder.collect_signals(classifier_share=weigh_classifier(agreement_ratio)),
            agreement_ratio=agreement_ratio,
            classifier_probabilities_NK=self._recorder.get_classifier_probabilities(),
            cross_fitted=self._get_cross_fitted(),
            memorisation=self._blind.measure_memorisation(processes=self._group.size),
            features_NW=self._features.get_features(),
            model_state=dict(StartState.from_tensors(start_state).classifier),
            start_state=start_state,
            input_mean=self._standardisation.mean_C.cpu().numpy(),
            input_deviation=self._standardisation.deviation_C.cpu().numpy(),
            seconds=time.monotonic() - started,
            samples_per_second=samples_per_second,
            epochs=self._step // self._steps_per_epoch,
            validation_accuracy=self._selection.accuracy,
            transition_KK=None if transition_KK is None else transition_KK.cpu().numpy(),
            remarks=self._list_remarks(),
            config=self._config,
        )

    def _get_cross_fitted(self) -> CrossFitted | None:
        probabilities_NK = self._recorder.get_scorer_probabilities()
        if self._blind.membership_N is None or probabilities_NK is None:
            return None
        return CrossFitted(
            probabilities_NK=probabilities_NK,
            in_sample_probabilities_NK=self._recorder.get_in_sample_probabilities(),
            blind_N=self._blind.membership_N.cpu().numpy(),
        )

    def _run_epoch(self, pace: Pace) -> None:
        """Do the remaining steps of the current epoch."""
        started = time.monotonic()
        epoch, done = divmod(self._step, self._steps_per_epoch)
        self._recorder.weigh_pass(self._memorisation.agreements)
        if done == 0:
            self._generator.manual_seed(self._shuffling.make_device_seed(epoch, rank=self._group.rank))
            self._tally.reset()
            self._blind.begin_epoch()
        trains_classifier = epoch >= self._config.warm_up_epochs
        for index_B, rows_B in self._read(self._order(epoch), self._bounds[done:]):
            self._run_step(index_B, rows_B, trains_classifier=trains_classifier)
            is_due = self._is_due(pace, index_B, self._step)
            if is_due and self._step % self._steps_per_epoch:
                self._check_finite(epoch)
                self._report(pace, stage="training", epoch=epoch, step=self._step)
        self._check_finite(epoch)
        self._merge()
        record = self._finish_epoch(epoch, started)
        self._report(pace, stage="training", epoch=epoch, step=self._step, finished=record)

    def _read(self, order_N: Tensor, bounds: Sequence[int]) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield this process's share of every batch, and remember the rows that it writes."""
        self._own_index, own_bounds = self._group.share(order_N, bounds)
        return self._rows.read(self._own_index, own_bounds)

    def _is_due(self, pace: Pace, index_B: Tensor, step: int) -> bool:
        """Count a batch over all processes; return whether to report now."""
        by_clock = pace.advance(len(index_B) * self._group.size)
        return self._group.is_due(step, by_clock=by_clock)

    def _merge(self) -> None:
        """Exchange the rows that the processes wrote in this pass."""
        recorded = [
            *self._recorder.list_tensors(),
            *self._tally.list_predictions(),
            *self._features.list_tensors(),
        ]
        self._group.merge(recorded, self._own_index)
        self._group.average(self._tally.sums)
        self._group.average(self._blind.sums)

    def _run_step(self, index_B: Tensor, rows_B: Tensor, *, trains_classifier: bool) -> None:
        labels_B, blind_B = self._labels_N[index_B], self._blind.select(index_B)
        outcome, classifier_logits_BK = self._learner.step(
            self._preparation.prepare_training(rows_B, self._generator),
            labels_B,
            rate=compute_learning_rate(self._config, step=self._step, steps=self._steps),
            trains_classifier=trains_classifier,
            blind_B=blind_B,
        )
        self._blind.tally(labels_B, outcome, blind_B)
        self._recorder.record(index_B, labels_B, outcome, classifier_logits_BK)
        self._tally.add(index_B, labels_B, outcome, classifier_logits_BK)
        self._step += 1

    def _finish_epoch(self, epoch: int, started: float) -> EpochRecord:
        validation_accuracy = self._validate()
        self._selection.offer(epoch=epoch + 1, accuracy=validation_accuracy, state=self._copy_start_state)
        self._stability.compare(self._recorder.order_by())
        record = self._tally.record(
            epoch=epoch + 1,
            labels_N=self._labels_N,
            counted_index=self._shuffling.train_index.to(self._device),
            held_out_index=self._shuffling.held_out_index,
            validation_accuracy=validation_accuracy,
            memorisation=self._blind.measure_memorisation(processes=self._group.size),
            learning_rate=compute_learning_rate(self._config, step=self._step - 1, steps=self._steps),
            seconds=time.monotonic() - started,
        )
        self._watch(record)
        return record

    def _watch(self, record: EpochRecord) -> None:
        """Set the classifier's stage in the objective."""
        seen = record.memorisation.in_sample_agreement if record.memorisation else record.predictor_accuracy
        stage = self._memorisation.observe(
            record.accuracy,
            predictor_agreement=seen if self._learner.has_predictor else None,
            confident_agreement=record.confident_accuracy,
        )
        if self._blind.has_rising_loss(record.memorisation):
            stage = self._memorisation.begin_memorising()
        if stage is not self._learner.stage:
            self._learner.advance(stage)

    def _validate(self) -> float | None:
        """Score the held-out samples, out of sample for every signal; return f's accuracy on them."""
        index = self._shuffling.held_out_index
        if len(index) == 0:
            return None
        for index_B, rows_B in self._read(index, split_batches(len(index), SCORING_BATCH)):
            labels_B = self._labels_N[index_B]
            inputs_B = self._preparation.prepare_plain(rows_B)
            outcome, classifier_logits_BK = self._learner.score_batch(
                inputs_B, labels_B, self._blind.select(index_B)
            )
            self._recorder.record(index_B, labels_B, outcome, classifier_logits_BK)
            self._tally.predict(index_B, outcome, classifier_logits_BK)
        self._merge()
        return self._tally.measure_accuracy(self._labels_N, index.to(self._device))

    def _score(self) -> None:
        """Score all samples in order with the trained networks."""
        # The last pass counts once, even if a training is resumed in the middle of it.
        self._recorded = self._recorder.state()
        self._recorder.weigh_pass(self._memorisation.agreements)
        bounds = split_batches(len(self._labels_N), SCORING_BATCH)
        pace = Pace(step=0, steps=len(bounds) - 1)
        batches = self._read(torch.arange(len(self._labels_N)), bounds)
        for step, (index_B, rows_B) in enumerate(batches, start=1):
            last = self._learner.compute_last_outputs(
                self._preparation.prepare_plain(rows_B), self._blind.select(index_B)
            )
            self._features.record(index_B, last.features_BD)
            self._recorder.record_last(
                index_B, self._labels_N[index_B], last.scoring_logits_BK, last.in_sample_logits_BK
            )
            if self._is_due(pace, index_B, self._step + step) or step == pace.steps:
                epochs_done = self._step // self._steps_per_epoch
                self._report(pace, stage="scoring", epoch=epochs_done - 1, step=step)
        self._merge()

    def _check_finite(self, epoch: int) -> None:
        """Raise FloatingPointError if a loss is not a finite number; this waits for the device."""
        if not math.isfinite(self._group.sum_values(self._tally.sum_losses())):
            raise FloatingPointError(
                f"Training diverged in epoch {epoch + 1}: the loss is no longer finite. "
                f"Lower the learning rate (now {self._config.learning_rate:g})."
            )

    def _report(
        self, pace: Pace, *, stage: str, epoch: int, step: int, finished: EpochRecord | None = None
    ) -> None:
        samples_per_second, eta_seconds = pace.report(step)
        progress = Progress(
            stage=stage,
            epoch=epoch + 1,
            epochs=self._config.epochs,
            step=step,
            steps=pace.steps,
            samples_per_second=samples_per_second,
            eta_seconds=eta_seconds,
            finished=finished,
            signals=self._collect_signals,
            state=self._collect_state,
            model_state=self._copy_model_state,
        )

        def report() -> None:
            if self._on_progress is not None:
                self._on_progress(progress)

        self._group.hold_barrier(report, self._merge, seconds_per_step=pace.measure_step_seconds(step))

    def _collect_signals(self) -> Signals:
        self._group.gather(self._merge)
        return self._recorder.collect_signals()

    def _collect_state(self) -> dict[str, Any]:
        self._group.gather(self._merge)
        return self.state()

    def _copy_start_state(self) -> dict[str, Tensor]:
        membership_N = self._blind.membership_N
        blind_N = None if membership_N is None else membership_N.cpu()
        return replace(self._learner.copy_start_state(), blind_N=blind_N).to_tensors()

    def _copy_model_state(self) -> dict[str, Tensor]:
        return copy_to_cpu(self._learner.classifier.state_dict())

    def state(self) -> dict[str, Any]:
        """Return copies of all that `load_state` needs; callable in the middle of an epoch too."""
        return {
            "format": STATE_FORMAT,
            "config": asdict(self._config),
            "sample_count": len(self._labels_N),
            "step": self._step,
            "generator": self._generator.get_state().clone(),
            "unknown_classes": self._unknown_classes,
            "learner": self._learner.state(),
            "recorder": self._recorded or self._recorder.state(),
            "tally": self._tally.state(),
            **self._blind.state(),
            "selection": self._selection.state(),
            "memorisation": self._memorisation.state(),
            "stability": self._stability.state(),
        }

    def load_state(self, state: Mapping[str, Any]) -> None:
        """Continue where `state` was called; raise ValueError for the state of another training."""
        expected = (STATE_FORMAT, asdict(self._config), len(self._labels_N))
        if (state.get("format"), state.get("config"), state.get("sample_count")) != expected:
            raise ValueError("The state to resume belongs to another configuration or dataset.")
        self._step = state["step"]
        self._unknown_classes = state["unknown_classes"]
        self._generator.set_state(state["generator"])
        if self._group.rank:  # the state has the leader's generator; the others start theirs again
            self._generator.manual_seed(self._shuffling.make_device_seed(self._step, rank=self._group.rank))
        self._learner.load_state(state["learner"])
        self._recorder.load_state(state["recorder"])
        self._tally.load_state(state["tally"])
        self._blind.load_state(state)
        self._selection.load_state(state["selection"])
        self._memorisation.load_state(state["memorisation"])
        self._stability.load_state(state["stability"], self._device)
