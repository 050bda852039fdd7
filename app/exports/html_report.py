"""An audit's report as one HTML file that loads nothing else."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from app.exports.audit_source import AuditSource
from app.exports.registry import HTML, ExportFile
from app.figures import audit_figures, paper_figures, review_figures
from app.figures.audit_figures import FigureSource
from app.figures.figure_data import INK, RIGHT, WRONG, Chart
from app.reviews.checked_summary import read_summary
from app.reviews.error_sources import ErrorSources, find_sources
from app.reviews.source_words import describe_findings
from app.reviews.verdicts import count_reviews as count_verdicts
from app.schemas.audits.result_schemas import Suspect
from app.tables import Audit, AuditMetrics, Dataset, Json

SUSPECTS_MAX, CLASSES_MAX, PAIRS_MAX = 60, 50, 12
COLOURS = {INK: "var(--soft)", RIGHT: "var(--right)", WRONG: "var(--wrong)"}
"""Colours of the style sheet, which follow the reader's light or dark setting."""

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
class ReportSuspect:
    """A suspect with its image as a data URL, or the first words of its text; None if it has none."""

    suspect: Suspect
    picture: str | None
    words: str | None


def write_report(source: AuditSource) -> ExportFile:
    """Write the report of an audit."""
    with source.database.transaction() as session:
        stored = session.get(AuditMetrics, source.audit.id)
        verdicts = count_verdicts(session, source.dataset)
        summary = read_summary(session, source.audit) or {}
        has_sources = bool(source.dataset.own_columns) and not source.audit.is_rehearsal
        sources = find_sources(session.connection(), source.audit, source.dataset) if has_sources else None
        memorisation = audit_figures.make_memorisation(
            FigureSource(session=session, audit=source.audit, dataset=source.dataset)
        )
    picture = source.embed_pictures() if source.has_pictures else None
    words = source.open_words(is_whole=False)
    text = _render(
        source.dataset,
        source.audit,
        summary=summary,
        metrics=None if stored is None else stored.document,
        verdicts=verdicts,
        memorisation=memorisation,
        sources=sources,
        suspects=[
            ReportSuspect(
                suspect=suspect,
                picture=None if picture is None else picture(suspect),
                words=None if words is None else words(suspect),
            )
            for suspect in source.read_suspects(SUSPECTS_MAX)
        ],
    )
    return ExportFile(name="report.html", media_type=HTML, blocks=iter([text.encode()]))


def _render(
    dataset: Dataset,
    audit: Audit,
    *,
    summary: dict[str, Any],
    metrics: Json | None,
    verdicts: dict[str, int],
    memorisation: Chart | None,
    sources: ErrorSources | None,
    suspects: Sequence[ReportSuspect],
) -> str:
    is_claimed = summary["expected_error_count"] is not None
    figure = "expected_errors" if is_claimed else "label_issues"
    classes = sorted(summary["per_class"], key=lambda one: -one[figure])
    return environment.get_template("report.html").render(
        dataset=dataset,
        audit=audit,
        summary=summary,
        metrics=metrics,
        verdicts={verdict: number for verdict, number in verdicts.items() if number},
        classes=classes[:CLASSES_MAX],
        more_classes=max(0, len(classes) - CLASSES_MAX),
        is_claimed=is_claimed,
        estimate=summary.get("estimate"),
        most_errors=max([1e-9, *(one[figure] for one in classes)]),
        pairs=summary.get("confused_pairs", [])[:PAIRS_MAX],
        sources=sources,
        findings=[] if sources is None else describe_findings(sources),
        histogram=_draw_histogram(summary, metrics),
        budget=_draw_budget(summary),
        memorisation=None if memorisation is None else _draw(replace(memorisation, columns=1)),
        suspects=suspects,
        runs=(audit.provenance or {}).get("runs", []),
        versions=(audit.provenance or {}).get("versions", {}),
    )


def _draw_histogram(summary: Json, metrics: Json | None) -> Markup:
    document = (summary if metrics is None else metrics)["histogram"]
    chart = paper_figures.make_histogram(
        document, title="Histogram of distances", quantity="distance", scale="square root"
    )
    return _draw(chart)


def _draw_budget(summary: Json) -> Markup | None:
    budget = summary.get("budget")
    return _draw(review_figures.make_budget(budget)) if budget else None


def _draw(chart: Chart) -> Markup:
    from app.figures import matplotlib_drawer  # noqa: PLC0415 - takes a second, rarely needed

    return Markup(matplotlib_drawer.draw_inline(chart, colours=COLOURS))  # noqa: S704 - matplotlib escapes texts
