from itertools import pairwise

import numpy as np
import pytest
import torch

from models.inputs.batches import split_batches
from models.inputs.stratification import stratify


@pytest.mark.parametrize(("count", "size"), [(60, 16), (61, 16), (97, 10), (7, 3)])
def test_every_batch_gets_its_share_of_every_group(count: int, size: int) -> None:
    rng = np.random.default_rng(count)
    groups = torch.from_numpy(rng.choice(4, count, p=[0.5, 0.3, 0.15, 0.05]))
    shuffled = torch.from_numpy(rng.permutation(count))
    bounds = split_batches(count, size)
    order = stratify(shuffled, groups, bounds)
    assert sorted(order.tolist()) == list(range(count)), "every sample once"
    batches = [groups[order[start:stop]] for start, stop in pairwise(bounds)]
    counts = torch.stack([batch.bincount(minlength=4) for batch in batches])
    assert (counts.amax(0) - counts.amin(0)).max() <= 1
    assert not torch.equal(order, stratify(shuffled.flip(0), groups, bounds)), "the epoch's order counts"
