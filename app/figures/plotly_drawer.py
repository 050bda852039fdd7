"""Turns figures into Plotly JSON (data and layout), which browsers draw with Plotly's script."""

from html import escape
from itertools import pairwise
from typing import Any

from app.figures.figure_data import Axis, Bars, Chart, Figure, Line, Markers, Montage, Series

Json = dict[str, Any]
MARGIN = {"l": 60, "r": 20, "t": 50, "b": 50}
CATEGORY_MARGIN = {**MARGIN, "l": 230}
DOMAINS = ((0, 0.41), (0.59, 1))
"""Left and right ends of two panels side by side."""


def draw(figure: Figure) -> Json:
    """Return the figure's data and layout.

    Raises:
        ValueError: the figure has more than two panels; DOMAINS has places for two.

    """
    return _draw_montage(figure) if isinstance(figure, Montage) else _draw_chart(figure)


def _draw_chart(chart: Chart) -> Json:
    if len(chart.panels) > len(DOMAINS):
        raise ValueError(f"expected at most {len(DOMAINS)} panels, found {len(chart.panels)}")
    layout: Json = {"title": {"text": write_plainly(chart.title)}, "margin": MARGIN}
    for number, panel in enumerate(chart.panels):
        suffix = _get_axis_suffix(number)
        x, y = _describe_axis(panel.x), _describe_axis(panel.y)
        if len(chart.panels) > 1:
            x["domain"] = list(DOMAINS[number])
        if suffix:
            x["anchor"], y["anchor"] = f"y{suffix}", f"x{suffix}"
        layout |= {f"xaxis{suffix}": x, f"yaxis{suffix}": y}
    if chart.height is not None:
        layout["height"] = chart.height
    if chart.panels[0].y.categories:
        layout["margin"] = CATEGORY_MARGIN
    if any(isinstance(series, Bars) for series in chart.series):
        layout["barmode"] = "overlay"
    return {"data": [_trace(series) for series in chart.series], "layout": layout}


def write_plainly(text: str) -> str:
    """Return a text that Plotly shows as it is: it would follow links and tags in the names of classes."""
    return escape(text, quote=False)


def _get_axis_suffix(panel: int) -> str:
    return "" if panel == 0 else str(panel + 1)


def _describe_axis(axis: Axis) -> Json:
    fields: Json = {"title": {"text": axis.title}} if axis.title else {}
    if axis.range is not None:
        fields["range"] = list(axis.range)
    if axis.scale == "log":
        fields["type"] = "log"
    if axis.starts_at_zero:
        fields["rangemode"] = "tozero"
    if axis.is_share:
        fields["tickformat"] = ".0%"
    if axis.categories:
        order = [write_plainly(name) for name in axis.categories]
        fields |= {"categoryorder": "array", "categoryarray": order, "type": "category"}
    return fields


def _trace(series: Series) -> Json:
    if isinstance(series, Line):
        trace = _trace_line(series)
    elif isinstance(series, Bars):
        trace = _trace_bars(series)
    else:
        trace = _trace_markers(series)
    if suffix := _get_axis_suffix(series.panel):
        trace |= {"xaxis": f"x{suffix}", "yaxis": f"y{suffix}"}
    return trace


def _trace_line(line: Line) -> Json:
    style: Json = {"color": line.colour, "width": 2}
    if line.dash is not None:
        style["dash"] = line.dash
    has_markers = line.has_markers or len(line.points) == 1
    trace: Json = {
        "type": "scatter",
        "mode": "lines+markers" if has_markers else "lines",
        "name": write_plainly(line.name),
        "x": [x for x, _ in line.points],
        "y": [y for _, y in line.points],
        "line": style,
    }
    if line.group is not None:
        trace["legendgroup"] = line.group
    if not line.is_in_legend:
        trace["showlegend"] = False
    return trace


def _trace_bars(bars: Bars) -> Json:
    edges = bars.edges
    return {
        "type": "bar",
        "name": write_plainly(bars.name),
        "x": [(low + high) / 2 for low, high in pairwise(edges)],
        "y": bars.counts,
        "width": edges[1] - edges[0],
        "marker": {"color": bars.colour},
        "opacity": 0.65,
    }


def _trace_markers(markers: Markers) -> Json:
    trace: Json = {
        "type": "scatter",
        "mode": "markers",
        "name": write_plainly(markers.name),
        "x": list(markers.x),
        "y": [write_plainly(y) if isinstance(y, str) else y for y in markers.y],
        "marker": {"color": markers.colour, "size": markers.size},
    }
    if markers.spread is not None:
        trace["error_x"] = {"type": "data", "array": list(markers.spread)}
    return trace


def _draw_montage(montage: Montage) -> Json:
    cells = [
        (column, row, picture)
        for row, (_, pictures) in enumerate(montage.rows)
        for column, picture in enumerate(pictures)
    ]
    captions: Json = {
        "type": "scatter",
        "mode": "text",
        "x": [column for column, _, _ in cells],
        "y": [row + 0.47 for _, row, _ in cells],
        "text": [write_plainly(picture.caption) for _, _, picture in cells],
        "hovertext": [write_plainly(picture.details).replace("\n", "<br>") for _, _, picture in cells],
        "hoverinfo": "text",
        "textfont": {"size": 10},
        "showlegend": False,
    }
    place = {"xref": "x", "yref": "y", "sizex": 0.9, "sizey": 0.8, "xanchor": "center", "yanchor": "middle"}
    names = [write_plainly(name) for name, _ in montage.rows]
    ticks = {"tickvals": list(range(len(names))), "ticktext": names}
    layout = {
        "title": {"text": write_plainly(montage.title)},
        "margin": MARGIN,
        "images": [{"source": picture.address, "x": x, "y": y, **place} for x, y, picture in cells],
        "width": montage.width,
        "height": montage.height,
        "xaxis": {"range": [-0.6, montage.columns - 0.4], "visible": False},
        "yaxis": {"range": [len(names) - 0.4, -0.6], "showgrid": False, "zeroline": False, **ticks},
    }
    return {"data": [captions], "layout": layout}
