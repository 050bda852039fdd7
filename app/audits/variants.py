"""The variants of an audit: what tells them apart, and their figures over runs."""

from collections.abc import Sequence
from statistics import fmean, stdev

from app.tables import Json, Run
from models.catalogue.methods import ALL_METHODS

IN_THE_NAME = frozenset({"method", "sample_gradients"})


def list_variants(runs: Sequence[Run]) -> list[Json]:
    """Return an audit's variants in order, each with its label, runs and figures."""
    grouped: dict[int, list[Run]] = {}
    for run in runs:
        if run.variant is not None:
            grouped.setdefault(run.variant, []).append(run)
    told_apart = _find_differing_fields([each[0].request for each in grouped.values()])
    return [
        {
            "number": number,
            "label": name_variant(each[0], told_apart),
            "request": each[0].request,
            "runs": [run.number for run in each],
            "is_chosen": all(run.is_chosen for run in each),
            "figures": _summarise_results(each),
        }
        for number, each in sorted(grouped.items())
    ]


def name_variant(run: Run, told_apart: Sequence[str]) -> str:
    """Return a run's method as the paper calls it, with what else tells its variant from the others."""
    method = ALL_METHODS.get(run.method or "")
    name = "chosen method" if method is None else method.paper_name
    if method is not None and method.gradient_noise:
        name += " + S" if run.request.get("sample_gradients") else " - S"
        name += " + init." if run.parent_number is not None else ""
    own = [f"{field} {_format_value(run.request[field])}" for field in told_apart if field in run.request]
    return ", ".join([name, *own])


def _find_differing_fields(requests: Sequence[Json]) -> list[str]:
    """Return the fields that have not the same value in every request, but for those of a method's name."""
    fields = dict.fromkeys(name for request in requests for name in request if name not in IN_THE_NAME)
    return [
        name for name in fields if any(request.get(name) != requests[0].get(name) for request in requests)
    ]


def _format_value(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def _summarise_results(runs: Sequence[Run]) -> dict[str, Json]:
    results = [run.result for run in runs if run.result]
    names = dict.fromkeys(name for result in results for name in result)
    found = {name: [result[name] for result in results if result.get(name) is not None] for name in names}
    return {
        name: {"mean": fmean(values), "standard_deviation": stdev(values) if len(values) > 1 else None}
        for name, values in found.items()
        if values
    }
