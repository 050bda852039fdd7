"""Batches that all hold the same mix of classes, for losses that need every class in every batch.

Shape suffixes: N samples, n of them in an epoch.
"""

from collections.abc import Sequence

import torch
from torch import Tensor


def stratify(order_n: Tensor, groups_N: Tensor, bounds: Sequence[int]) -> Tensor:
    """Return the same samples, dealt out so that every batch gets its share of every group.

    A group's numbers in two batches differ by at most one, so a group with as many samples as there are
    batches is in every batch. Which of its samples is where follows from `order_n`. Like stratified folds,
    the batches depend on all labels, also on those that a network does not learn.

    Args:
        order_n: the samples of an epoch, shuffled.
        groups_N: the group of every sample, such as its label.
        bounds: the borders of the batches, from `split_batches`.

    """
    sizes = torch.tensor(bounds).diff()
    by_group_n = order_n[groups_N[order_n].argsort(stable=True)]
    # Dealing gives the first batches one sample more: these are the larger ones.
    dealt = sizes.argsort(descending=True, stable=True)
    batch_n = dealt[torch.arange(len(order_n)) % len(sizes)]
    return by_group_n[batch_n.argsort(stable=True)]
