"""Draws figures as PNG or SVG with matplotlib, without a browser."""

import io
import re
from collections.abc import Mapping
from dataclasses import replace
from html import escape
from threading import Lock
from typing import Any, Literal

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Canvas
from matplotlib.ticker import PercentFormatter
from PIL import Image

from app.figures.figure_data import (
    INK,
    Axis,
    Bars,
    Chart,
    Figure,
    Line,
    Markers,
    Montage,
    Panel,
    Picture,
    Series,
)

Kind = Literal["png", "svg"]
DASHES = {None: "-", "dot": ":", "dash": "--"}
PIXELS_PER_INCH = 100
DOTS_PER_INCH = 130
POINTS_PER_PIXEL = 0.6
STYLE: Any = {
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlesize": 10,
    "legend.frameon": False,
    "legend.fontsize": 8,
    "svg.hashsalt": "limit-audit",  # the same figure gives the same bytes
    **dict.fromkeys(("text.color", "axes.labelcolor", "axes.edgecolor", "xtick.color", "ytick.color"), INK),
}
PANEL_SIZE = (720, 400)
SMALL_PANEL_SIZE = (500, 420)
"""Size of a panel among several, in pixels."""
INLINE_HEIGHT = 250
INLINE_STYLE = {"svg.fonttype": "none", "savefig.transparent": True}
LEGEND_MAX = 12
UNUSED_ELEMENTS = re.compile(r"<metadata>.*?</metadata>|<style.*?</style>|<clipPath.*?</clipPath>", re.DOTALL)
CLIPPING = re.compile(r' clip-path="[^"]*"')
SIZE = re.compile(r' (?:width|height)="[\d.]+pt"')
drawing = Lock()
"""matplotlib's settings are global, so only one figure is drawn at a time."""


def draw(figure: Figure, kind: Kind, pictures: Mapping[str, bytes] | None = None) -> bytes:
    """Return the figure as an image file.

    Args:
        figure: what to draw.
        kind: "png" or "svg".
        pictures: the encoded images of a montage by address.

    """
    return _draw(figure, kind, pictures or {}, {})


def draw_inline(chart: Chart, *, colours: Mapping[str, str]) -> str:
    """Return a chart as an SVG element for a page, with real text, and its title as label for screen readers.

    Args:
        chart: what to draw.
        colours: CSS colours of the page by the chart's colour, so that a dark page gets light lines.

    """
    untitled = replace(chart, title="", height=INLINE_HEIGHT)
    svg = _draw(untitled, "svg", {}, INLINE_STYLE).decode()
    element = svg[svg.index("<svg ") :]
    for pattern in (UNUSED_ELEMENTS, CLIPPING, SIZE):  # clipping is unnecessary: nothing is outside the axes
        element = pattern.sub("", element)
    for colour, css in colours.items():
        element = element.replace(colour, css)
    return element.replace("<svg ", f'<svg role="img" aria-label="{escape(chart.title)}" ', 1)


def _draw(figure: Figure, kind: Kind, pictures: Mapping[str, bytes], more: Any) -> bytes:  # noqa: ANN401 - settings
    with drawing, mpl.rc_context({**STYLE, **more}):
        canvas = _draw_montage(figure, pictures) if isinstance(figure, Montage) else _draw_chart(figure)
        if figure.title:
            canvas.suptitle(write_plainly(figure.title), fontsize=11)
        buffer = io.BytesIO()
        canvas.savefig(buffer, format=kind, metadata={"Date": None} if kind == "svg" else None)
    return buffer.getvalue()


def write_plainly(text: str) -> str:
    """Return a text that is shown as it is: no formula between dollars, no character that XML cannot hold."""
    shown = [each if each.isprintable() or each == "\n" else "\ufffd" for each in text]
    return "".join(shown).replace("$", r"\$")


def _make_canvas(width: float, height: float) -> Canvas:
    size = (width / PIXELS_PER_INCH, height / PIXELS_PER_INCH)
    return Canvas(figsize=size, layout="constrained", dpi=DOTS_PER_INCH)


def _draw_chart(chart: Chart) -> Canvas:
    columns = min(chart.columns, len(chart.panels))
    rows = -(-len(chart.panels) // columns)
    width, height = PANEL_SIZE if len(chart.panels) == 1 else SMALL_PANEL_SIZE
    canvas = _make_canvas(columns * width, rows * (chart.height or height))
    grid = canvas.subplots(rows, columns, squeeze=False).flat
    for number, (axes, panel) in enumerate(zip(grid, chart.panels, strict=False)):
        _prepare_axes(axes, panel)
        for series in chart.series:
            if series.panel == number:
                _draw_series(axes, series, panel)
        _limit_axes(axes, panel)
        _add_legend(axes)
    return canvas


def _prepare_axes(axes: Axes, panel: Panel) -> None:
    """Set scales and titles, before anything is drawn."""
    titles = {"xlabel": panel.x.title, "ylabel": panel.y.title, "title": panel.title}
    axes.set(**{name: write_plainly(title) for name, title in titles.items()})
    for set_scale, axis in ((axes.set_xscale, panel.x), (axes.set_yscale, panel.y)):
        if axis.scale == "square root":
            set_scale("function", functions=(lambda value: abs(value) ** 0.5, lambda root: root**2))
        else:
            set_scale(axis.scale)
    if panel.y.is_share:
        axes.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))


def _limit_axes(axes: Axes, panel: Panel) -> None:
    """Set the limits of the axes, after everything is drawn."""
    for set_limits, axis in ((axes.set_xlim, panel.x), (axes.set_ylim, panel.y)):
        if axis.range is not None:
            set_limits(*axis.range)
        elif axis.starts_at_zero or axis.scale == "square root":
            set_limits(0)
    if names := panel.y.categories:
        axes.set_yticks(range(len(names)), [write_plainly(name) for name in names])
        axes.set_ylim(-0.5, len(names) - 0.5)
        axes.grid(visible=True, axis="x", alpha=0.3)
        axes.spines["left"].set_visible(False)
        axes.tick_params(axis="y", length=0)


def _draw_series(axes: Axes, series: Series, panel: Panel) -> None:
    if isinstance(series, Line):
        _draw_line(axes, series)
    elif isinstance(series, Bars):
        _draw_bars(axes, series)
    else:
        _draw_markers(axes, series, panel.y)


def _draw_line(axes: Axes, line: Line) -> None:
    name = write_plainly(line.name) if line.is_in_legend else "_hidden"
    marker = "o" if line.has_markers or len(line.points) == 1 else None
    x, y = [x for x, _ in line.points], [y for _, y in line.points]
    style = DASHES[line.dash]
    axes.plot(x, y, linestyle=style, linewidth=1.6, marker=marker, color=line.colour, label=name)


def _draw_bars(axes: Axes, bars: Bars) -> None:
    name = write_plainly(bars.name)
    axes.stairs(bars.counts, bars.edges, fill=True, color=bars.colour, alpha=0.65, label=name)


def _draw_markers(axes: Axes, markers: Markers, axis: Axis) -> None:
    places = [axis.categories.index(y) if isinstance(y, str) else y for y in markers.y]
    axes.errorbar(
        markers.x,
        places,
        xerr=markers.spread,
        fmt="o",
        capsize=3,
        markersize=markers.size * POINTS_PER_PIXEL,
        color=markers.colour,
        label=write_plainly(markers.name),
    )


def _add_legend(axes: Axes) -> None:
    handles, names = axes.get_legend_handles_labels()
    if handles:
        axes.legend(handles, names, ncols=1 if len(handles) <= LEGEND_MAX else 2)


def _draw_montage(montage: Montage, pictures: Mapping[str, bytes]) -> Canvas:
    canvas = _make_canvas(montage.width, montage.height)
    axes = canvas.subplots()
    axes.set(xlim=(-0.6, montage.columns - 0.4), ylim=(len(montage.rows) - 0.4, -0.6), xticks=[])
    axes.set_yticks(range(len(montage.rows)), [write_plainly(name) for name, _ in montage.rows])
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    for row, (_, cells) in enumerate(montage.rows):
        for column, cell in enumerate(cells):
            _draw_cell(axes, column, row, cell, pictures[cell.address])
    return canvas


def _draw_cell(axes: Axes, column: int, row: int, cell: Picture, picture: bytes) -> None:
    """Draw an image into its cell, as large as possible without distortion, with its caption below."""
    with Image.open(io.BytesIO(picture)) as opened:
        pixels = opened.convert("RGB")
    inset = axes.inset_axes((column - 0.45, row - 0.4, 0.9, 0.8), transform=axes.transData)
    inset.imshow(pixels, interpolation="nearest")
    inset.set_anchor("C")
    inset.axis("off")
    colour, caption = cell.colour or INK, write_plainly(cell.caption)
    axes.text(column, row + 0.41, caption, ha="center", va="top", fontsize=7.5, color=colour)
