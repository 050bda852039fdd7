"""Check of an audit's configuration against its dataset and the worker's own check."""

from collections.abc import Sequence
from pathlib import Path

from app.audits.audit_configuration import AuditConfiguration, Rehearsal
from app.audits.configuration_errors import refuse
from app.audits.run_plans import RunPlan
from app.datasets import dataset_service
from app.infra.errors import Invalid
from app.kinds.training_situation import describe_situation
from app.tables import Dataset
from models.catalogue.methods import EXTERNAL
from models.configuration.defaults import Situation
from models.configuration.device_traits import TYPICAL
from models.configuration.invalid_configuration import InvalidConfiguration
from models.configuration.planned_training import complete_request

MATRIX_TOLERANCE = 1e-5
"""Tolerance for the row sums of a rehearsal's matrix; the worker allows a little more."""


def check_configuration(
    dataset: Dataset,
    configuration: AuditConfiguration,
    plans: Sequence[RunPlan],
    *,
    devices: Sequence[str],
    encoders_dir: Path | None = None,
) -> None:
    """Raise Invalid if a configuration does not fit its dataset, or a worker would refuse one of its runs.

    Every planned run goes through the worker's own check, parents too. Defaults depend on the device class,
    and so can the result: a run is refused if every possible device class refuses it. An audit of attached
    probabilities trains nothing, so training fields do not apply to it.

    Args:
        dataset: a ready dataset.
        configuration: the requested configuration.
        plans: its runs.
        devices: the device classes that can train it, "cpu" and "gpu".
        encoders_dir: the folder of encoders that people added; None: only those of the catalogue exist.

    """
    if dataset_service.has_sets(dataset):
        raise Invalid(
            "the labels of this dataset are sets of classes, and one class is audited at a time;"
            f" POST /v1/datasets/{dataset.id}/class-views makes a dataset of each"
        )
    if configuration.rehearsal is not None:
        _check_rehearsal(dataset.class_names or [], configuration.rehearsal)
    if configuration.is_external:
        _check_external(dataset, configuration)
    else:
        _check_runs(dataset, configuration, plans, devices, encoders_dir)


def _check_runs(
    dataset: Dataset,
    configuration: AuditConfiguration,
    plans: Sequence[RunPlan],
    devices: Sequence[str],
    encoders_dir: Path | None,
) -> None:
    situations = [describe_situation(dataset, TYPICAL[device], encoders_dir) for device in devices]
    # Runs that differ only in their seed get the same result.
    for plan in {(plan.request, plan.parent_number is None): plan for plan in reversed(plans)}.values():
        refusal = _find_refusal(plan, situations)
        if refusal is not None:
            raise refuse(str(refusal), refusal.fields, configuration=configuration, entry=plan.entry)


def _find_refusal(plan: RunPlan, situations: Sequence[Situation]) -> InvalidConfiguration | None:
    """Return the first device class's error if all refuse a run; None: one accepts it."""
    refusals = []
    for situation in situations:
        try:
            complete_request(
                plan.request, situation, seed=plan.seed, has_parent=plan.parent_number is not None
            )
        except InvalidConfiguration as error:
            refusals.append(error)
        else:
            return None
    return refusals[0]


def _check_external(dataset: Dataset, configuration: AuditConfiguration) -> None:
    """Raise Invalid if the dataset has no attached probabilities, or a training field is set."""
    if dataset.probabilities is None:
        raise refuse(
            f"the method {EXTERNAL.name!r} needs probabilities: PUT /v1/datasets/{{id}}/probabilities",
            ("method",),
        )
    is_set = {
        "rehearsal": configuration.rehearsal is not None,
        "compare": bool(configuration.compare),
        "search": configuration.search is not None,
        "repeats": configuration.repeats > 1,
        "initialise": configuration.initialise != "none",
    }
    unsupported = [name for name, value in is_set.items() if value]
    if unsupported:
        raise refuse(
            f"with the method {EXTERNAL.name!r} nothing is trained: it does not support rehearsal, compare,"
            " search, repeats and initialise",
            unsupported,
        )


def _check_rehearsal(class_names: Sequence[str], rehearsal: Rehearsal) -> None:
    mapping, matrix, count = rehearsal.mapping or {}, rehearsal.matrix, len(class_names)
    unknown = sorted({*mapping, *mapping.values()} - {*class_names})
    if unknown:
        raise refuse(
            f"the rehearsal's mapping names unknown classes: {unknown[:5]}",
            ("rehearsal/mapping",),
        )
    if matrix is not None and {len(matrix), *map(len, matrix)} != {count}:
        raise refuse(
            f"the rehearsal's matrix must be {count} by {count}, one row and column per class",
            ("rehearsal/matrix",),
        )
    if any(abs(sum(row) - 1) > MATRIX_TOLERANCE or min(row) < 0 for row in matrix or ()):
        raise refuse(
            "every row of the rehearsal's matrix must be probabilities that sum to 1", ("rehearsal/matrix",)
        )
