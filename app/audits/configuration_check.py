"""What is asked of an audit, held against its dataset and against what a worker would accept."""

from collections.abc import Sequence

from app.audits.audit_configuration import AuditConfiguration, Rehearsal
from app.audits.configuration_errors import refuse
from app.audits.run_plans import RunPlan
from app.tables import Dataset
from models.catalogue.methods import EXTERNAL
from models.configuration.defaults import Situation
from models.configuration.device_traits import TYPICAL
from models.configuration.invalid_configuration import InvalidConfiguration
from models.configuration.planned_training import complete_request

MATRIX_TOLERANCE = 1e-5
"""By which a row of a rehearsal's matrix may miss 1; the worker allows a little more."""


def check_configuration(
    dataset: Dataset, configuration: AuditConfiguration, plans: Sequence[RunPlan], *, devices: Sequence[str]
) -> None:
    """Raise Invalid where a configuration does not fit its dataset, or a worker would refuse one of its runs.

    Every planned run is asked about with the worker's own check, parents too. Fields left open depend on the
    class of device, and so may the answer: a run is refused where every class that may take it refuses it.
    Attached probabilities are not trained on, and the fields of a training mean nothing to them.

    Args:
        dataset: that is ready.
        configuration: what was asked.
        plans: its runs.
        devices: the classes of device that may train it, "cpu" and "gpu".

    """
    if configuration.rehearsal is not None:
        _check_rehearsal(dataset.class_names or [], configuration.rehearsal)
    if configuration.is_external:
        _check_external(dataset, configuration)
    else:
        _check_runs(dataset, configuration, plans, devices)


def _check_runs(
    dataset: Dataset, configuration: AuditConfiguration, plans: Sequence[RunPlan], devices: Sequence[str]
) -> None:
    situations = [
        Situation(
            shape=tuple(dataset.shape or ()),
            sample_count=dataset.sample_count or 0,
            class_count=len(dataset.class_names or ()),
            device=TYPICAL[device],
        )
        for device in devices
    ]
    # Runs that differ by their seed alone get the same answer.
    for plan in {(plan.request, plan.parent_number is None): plan for plan in reversed(plans)}.values():
        refusal = _find_refusal(plan, situations)
        if refusal is not None:
            raise refuse(str(refusal), refusal.fields, configuration=configuration, entry=plan.entry)


def _find_refusal(plan: RunPlan, situations: Sequence[Situation]) -> InvalidConfiguration | None:
    """Return why no class of device accepts a run, in the words of the first; None where one accepts it."""
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
    """Raise Invalid where attached probabilities are to be ranked that are not there, or to be trained."""
    if dataset.probabilities is None:
        raise refuse(
            f"the method {EXTERNAL.name!r} needs probabilities: PUT /v1/datasets/{{id}}/probabilities",
            ("method",),
        )
    asked = {
        "rehearsal": configuration.rehearsal is not None,
        "compare": bool(configuration.compare),
        "search": configuration.search is not None,
        "repeats": configuration.repeats > 1,
        "initialise": configuration.initialise != "none",
    }
    strange = [name for name, is_asked in asked.items() if is_asked]
    if strange:
        raise refuse(
            f"with the method {EXTERNAL.name!r} nothing is trained: it takes none of rehearsal, compare,"
            " search, repeats and initialise",
            strange,
        )


def _check_rehearsal(class_names: Sequence[str], rehearsal: Rehearsal) -> None:
    mapping, matrix, count = rehearsal.mapping or {}, rehearsal.matrix, len(class_names)
    unknown = sorted({*mapping, *mapping.values()} - {*class_names})
    if unknown:
        raise refuse(
            f"the rehearsal's mapping names classes that are not there: {unknown[:5]}",
            ("rehearsal/mapping",),
        )
    if matrix is not None and {len(matrix), *map(len, matrix)} != {count}:
        raise refuse(
            f"the rehearsal's matrix must be {count} by {count}, as the classes are", ("rehearsal/matrix",)
        )
    if any(abs(sum(row) - 1) > MATRIX_TOLERANCE or min(row) < 0 for row in matrix or ()):
        raise refuse(
            "every row of the rehearsal's matrix must be probabilities that sum to 1", ("rehearsal/matrix",)
        )
