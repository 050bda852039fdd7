"""Small drawings as SVG inside a page: no script, no font, nothing to load."""

from collections.abc import Sequence
from html import escape

from markupsafe import Markup

WIDTH, HEIGHT, LEFT, BOTTOM = 640, 220, 48, 28


def histogram(edges: Sequence[float], layers: Sequence[tuple[str, Sequence[float]]]) -> Markup:
    """Draw counts over edges as bars; layers, each with its CSS class, stand on one another."""
    totals = [sum(counts) for counts in zip(*(counts for _, counts in layers), strict=True)]
    # A square root, so that a few wrong labels show beside many right ones.
    top = max([1.0, *totals]) ** 0.5
    low, high = edges[0], edges[-1]
    bars, base = [], [0.0] * len(totals)
    for css, counts in layers:
        for at, count in enumerate(counts):
            lower, upper = base[at] ** 0.5 / top, (base[at] + count) ** 0.5 / top
            x = _x((edges[at] - low) / (high - low))
            width = _x((edges[at + 1] - low) / (high - low)) - x - 1
            title = f"{edges[at]:.2f} to {edges[at + 1]:.2f}: {count:.0f}"
            bars.append(
                f'<rect class="{css}" x="{x:.1f}" y="{_y(upper):.1f}" width="{width:.1f}"'
                f' height="{max(0.0, _y(lower) - _y(upper)):.1f}"><title>{title}</title></rect>'
            )
            base[at] += count
    ticks = [(low + (high - low) * part / 4, part / 4) for part in range(5)]
    return _drawing("".join(bars), [(f"{value:.2f}", share) for value, share in ticks], label="distance")


def line(points_x: Sequence[float], points_y: Sequence[float], *, label: str) -> Markup:
    """Draw a rising line from the origin to its last point."""
    most_x, most_y = max(points_x[-1], 1e-9), max(*points_y, 1e-9)
    pairs = zip((0.0, *points_x), (0.0, *points_y), strict=True)
    path = " ".join(f"{_x(x / most_x):.1f},{_y(y / most_y):.1f}" for x, y in pairs)
    ticks = [(f"{most_x * part / 4:,.0f}", part / 4) for part in range(5)]
    top = f'<text x="{LEFT - 6}" y="{_y(1) + 4:.0f}" text-anchor="end">{most_y:,.0f}</text>'
    return _drawing(f'<polyline class="line" points="{path}"/>{top}', ticks, label=label)


def _drawing(inner: str, ticks: Sequence[tuple[str, float]], *, label: str) -> Markup:
    axis = f'<line class="axis" x1="{LEFT}" y1="{_y(0)}" x2="{WIDTH}" y2="{_y(0)}"/>'
    marks = "".join(
        f'<text x="{_x(share):.0f}" y="{HEIGHT - 10}" text-anchor="middle">{escape(text)}</text>'
        for text, share in ticks
    )
    return Markup(  # noqa: S704 - numbers and escaped texts
        f'<svg viewBox="0 0 {WIDTH + 20} {HEIGHT}" role="img" aria-label="{escape(label, quote=True)}">'
        f"{inner}{axis}{marks}</svg>"
    )


def _x(share: float) -> float:
    return LEFT + share * (WIDTH - LEFT)


def _y(share: float) -> float:
    return (HEIGHT - BOTTOM) - share * (HEIGHT - BOTTOM - 12)
