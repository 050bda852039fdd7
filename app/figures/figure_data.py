"""Figures as data: series, axes, colours. The drawers turn them into Plotly JSON or images."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

INK, GREY, RIGHT, WRONG = "#1b1f24", "#8a8a8a", "#3b7dd8", "#d8573b"
COLOURS = (RIGHT, WRONG, "#3a9d5d", "#8e5bb5", "#c28f2c", "#4aa8b5", "#b0488a", "#6b6b6b", "#7a9a2f")
"""Colours of series without a fixed meaning, in this order."""
Points = Sequence[tuple[float, float]]


@dataclass(frozen=True, kw_only=True)
class Axis:
    """An axis of a panel."""

    title: str = ""
    range: tuple[float, float] | None = None
    """Lower and upper end; None: by the data."""
    scale: Literal["linear", "log", "square root"] = "linear"
    """Plotly has no square-root axis and draws it as linear."""
    starts_at_zero: bool = False
    is_share: bool = False
    """Whether 0 to 1 is shown as percent."""
    categories: tuple[str, ...] = ()
    """The names on the axis from the lowest up; empty for numbers."""


@dataclass(frozen=True, kw_only=True)
class Panel:
    """A pair of axes."""

    x: Axis
    y: Axis
    title: str = ""


@dataclass(frozen=True, kw_only=True)
class Line:
    """Points connected by a line; a single point becomes a dot."""

    name: str
    points: Points
    colour: str
    dash: Literal["dot", "dash"] | None = None
    has_markers: bool = False
    panel: int = 0
    group: str | None = None
    """Plotly shows and hides the lines of one group together."""
    is_in_legend: bool = True


@dataclass(frozen=True, kw_only=True)
class Bars:
    """A histogram."""

    name: str
    edges: Sequence[float]
    """[N + 1], with equal widths."""
    counts: Sequence[float]
    """[N]."""
    colour: str
    panel: int = 0


@dataclass(frozen=True, kw_only=True)
class Markers:
    """Separate points over categories or numbers."""

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
    """The maximum number of panels in a row."""
    height: int | None = None
    """Height of a panel in pixels; None: the drawer's default."""


@dataclass(frozen=True, kw_only=True)
class Picture:
    """A cell of a montage."""

    address: str
    """Key of the image: Plotly loads it by HTTP, matplotlib looks it up in the bytes it receives."""
    caption: str
    details: str = ""
    """Tooltip in a browser, of one line or several."""
    colour: str | None = None


@dataclass(frozen=True, kw_only=True)
class Montage:
    """Rows of images, each row with a label on the left and each image with a caption below it."""

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
