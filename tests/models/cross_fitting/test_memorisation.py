import math

import pytest
import torch

from models.cross_fitting.memorisation import MemorisationTally
from models.paper.objectives import Outcome

ZERO = torch.zeros(())
LABELS = torch.tensor([0, 1, 1, 0])
HALF = torch.zeros(4, 2)
SURE = torch.tensor([[9.0, 0.0], [0.0, 9.0], [9.0, 0.0], [9.0, 0.0]])
"""Right of the first, the second and the last."""


def outcome(blind_logits: torch.Tensor, seen_logits: torch.Tensor | None) -> Outcome:
    return Outcome(
        classifier_loss=ZERO,
        predictor_loss=ZERO,
        gradient_norm_B=torch.zeros(4),
        scoring_logits_BK=blind_logits,
        in_sample_logits_BK=seen_logits,
    )


def test_with_folds_every_label_counts_in_sample_and_out_of_sample() -> None:
    tally = MemorisationTally(torch.device("cpu"))
    tally.add(LABELS, outcome(HALF, SURE), torch.tensor([0, 1, 2, 3]))
    record = tally.record()
    assert record.in_sample_agreement == 0.75
    assert record.out_of_sample_agreement == 0.5, "of equal classes the first is chosen"
    wrong = math.log1p(math.exp(9.0))
    right = math.log1p(math.exp(-9.0))
    assert record.in_sample_loss == pytest.approx((3 * right + wrong) / 4, rel=1e-5)
    assert record.out_of_sample_loss == pytest.approx(math.log(2))


def test_with_a_blind_share_one_network_tells_both() -> None:
    tally = MemorisationTally(torch.device("cpu"))
    tally.add(LABELS, outcome(SURE, None), torch.tensor([-1, -1, 0, 0]))
    record = tally.record()
    assert (record.in_sample_agreement, record.out_of_sample_agreement) == (1.0, 0.5)


def test_an_epoch_begins_at_nothing_and_a_state_goes_on() -> None:
    first, second = (MemorisationTally(torch.device("cpu")) for _ in range(2))
    first.add(LABELS, outcome(HALF, SURE), torch.tensor([0, 1, 2, 3]))
    second.load_state(first.state())
    assert first.record() == second.record()
    first.reset()
    assert first.record().in_sample_agreement == 0.0
