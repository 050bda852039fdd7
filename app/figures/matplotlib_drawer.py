"""A Plotly figure of `app.figures.paper_plots` as PNG or SVG, drawn by matplotlib without a browser."""

import io
from collections.abc import Mapping
from typing import Any, Literal

import matplotlib as mpl
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter
from PIL import Image

Json = dict[str, Any]
Kind = Literal["png", "svg"]
DASHES = {"dot": ":", "dash": "--"}
PIXELS_PER_INCH = 100
STYLE: Any = {
    "font.size": 9,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlesize": 10,
    "legend.frameon": False,
    "legend.fontsize": 8,
    "svg.hashsalt": "limit-audit",  # the same figure gives the same bytes
}
DEFAULT_SIZE = (720, 400)
WIDE_SIZE = (1000, 420)
LEGEND_MAX = 12


def draw(figure: Json, kind: Kind, pictures: Mapping[str, bytes] | None = None) -> bytes:
    """Return the figure as an image file.

    Args:
        figure: data and layout, as `app.figures.paper_plots` makes them.
        kind: "png" or "svg".
        pictures: encoded pictures by the address under which the layout's images have them.

    """
    layout = figure["layout"]
    halves = 2 if "xaxis2" in layout else 1
    width, height = WIDE_SIZE if halves > 1 else DEFAULT_SIZE
    size = (layout.get("width", width) / PIXELS_PER_INCH, layout.get("height", height) / PIXELS_PER_INCH)
    with mpl.rc_context(STYLE):
        canvas = Figure(figsize=size, layout="constrained", dpi=130)
        panels = canvas.subplots(1, halves, squeeze=False)[0]
        for axes, suffix in zip(panels, ("", "2"), strict=False):
            _label(axes, layout[f"xaxis{suffix}"], layout[f"yaxis{suffix}"])
        for trace in figure["data"]:
            _draw(panels[1 if trace.get("xaxis") == "x2" else 0], trace)
        for image in layout.get("images", ()):
            _place(panels[0], image, (pictures or {})[image["source"]])
        if layout["yaxis"].get("rangemode") == "tozero":
            panels[0].set_ylim(bottom=0)
        canvas.suptitle(layout["title"]["text"], fontsize=11)
        _legend(panels[0])
        buffer = io.BytesIO()
        canvas.savefig(buffer, format=kind, metadata={"Date": None} if kind == "svg" else None)
    return buffer.getvalue()


def _label(axes: Axes, x: Json, y: Json) -> None:
    axes.set_xlabel(x.get("title", {}).get("text", ""))
    axes.set_ylabel(y.get("title", {}).get("text", ""))
    if "range" in x:
        axes.set_xlim(*x["range"])
    if "range" in y:
        axes.set_ylim(*y["range"])
    if y.get("tickformat") == ".0%":
        axes.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    if "categoryarray" in y:
        axes.set_yticks(range(len(y["categoryarray"])), y["categoryarray"])
        axes.set_ylim(-0.5, len(y["categoryarray"]) - 0.5)
        axes.grid(visible=True, axis="x", alpha=0.3)
    if "tickvals" in y:
        axes.set_yticks(y["tickvals"], y["ticktext"])
    if x.get("visible") is False:
        axes.xaxis.set_visible(False)
        for side in ("left", "bottom"):
            axes.spines[side].set_visible(False)
        axes.tick_params(length=0)


def _draw(axes: Axes, trace: Json) -> None:
    name = trace.get("name", "") if trace.get("showlegend", True) else "_hidden"
    if trace["type"] == "bar":
        axes.bar(
            trace["x"],
            trace["y"],
            width=trace["width"],
            color=trace["marker"]["color"],
            alpha=trace["opacity"],
            label=name,
        )
    elif trace["mode"] == "text":
        for x, y, text in zip(trace["x"], trace["y"], trace["text"], strict=True):
            axes.text(x, y, text, ha="center", va="center", fontsize=trace["textfont"]["size"] * 0.75)
    elif trace["mode"] == "markers":
        places = [_category(axes, y) for y in trace["y"]]
        spread = trace.get("error_x", {}).get("array")
        colour = trace["marker"]["color"]
        axes.errorbar(trace["x"], places, xerr=spread, fmt="o", color=colour, capsize=3, label=name)
    else:
        line = trace["line"]
        marker = "o" if trace["mode"] == "lines+markers" else None
        style = DASHES.get(line.get("dash"), "-")
        axes.plot(
            trace["x"], trace["y"], style, color=line["color"], linewidth=1.6, marker=marker, label=name
        )


def _category(axes: Axes, value: float | str) -> float:
    """Return where a category stands on the axis, or the number itself."""
    if not isinstance(value, str):
        return value
    return [tick.get_text() for tick in axes.get_yticklabels()].index(value)


def _place(axes: Axes, image: Json, picture: bytes) -> None:
    """Put a picture into its cell, as large as fits without distortion."""
    with Image.open(io.BytesIO(picture)) as opened:
        pixels = opened.convert("RGB")
    x, y, half_x, half_y = image["x"], image["y"], image["sizex"] / 2, image["sizey"] / 2
    inset = axes.inset_axes((x - half_x, y - half_y, 2 * half_x, 2 * half_y), transform=axes.transData)
    inset.imshow(pixels, interpolation="nearest")
    inset.set_anchor("C")
    inset.axis("off")


def _legend(axes: Axes) -> None:
    handles, names = axes.get_legend_handles_labels()
    if handles:
        columns = 1 if len(handles) <= LEGEND_MAX else 2
        axes.legend(handles, names, ncols=columns)
