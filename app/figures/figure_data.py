"""A figure as data: what is drawn, where, in which colour. Drawers turn it into Plotly's JSON or an image."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

INK, GREY, RIGHT, WRONG = "#1b1f24", "#8a8a8a", "#3b7dd8", "#d8573b"
COLOURS = (RIGHT, WRONG, "#3a9d5d", "#8e5bb5", "#c28f2c", "#4aa8b5", "#b0488a", "#6b6b6b", "#7a9a2f")
"""For series without a meaning of their own, in this order."""
Points = Sequence[tuple[float, float]]


@dataclass(frozen=True, kw_only=True)
class Axis:
    """An axis of a panel."""

    title: str = ""
    range: tuple[float, float] | None = None
    """From and to; None: as the data need."""
    scale: Literal["linear", "log", "square root"] = "linear"
    """Plotly draws a square root as linear, it has no such axis."""
    starts_at_zero: bool = False
    is_share: bool = False
    """Whether 0 .. 1 is written as percent."""
    categories: tuple[str, ...] = ()
    """The names along the axis, first = lowest; empty for numbers."""


@dataclass(frozen=True, kw_only=True)
class Panel:
    """A pair of axes."""

    x: Axis
    y: Axis
    title: str = ""


@dataclass(frozen=True, kw_only=True)
class Line:
    """Points joined by a line; a single point is a dot."""

    name: str
    points: Points
    colour: str
    dash: Literal["dot", "dash"] | None = None
    has_markers: bool = False
    panel: int = 0
    group: str | None = None
    """Lines of one group are switched on and off together."""
    is_in_legend: bool = True


@dataclass(frozen=True, kw_only=True)
class Bars:
    """A histogram."""

    name: str
    edges: Sequence[float]
    """[N + 1], equally wide."""
    counts: Sequence[float]
    """[N]."""
    colour: str
    panel: int = 0


@dataclass(frozen=True, kw_only=True)
class Markers:
    """Single points, over categories or numbers."""

    name: str
    x: Sequence[float]
    y: Sequence[float | str]
    colour: str
    size: int
    """Diameter in pixels."""
    spread: Sequence[float] | None = None
    """Standard deviation of each x."""
    panel: int = 0


Series = Line | Bars | Markers


@dataclass(frozen=True, kw_only=True)
class Chart:
    """Series over one or more panels."""

    title: str
    panels: tuple[Panel, ...]
    series: tuple[Series, ...]
    columns: int = 2
    """The most panels side by side."""
    height: int | None = None
    """Of a panel in pixels; None: the drawer's own."""


@dataclass(frozen=True, kw_only=True)
class Picture:
    """A cell of a montage."""

    address: str
    """Under which the drawer finds the picture: a browser by HTTP, matplotlib among the bytes it is given."""
    caption: str
    details: str = ""
    """What a browser shows under the pointer, lines separated by <br>."""
    colour: str | None = None


@dataclass(frozen=True, kw_only=True)
class Montage:
    """Rows of pictures, each row with a label at its left and each picture with a caption below."""

    title: str
    rows: tuple[tuple[str, tuple[Picture, ...]], ...]

    @property
    def columns(self) -> int:
        """Return the length of the longest row."""
        return max((len(pictures) for _, pictures in self.rows), default=0)

    @property
    def width(self) -> int:
        """Return the width in pixels."""
        return 160 + 80 * self.columns

    @property
    def height(self) -> int:
        """Return the height in pixels."""
        return 110 + 95 * len(self.rows)


Figure = Chart | Montage
