"""Every kind of figure through both drawers."""

import io
import json
import re
from xml.etree import ElementTree as ET

import numpy as np
import plotly.graph_objects as go
import pytest
from PIL import Image

from app.figures import matplotlib_drawer, plotly_drawer
from app.figures.figure_data import (
    RIGHT,
    WRONG,
    Axis,
    Bars,
    Chart,
    Figure,
    Line,
    Markers,
    Montage,
    Panel,
    Picture,
)
from app.figures.paper_figures import make_histogram
from app.figures.review_figures import make_budget, make_suspect_montage
from tests.builders.pictures import encode_png

PICTURE = encode_png(np.zeros((8, 8), np.uint8))
NUMBERS = Panel(x=Axis(title="x"), y=Axis(title="y", is_share=True))
LOGARITHMIC = Panel(x=Axis(scale="log", range=(1, 100)), y=Axis(scale="log"))
NAMES = Panel(x=Axis(title="x"), y=Axis(categories=("ant", "bee")))
LINE = Line(name="line", points=[(1, 0.5), (10, 1)], colour=RIGHT, dash="dash", has_markers=True)
MARKERS = Markers(name="dots", x=[1, 2], y=["bee", "ant"], colour=WRONG, size=9, spread=[0.1, 0.2])
BARS = Bars(name="bars", edges=[0, 1, 2], counts=[4, 1], colour=RIGHT, panel=1)
FIGURES: dict[str, Figure] = {
    "line": Chart(title="a", panels=(NUMBERS,), series=(LINE,)),
    "logarithmic": Chart(title="a", panels=(LOGARITHMIC,), series=(LINE,)),
    "categories": Chart(title="a", panels=(NAMES,), series=(MARKERS,), height=300),
    "two panels": Chart(title="a", panels=(NUMBERS, NUMBERS), series=(LINE, BARS)),
    "montage": Montage(title="a", rows=(("ant", (Picture(address="/1", caption="bee"),)), ("bee", ()))),
}


@pytest.mark.parametrize("name", FIGURES)
def test_both_drawers_draw_it(name: str) -> None:
    figure = FIGURES[name]
    go.Figure(plotly_drawer.draw(figure))  # Plotly's own schema refuses what it does not know
    with Image.open(io.BytesIO(matplotlib_drawer.draw(figure, "png", {"/1": PICTURE}))) as image:
        assert len(image.convert("RGB").getcolors(1 << 20) or ()) > 2
    svg = matplotlib_drawer.draw(figure, "svg", {"/1": PICTURE})
    assert ET.fromstring(svg).tag.endswith("svg")  # noqa: S314 - our own
    assert svg == matplotlib_drawer.draw(figure, "svg", {"/1": PICTURE})


HOSTILE = ("$a^{$", "$x$ \\$", "<a href=e>b</a>", "a\x01b", "_hidden")


def test_names_of_classes_are_shown_as_they_are() -> None:
    panel = Panel(x=Axis(title=HOSTILE[0]), y=Axis(categories=HOSTILE), title=HOSTILE[1])
    dots = Markers(name=HOSTILE[0], x=range(5), y=HOSTILE, colour=WRONG, size=9)
    cell = Picture(address="/1", caption=HOSTILE[0], details=f"key\n{HOSTILE[2]}")
    chart = Chart(title=HOSTILE[0], panels=(panel,), series=(dots, LINE))
    montage = Montage(title=HOSTILE[2], rows=tuple((name, (cell,)) for name in HOSTILE))
    figures: tuple[Figure, ...] = (chart, montage)
    for figure in figures:
        svg = ET.fromstring(matplotlib_drawer.draw(figure, "svg", {"/1": PICTURE}))  # noqa: S314 - our own
        assert svg.tag.endswith("svg")
        assert "<a" not in json.dumps(plotly_drawer.draw(figure))
    drawn = plotly_drawer.draw(chart)
    assert drawn["data"][0]["y"] == drawn["layout"]["yaxis"]["categoryarray"]
    (captions,) = plotly_drawer.draw(montage)["data"]
    assert captions["hovertext"][0].startswith("key<br>&lt;a href")
    inline = matplotlib_drawer.draw_inline(chart, colours={})
    assert HOSTILE[0] in inline


def test_plotly_gets_points_names_and_places() -> None:
    drawn = plotly_drawer.draw(FIGURES["two panels"])
    line, bars = drawn["data"]
    assert (line["x"], line["y"], line["mode"]) == ([1, 10], [0.5, 1], "lines+markers")
    assert (bars["x"], bars["y"], bars["width"], bars["xaxis"]) == ([0.5, 1.5], [4, 1], 1, "x2")
    assert drawn["layout"]["xaxis2"] == {"title": {"text": "x"}, "domain": [0.59, 1], "anchor": "y2"}
    assert plotly_drawer.draw(FIGURES["categories"])["layout"]["yaxis"]["categoryarray"] == ["ant", "bee"]


def test_plotly_draws_no_third_panel() -> None:
    with pytest.raises(ValueError, match="at most 2 panels, found 3"):
        plotly_drawer.draw(Chart(title="", panels=(NUMBERS,) * 3, series=()))


def test_many_panels_stand_in_rows() -> None:
    sizes = []
    for count in (2, 3, 5):
        chart = Chart(title="", panels=(NUMBERS,) * count, series=())
        with Image.open(io.BytesIO(matplotlib_drawer.draw(chart, "png"))) as image:
            sizes.append(image.size)
    assert sizes == [(1300, 546), (1300, 2 * 546), (1300, 3 * 546)]


def test_an_inline_chart_has_text_colours_of_the_page_and_no_reference() -> None:
    document = {"edges": [0.0, 0.5, 1.0], "right": [900, 1], "wrong": [0, 4]}
    chart = make_histogram(document, title="a < b", quantity="distance", scale="square root")
    element = matplotlib_drawer.draw_inline(chart, colours={RIGHT: "var(--right)", WRONG: "var(--wrong)"})
    root = ET.fromstring(element.replace("xlink:", ""))  # noqa: S314 - our own
    assert root.get("aria-label") == "a < b"
    texts = ["".join(node.itertext()) for node in root.iter() if node.tag.endswith("text")]
    assert {"distance", "samples", "right labels (901)", "wrong labels (4)"} <= set(texts)
    assert {"var(--right)", "var(--wrong)"} <= set(re.findall(r"fill: (var\([^)]*\))", element))
    assert not re.search(r"url\(|<style|<metadata|<image|#3b7dd8", element)
    assert len(element) < 20_000


def test_a_budget_begins_with_nothing_reviewed() -> None:
    (line,) = make_budget({"review": [1, 6], "expected_found": [1.0, 2.5]}).series
    assert isinstance(line, Line)
    assert line.points == [(0, 0), (1, 1.0), (6, 2.5)]


def test_suspects_stand_in_rows_red_where_the_suggestion_is_known_to_be_wrong() -> None:
    labels = {"given_label": "ant", "suggested_label": "bee", "key": "k", "image_url": "/1"}
    suspects = [{**labels, "true_label": true} for true in (None, "bee", "cat")]
    (_, first), (_, second) = make_suspect_montage(suspects, columns=2).rows
    assert [cell.colour for cell in (*first, *second)] == [RIGHT, RIGHT, WRONG]
    assert second[0].caption == "ant → bee"
