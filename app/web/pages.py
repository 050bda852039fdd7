"""Renders pages from templates, escaped, with a content policy that allows no foreign code."""

import re
from datetime import datetime
from http import HTTPStatus
from typing import Any

from fastapi.responses import HTMLResponse
from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from app.exports.registry import GROUPS
from app.web import assets, dataset_facts

# Hashes of the style elements that Plotly adds: an empty one, which it fills by rules, and its map library's.
PLOTLY_STYLES = (
    "'sha256-47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU='"
    " 'sha256-ji27qzEtxXZW+7dun6UwjHXJ18e6WAin1VvNtkzIE/o='"
)
POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        f"style-src 'self' {PLOTLY_STYLES}",
        "img-src 'self' data: blob:",
        "connect-src 'self'",
        "font-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    )
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cache-Control": "no-store",
}
PAGE_CLASSES = 500
"""Classes that a page lists; of more it has the first, and searches for the others."""
MISSING = "\N{EN DASH}"
MINUTE, HOUR = 60, 3600
THOUSAND = 1000


def render_page(template: str, *, status: int = HTTPStatus.OK, **values: object) -> HTMLResponse:
    """Return a page."""
    body = environment.get_template(template).render(**values)
    return HTMLResponse(body, status_code=status, headers=HEADERS)


def format_count(value: float | None) -> str:
    """Return a count with commas between thousands, as the scripts write them."""
    return MISSING if value is None else f"{value:,.0f}"


def format_percent(value: float | None, digits: int = 1) -> str:
    """Return a share in percent."""
    return MISSING if value is None else f"{100 * value:.{digits}f}\u202f%"


def format_fixed(value: float | None, digits: int = 3) -> str:
    """Return a number with this number of decimals."""
    return MISSING if value is None else f"{value:.{digits}f}"


def format_size(value: float) -> str:
    """Return a number of bytes with a suitable unit."""
    for unit in ("B", "kB", "MB", "GB"):
        if value < THOUSAND:
            return f"{value:.0f} {unit}" if unit == "B" else f"{value:.1f} {unit}"
        value /= THOUSAND
    return f"{value:.1f} TB"


def format_duration(seconds: float | None) -> str:
    """Return a duration with suitable units."""
    if seconds is None:
        return MISSING
    if seconds < MINUTE:
        return f"{seconds:.0f} s"
    if seconds < HOUR:
        return f"{seconds // MINUTE:.0f} min {seconds % MINUTE:.0f} s"
    return f"{seconds // HOUR:.0f} h {seconds % HOUR // MINUTE:.0f} min"


def format_moment(value: datetime | None) -> str:
    """Return a time to the minute, in UTC."""
    return MISSING if value is None else f"{value:%Y-%m-%d %H:%M} UTC"


def format_words(value: object) -> str:
    """Return an identifier as words."""
    return str(value).replace("_", " ")


def format_plain(value: object) -> str:
    """Return a JSON value as people write it: yes, no, four significant decimals, a dash for null."""
    if value is None:
        return MISSING
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def format_code(text: str) -> Markup:
    """Return a text whose parts between backticks are shown as code."""
    return Markup(re.sub(r"(`+)([^`]+)\1", r"<code>\2</code>", str(escape(text))))  # noqa: S704 - it is escaped before


def _make_environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("app.web"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "count": format_count,
        "percent": format_percent,
        "fixed": format_fixed,
        "size": format_size,
        "duration": format_duration,
        "moment": format_moment,
        "words": format_words,
        "plain": format_plain,
        "code": format_code,
        "facts": dataset_facts.describe,
    }
    names: dict[str, Any] = {
        "static": assets.make_url,
        "page_classes": PAGE_CLASSES,
        "export_groups": GROUPS,
    }
    environment.globals |= names
    return environment


environment = _make_environment()
