"""Plots from what the API answers: ROC curve, distance histogram, montage. PNG or SVG by file name."""

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from PIL import Image

mpl.use("Agg")

from matplotlib import pyplot as plt
from matplotlib.axes import Axes

Json = dict[str, Any]
RIGHT, WRONG = "#3b7dd8", "#d8573b"
LONGEST_LINE = 10
STYLE: Any = {
    "figure.dpi": 130,
    "font.size": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "legend.frameon": False,
    "savefig.bbox": "tight",
}


def roc(metrics: Json, target: Path) -> None:
    """Draw true positive rate over false positive rate."""
    with plt.rc_context(STYLE):
        _, axes = plt.subplots(figsize=(4.2, 4))
        axes.plot([0, 1], [0, 1], color="#bbbbbb", linewidth=1, linestyle=":", label="chance")
        axes.plot(metrics["roc"]["x"], metrics["roc"]["y"], color=WRONG, linewidth=2, label="LIMIT distance")
        axes.set(
            xlabel="right labels flagged (false positive rate)",
            ylabel="wrong labels flagged (true positive rate)",
            title=f"ROC AUC {metrics['roc_auc']:.4f}",
            xlim=(-0.01, 1.01),
            ylim=(-0.01, 1.01),
        )
        axes.legend(loc="lower right")
        _save(target)


def histogram(metrics: Json, target: Path) -> None:
    """Draw the distances of right and wrong labels, as in the paper's Fig. A3."""
    edges = np.array(metrics["histogram"]["edges"])
    with plt.rc_context(STYLE):
        _, axes = plt.subplots(figsize=(5.4, 3.4))
        for name, colour in (("right", RIGHT), ("wrong", WRONG)):
            counts = np.array(metrics["histogram"][name])
            axes.stairs(
                counts,
                edges,
                fill=True,
                color=colour,
                alpha=0.65,
                label=f"{name} labels ({counts.sum():.0f})",
            )
        axes.set(
            xlabel="distance between predicted and cross-entropy gradient",
            ylabel="samples",
            xlim=(0, float(np.sqrt(2))),
            title="High distance = the label is probably wrong",
        )
        axes.legend()
        _save(target)


def montage(suspects: Sequence[Json], pictures: Sequence[bytes], target: Path, *, columns: int = 10) -> None:
    """Draw suspects with their given and suggested labels; right suggestions in blue where truth is known."""
    lines = -(-len(suspects) // columns)
    with plt.rc_context(STYLE):
        figure, grid = plt.subplots(
            lines, columns, figsize=(1.15 * columns, 1.6 * lines), squeeze=False, layout="constrained"
        )
        for axes in grid.flat:
            axes.axis("off")
        for axes, suspect, picture in zip(grid.flat, suspects, pictures, strict=False):
            _draw_suspect(axes, suspect, picture)
        figure.suptitle("Most suspicious labels: given → suggested", fontsize=12)
        _save(target)


def _draw_suspect(axes: Axes, suspect: Json, picture: bytes) -> None:
    with Image.open(io.BytesIO(picture)) as image:
        axes.imshow(np.asarray(image), cmap="gray", interpolation="nearest")
    found = suspect["true_label"] in {None, suspect["suggested_label"]}
    both = (suspect["given_label"], suspect["suggested_label"])
    joint = " → " if len("".join(both)) <= LONGEST_LINE else "\n→ "
    axes.set_title(joint.join(both), fontsize=9, color=RIGHT if found else WRONG)


def _save(target: Path) -> None:
    plt.savefig(target)
    plt.close()
