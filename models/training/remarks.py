"""Remarks about a training that a user should know: what a method could not do with these samples.

Shape suffixes: n samples of an epoch, S steps, J networks that score labels, K classes.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

MISSING_CLASS = "classes_missing_from_batches"
UNKNOWN_CLASS = "transitions_unknown"
NAMED_MAX = 10


@dataclass(frozen=True, kw_only=True)
class Remark:
    """One remark, stored with the run."""

    code: str
    detail: str


def check_batches(
    labels_n: Tensor, blind_n: Tensor, bounds: Sequence[int], *, class_count: int
) -> Remark | None:
    """Return a remark if some batches of an epoch do not hold every class, for stratified batches.

    With fewer labels than batches, a class is missing from the rest of them, and a determinant over all
    classes is 0 there, with a gradient of 0.

    Args:
        labels_n: the labels in the order of an epoch; in every epoch the same batches lack the same classes.
        blind_n: for each the number of the network that does not learn it; see `folds.assign_folds`.
        bounds: the borders of an epoch's batches.
        class_count: K.

    Raises:
        ValueError: no step could learn anything: a class has no label, or a batch fewer samples than classes.

    """
    sizes = torch.tensor(bounds).diff()
    steps, smallest = len(sizes), int(sizes.min())
    if smallest < class_count:
        raise ValueError(
            f"DMI needs every class in every batch: expected batches of at least {class_count} samples,"
            f" found one of {smallest}; raise batch_size."
        )
    cells_n = torch.arange(steps).repeat_interleave(sizes) * class_count + labels_n
    scorers = range(max(1, int(blind_n.max()) + 1))
    counts_JSK = torch.stack(
        [
            cells_n[blind_n != scorer].bincount(minlength=steps * class_count).view(steps, class_count)
            for scorer in scorers
        ]
    )
    absent_K = (counts_JSK.sum(1) == 0).any(0)
    if absent_K.any():
        raise ValueError(
            f"DMI needs labels of every class to learn from; there are none of {_name(absent_K)}."
        )
    lacks_JSK = counts_JSK == 0
    lost = int(lacks_JSK.any(2).sum(1).max())
    if lost == 0:
        return None
    rare = _name(lacks_JSK.any(0).any(0))
    detail = (
        f"in {lost} of the {steps} steps of every epoch nothing was learned: the determinant of DMI is 0"
        f" where a class is missing from the batch, and there are too few labels of {rare}; a larger"
        " batch_size avoids it"
    )
    return Remark(code=MISSING_CLASS, detail=detail)


def describe_unknown_transitions(classes: Sequence[int]) -> Remark | None:
    """Return a remark on classes for which the forward correction assumes that no label is wrong."""
    if not classes:
        return None
    detail = (
        f"the cross-entropy network takes no sample for one of {_name(classes)}, so it is unknown how such"
        " samples are labelled; the forward correction assumes that their labels are right"
    )
    return Remark(code=UNKNOWN_CLASS, detail=detail)


def _name(classes: Sequence[int] | Tensor) -> str:
    """Name classes by their numbers, or those where a boolean [K] is true."""
    if isinstance(classes, Tensor):
        classes = classes.nonzero()[:, 0].tolist()
    more = len(classes) - NAMED_MAX
    listed = ", ".join(map(str, classes[:NAMED_MAX]))
    return f"class number {listed} (from 0)" + (f" and {more} more" if more > 0 else "")
