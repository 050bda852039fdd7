"""From an audit's configuration to its runs: what is compared, searched and repeated, and what starts what.

A variant is one configuration that competes; the runs of a variant differ by their seed alone. A plain audit
has one variant of one run, an ensemble one variant of several, a search or a comparison several variants.
"""

from collections.abc import Iterator
from typing import Any

from app.audits import search_grids
from app.infra.errors import Invalid
from app.tables import Json

GIVEN = "probabilities"
"""The method that trains nothing: attached probabilities are ranked."""
STARTS_FROM_CE = frozenset({"fw", "dmi"})
# The paper holds out a fifth of the samples, with their given labels, to choose by.
VALIDATION_FRACTION = 0.2
RUNS_MAX = 500
OF_THE_AUDIT = frozenset(
    {"initialise", "seed", "rehearsal", "search", "repeats", "compare", "device", "device_memory_gb"}
)
SHARED_WITH_PARENT = (
    "backbone",
    "network", "input_size", "batch_size", "augmentation", "precision", "epochs", "patience", "schedule",
    "learning_rate", "validation_fraction",
)  # fmt: skip
LIMIT = frozenset({"limit", "limit_c", "limit_g", "limit_l"})
METHODS_OF = {
    "beta": LIMIT | {"soft_regularisation"},
    "sample_gradients": LIMIT,
    "noise_lambda": LIMIT,
    "warm_up_epochs": LIMIT | {"soft_regularisation"},
    "noise_std": frozenset({"ce_gn", "ce_ln"}),
    "soft_lambda": frozenset({"soft_regularisation"}),
}


def plan_runs(configuration: Json) -> list[Json]:
    """Return the runs that answer a configuration: number, parent, variant, seed and what is asked of each.

    Raises:
        Invalid: nothing is held out to choose between variants by, or there are too many runs.

    """
    variants = list(_variants(configuration))
    if len(variants) > 1:
        variants = [(_held_out(asked), from_ce) for asked, from_ce in variants]
    repeats = configuration.get("repeats") or 1
    if len(variants) * repeats > RUNS_MAX:
        raise Invalid(
            f"{len(variants)} variants, {repeats} runs each, exceed the {RUNS_MAX} runs of an audit"
        )
    runs: list[Json] = []
    for seed in range(configuration["seed"], configuration["seed"] + repeats):
        _plan_seed(runs, variants, seed)
    return runs


def methods(configuration: Json) -> set[str]:
    """Return the methods that a configuration names, its own or those of what it compares."""
    compared = configuration.get("compare") or []
    named = {own if isinstance(own, str) else own["method"] for own in compared}
    return {method for method in named | {configuration.get("method")} if method is not None}


def networks(configuration: Json) -> set[str]:
    """Return the networks that a configuration names, its own or those of what it compares."""
    named = [configuration, *(own for own in configuration.get("compare") or [] if not isinstance(own, str))]
    return {each["network"] for each in named if each.get("network") is not None}


def _variants(configuration: Json) -> Iterator[tuple[Json, bool]]:
    """Yield what is asked of every variant, and whether it starts from a cross-entropy run."""
    for compared in configuration.get("compare") or [{}]:
        own = {"method": compared} if isinstance(compared, str) else compared
        whole = configuration | {name: value for name, value in own.items() if value is not None}
        asked = {
            name: value for name, value in whole.items() if value is not None and name not in OF_THE_AUDIT
        }
        for settings in search_grids.settings(_grid(whole)):
            both = _without_strangers(asked | settings) if configuration.get("compare") else asked | settings
            yield both, whole["initialise"] == "ce" or asked.get("method") in STARTS_FROM_CE


def _grid(whole: Json) -> search_grids.Grid:
    """Return what is searched: nothing, the paper's grid, or of the given one what the method knows."""
    method, search = whole.get("method"), whole.get("search") or {}
    if search == "paper":
        return search_grids.paper(method, samples=bool(whole.get("sample_gradients")))
    return {name: values for name, values in search.items() if values is not None and _knows(method, name)}


def _knows(method: str | None, field: str) -> bool:
    return method is None or field not in METHODS_OF or method in METHODS_OF[field]


def _without_strangers(asked: Json) -> Json:
    """Leave out what only other methods know, so that equal trainings are seen to be equal."""
    return {name: value for name, value in asked.items() if _knows(asked.get("method"), name)}


def _held_out(asked: Json) -> Json:
    fraction = asked.get("validation_fraction", VALIDATION_FRACTION)
    if not fraction:
        raise Invalid(
            "several variants are chosen between on held-out samples: validation_fraction must be above 0"
        )
    return asked | {"validation_fraction": fraction}


def _plan_seed(runs: list[Json], variants: list[tuple[Json, bool]], seed: int) -> None:
    """Append one seed's runs, a parent before the runs that start from it."""
    started: list[tuple[Json, int]] = []
    for variant, (asked, from_ce) in enumerate(variants):
        parent = None
        if from_ce:
            request = _parent(asked)
            parent = next((number for known, number in started if known == request), None)
            if parent is None:
                parent = _append(runs, None, None, seed, request)
                started.append((request, parent))
        number = _append(runs, parent, variant, seed, asked)
        started.append((asked, number))


def _append(runs: list[Json], parent: int | None, variant: int | None, seed: int, request: Json) -> int:
    runs.append(
        {
            "number": len(runs),
            "parent_number": parent,
            "variant": variant,
            "seed": seed,
            "request": request,
        }
    )
    return len(runs) - 1


def _parent(asked: Json) -> dict[str, Any]:
    """Return the cross-entropy run that a variant starts from; it never sees what the variant holds out."""
    own_rate = asked.get("method") == "dmi"  # DMI's learning rate is tuned for DMI
    shared = {
        name: asked[name]
        for name in SHARED_WITH_PARENT
        if name in asked and not (own_rate and name == "learning_rate")
    }
    fraction = asked.get("validation_fraction") or VALIDATION_FRACTION
    return shared | {"method": "ce", "validation_fraction": fraction}
