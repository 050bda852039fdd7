"""Planning of an audit's runs: comparison, search, repeats, and parent runs.

A variant is one of the compared configurations; the runs of a variant differ only in their seed. A plain
audit has one variant with one run, an ensemble one variant with several runs, a search or comparison several
variants.
"""

import math
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import product
from typing import Any

from app.audits.audit_configuration import AuditConfiguration, Compared, Grid
from app.audits.configuration_errors import refuse
from models.catalogue.methods import METHODS, PARENT_METHOD, get_paper_grid, has_field
from models.catalogue.training_request import TrainingRequest

# The paper holds out 20 % of the samples, with their given labels, for model selection.
VALIDATION_FRACTION = 0.2
RUNS_MAX = 500
# Parent and child have the same seed and so the same blind labels: what is held back from one is from both.
SHARED_WITH_PARENT = (
    "encoder", "backbone",
    "network", "input_size", "batch_size", "augmentation", "precision", "epochs", "patience", "schedule",
    "learning_rate", "validation_fraction", "folds", "blind_fraction",
)  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class RunPlan:
    """One run of an audit."""

    number: int
    parent_number: int | None
    """The run whose network this one starts from."""
    variant: int | None
    """None: a parent run, trained only to initialise others."""
    seed: int
    request: TrainingRequest
    entry: int | None
    """Index of its entry in `compare`; None: nothing is compared."""


@dataclass(frozen=True, kw_only=True)
class _Variant:
    request: TrainingRequest
    starts_from_parent: bool
    entry: int | None


def plan_runs(configuration: AuditConfiguration) -> list[RunPlan]:
    """Return the runs for a configuration.

    Raises:
        Invalid: there are several variants but no held-out samples to choose by, or too many runs.

    """
    _check_count(configuration)
    variants = list(_list_variants(configuration))
    if len(variants) > 1:
        variants = [_hold_out(configuration, variant) for variant in variants]
    runs: list[RunPlan] = []
    for seed in range(configuration.seed, configuration.seed + configuration.repeats):
        _plan_seed(runs, variants, seed)
    return runs


def _check_count(configuration: AuditConfiguration) -> None:
    """Refuse too many runs before creating any: seven lists of twenty values are 1.28 billion variants."""
    grids = [_choose_grid(configuration, training) for training, _, _ in _list_entries(configuration)]
    variants = sum(math.prod(map(len, grid.values())) for grid in grids)
    if variants * configuration.repeats > RUNS_MAX:
        raise refuse(
            f"{variants} variants, {configuration.repeats} runs each, exceed the {RUNS_MAX} runs of an audit",
            ("search",) if configuration.search else ("compare",),
        )


def _list_entries(
    configuration: AuditConfiguration,
) -> Iterator[tuple[TrainingRequest, Compared | None, int | None]]:
    """Yield the request of every compared training, its entry and the entry's index."""
    if not configuration.compare:
        yield configuration.training, None, None
    for number, entry in enumerate(configuration.compare):
        yield replace(configuration.training, **entry.training.list_given()), entry, number


def _list_variants(configuration: AuditConfiguration) -> Iterator[_Variant]:
    for training, entry, number in _list_entries(configuration):
        initialise = configuration.initialise if entry is None else entry.initialise
        method = METHODS.get(training.method or "")
        needs_parent = method is not None and method.needs_parent
        for settings in list_settings(_choose_grid(configuration, training)):
            request = replace(training, **settings)
            yield _Variant(
                request=request if entry is None else _drop_unused_fields(request),
                starts_from_parent=needs_parent or (initialise or configuration.initialise) == "ce",
                entry=number,
            )


def _choose_grid(configuration: AuditConfiguration, training: TrainingRequest) -> Grid:
    """Return the grid to search: empty, the paper's, or the requested fields that the method uses."""
    search = configuration.search
    if search is None:
        return {}
    if not isinstance(search, str):
        return {name: values for name, values in search.items() if _uses_field(training, name)}
    if training.method is not None and training.method not in METHODS:
        return {}
    return get_paper_grid(training.method, samples=bool(training.sample_gradients))


def list_settings(grid: Grid) -> list[dict[str, Any]]:
    """Return every combination of a grid's values; one empty combination for an empty grid."""
    return [dict(zip(grid, values, strict=True)) for values in product(*grid.values())]


def _uses_field(training: TrainingRequest, field: str) -> bool:
    return training.method not in METHODS or has_field(training.method, field)


def _drop_unused_fields(request: TrainingRequest) -> TrainingRequest:
    """Drop fields that only other methods use, so that equal trainings compare equal."""
    unused = [name for name in request.list_given() if not _uses_field(request, name)]
    return replace(request, **dict.fromkeys(unused))


def _hold_out(configuration: AuditConfiguration, variant: _Variant) -> _Variant:
    fraction = variant.request.validation_fraction
    if fraction == 0:
        raise refuse(
            "held-out samples choose between several variants: validation_fraction must be above 0",
            ("validation_fraction",),
            configuration=configuration,
            entry=variant.entry,
        )
    request = replace(variant.request, validation_fraction=fraction or VALIDATION_FRACTION)
    return replace(variant, request=request)


def _plan_seed(runs: list[RunPlan], variants: list[_Variant], seed: int) -> None:
    """Append one seed's runs, each parent before its children."""
    started: list[RunPlan] = []
    for number, variant in enumerate(variants):
        parent = None
        if variant.starts_from_parent:
            request = _make_parent(variant.request)
            equal = [run for run in started if run.request == request]
            parent = equal[0] if equal else _append(runs, started, None, None, seed, variant, request)
        _append(runs, started, parent, number, seed, variant, variant.request)


def _append(  # noqa: PLR0917 - the parts of a run
    runs: list[RunPlan],
    started: list[RunPlan],
    parent: RunPlan | None,
    number: int | None,
    seed: int,
    variant: _Variant,
    request: TrainingRequest,
) -> RunPlan:
    run = RunPlan(
        number=len(runs),
        parent_number=None if parent is None else parent.number,
        variant=number,
        seed=seed,
        request=request,
        entry=variant.entry,
    )
    runs.append(run)
    started.append(run)
    return run


def _make_parent(request: TrainingRequest) -> TrainingRequest:
    """Return the cross-entropy run that initialises a variant and never trains on its held-out samples."""
    method = METHODS.get(request.method or "")
    # A learning rate tuned for the method does not suit its parent.
    has_own_rate = method is not None and "learning_rate" in method.defaults
    shared = {
        name: value
        for name, value in request.list_given().items()
        if name in SHARED_WITH_PARENT and not (has_own_rate and name == "learning_rate")
    }
    fraction = request.validation_fraction or VALIDATION_FRACTION
    return TrainingRequest(**shared | {"method": PARENT_METHOD, "validation_fraction": fraction})
