"""An audit's report as one HTML file: it opens from disk and loads nothing."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from app.exports.audit_source import AuditSource
from app.exports.registry import HTML, ExportFile
from app.figures import svg_charts
from app.reviews.verdicts import count_reviews as count_verdicts
from app.schemas.result_schemas import Suspect
from app.tables import Audit, AuditMetrics, Dataset, Json

SUSPECTS, MOST_CLASSES, MOST_PAIRS = 60, 50, 12

environment = Environment(
    loader=PackageLoader("app.exports", "templates"),
    undefined=StrictUndefined,
    autoescape=True,
    trim_blocks=True,
    lstrip_blocks=True,
)
environment.filters["count"] = lambda value: f"{value:,.0f}".replace(",", "\N{NARROW NO-BREAK SPACE}")
environment.filters["percent"] = lambda value: f"{100 * value:.1f}\N{NARROW NO-BREAK SPACE}%"


@dataclass(frozen=True, kw_only=True)
class Shown:
    """A suspect with its picture as a data address, None for a row of features."""

    suspect: Suspect
    picture: str | None


def write_report(source: AuditSource) -> ExportFile:
    """Write the report of an audit."""
    with source.database.transaction() as session:
        stored = session.get(AuditMetrics, source.audit.id)
        verdicts = count_verdicts(session, source.dataset)
    picture = source.embed_pictures() if source.has_pictures else None
    text = _render(
        source.dataset,
        source.audit,
        metrics=None if stored is None else stored.document,
        verdicts=verdicts,
        shown=[
            Shown(suspect=suspect, picture=None if picture is None else picture(suspect))
            for suspect in source.read_suspects(SUSPECTS)
        ],
    )
    return ExportFile(name="report.html", media_type=HTML, blocks=iter([text.encode()]))


def _render(
    dataset: Dataset, audit: Audit, *, metrics: Json | None, verdicts: dict[str, int], shown: Sequence[Shown]
) -> str:
    summary: dict[str, Any] = audit.summary or {}
    classes = sorted(summary["per_class"], key=lambda one: -one["expected_errors"])
    return environment.get_template("report.html").render(
        dataset=dataset,
        audit=audit,
        summary=summary,
        metrics=metrics,
        verdicts={verdict: number for verdict, number in verdicts.items() if number},
        classes=classes[:MOST_CLASSES],
        more_classes=max(0, len(classes) - MOST_CLASSES),
        most_errors=max([1e-9, *(one["expected_errors"] for one in classes)]),
        pairs=summary.get("confused_pairs", [])[:MOST_PAIRS],
        histogram=_histogram(summary, metrics),
        budget=_budget(summary),
        shown=shown,
        runs=(audit.provenance or {}).get("runs", []),
        versions=(audit.provenance or {}).get("versions", {}),
    )


def _histogram(summary: Json, metrics: Json | None) -> Markup:
    if metrics is not None:
        found = metrics["histogram"]
        return svg_charts.histogram(found["edges"], [("right", found["right"]), ("wrong", found["wrong"])])
    found = summary["histogram"]
    return svg_charts.histogram(found["edges"], [("all", found["counts"])])


def _budget(summary: Json) -> Markup | None:
    found = summary.get("budget")
    if not found:
        return None
    label = "samples reviewed, and wrong labels expected among them"
    return svg_charts.line(found["review"], found["expected_found"], label=label)
