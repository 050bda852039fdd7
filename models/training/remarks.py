"""Remarks about a training that a user should know: what a method could not do with these samples."""

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


def check_batches(labels_n: Tensor, bounds: Sequence[int], *, class_count: int) -> Remark | None:
    """Return a remark if some batches of an epoch cannot hold every class; for stratified batches.

    With fewer labels than batches, a class is missing from the rest of them, and a determinant over all
    classes is 0 there, with a gradient of 0.

    Args:
        labels_n: the labels that are learned.
        bounds: the borders of an epoch's batches.
        class_count: K.

    Raises:
        ValueError: no step could learn anything: a class has no label, or a batch fewer samples than classes.

    """
    steps, counts_K = len(bounds) - 1, labels_n.cpu().bincount(minlength=class_count)
    smallest = int(torch.tensor(bounds).diff().min())
    if smallest < class_count:
        raise ValueError(
            f"DMI needs every class in every batch: expected batches of at least {class_count} samples,"
            f" found one of {smallest}; raise batch_size."
        )
    least = int(counts_K.min())
    if least == 0:
        raise ValueError(
            "DMI needs labels of every class to learn from; there are none of"
            f" {_name((counts_K == 0).nonzero()[:, 0].tolist())}."
        )
    if least >= steps:
        return None
    rare = (counts_K < steps).nonzero()[:, 0].tolist()
    detail = (
        f"in at least {steps - least} of the {steps} steps of every epoch nothing was learned: the"
        f" determinant of DMI is 0 where a class is missing from the batch, and of {_name(rare)} there are"
        " fewer labels than steps; a larger batch_size avoids it"
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


def _name(classes: Sequence[int]) -> str:
    more = len(classes) - NAMED_MAX
    listed = ", ".join(map(str, classes[:NAMED_MAX]))
    return f"class number {listed} (from 0)" + (f" and {more} more" if more > 0 else "")
