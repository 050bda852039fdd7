"""Variants of an audit: their differences, and their figures over runs."""

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
    differing = _find_differing_fields([each[0].request for each in grouped.values()])
    return [
        {
            "number": number,
            "label": name_variant(each[0], differing),
            "request": each[0].request,
            "runs": [run.number for run in each],
            "is_chosen": all(run.is_chosen for run in each),
            "figures": _summarise_results(each),
        }
        for number, each in sorted(grouped.items())
    ]


def name_variant(run: Run, differing: Sequence[str]) -> str:
    """Return the paper's name of a run's method, with the values in which its variant differs."""
    method = ALL_METHODS.get(run.method or "")
    name = "chosen method" if method is None else method.paper_name
    if method is not None and method.gradient_noise:
        name += " + S" if run.request.get("sample_gradients") else " - S"
        name += " + init." if run.parent_number is not None else ""
    differences = [
        f"{field} {_format_value(run.request[field])}" for field in differing if field in run.request
    ]
    return ", ".join([name, *differences])


def _find_differing_fields(requests: Sequence[Json]) -> list[str]:
    """Return the fields whose values differ between requests, except those in a method's name."""
    fields = dict.fromkeys(name for request in requests for name in request if name not in IN_THE_NAME)
    return [
        name for name in fields if any(request.get(name) != requests[0].get(name) for request in requests)
    ]


def _format_value(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def _summarise_results(runs: Sequence[Run]) -> dict[str, Json]:
    results = [run.result for run in runs if run.result]
    names = dict.fromkeys(name for result in results for name in result)
    values_by_name = {
        name: [result[name] for result in results if result.get(name) is not None] for name in names
    }
    return {
        name: {"mean": fmean(values), "standard_deviation": stdev(values) if len(values) > 1 else None}
        for name, values in values_by_name.items()
        if values
    }
