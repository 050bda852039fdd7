import math
from dataclasses import replace

import numpy as np
import pytest
import torch

from models.cross_fitting.cross_fitted import CrossFitted
from models.cross_fitting.memorisation import Memorisation, MemorisationTally, RisingLoss
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
    assert record is not None
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
    assert record is not None
    assert (record.in_sample_agreement, record.out_of_sample_agreement) == (1.0, 0.5)


def test_an_epoch_begins_at_nothing_and_a_state_goes_on() -> None:
    first, second = (MemorisationTally(torch.device("cpu")) for _ in range(2))
    first.add(LABELS, outcome(HALF, SURE), torch.tensor([0, 1, 2, 3]))
    second.load_state(first.state())
    assert first.record() == second.record()
    first.reset()
    assert first.record() is None


def test_without_labels_of_one_kind_nothing_is_measured() -> None:
    tally = MemorisationTally(torch.device("cpu"))
    tally.add(LABELS, outcome(SURE, None), torch.tensor([-1, -1, -1, -1]))
    assert tally.record() is None, "no label was held back"


def test_a_sample_memorises_by_how_much_more_probable_its_label_is_where_it_was_learned() -> None:
    fitted = CrossFitted(
        probabilities_NK=np.array([[0.75, 0.25], [0.5, 0.5]], np.float32),
        in_sample_probabilities_NK=np.array([[0.25, 0.75], [0.75, 0.25]], np.float32),
        blind_N=np.array([0, 1]),
    )
    measured = fitted.measure_memorisation(np.array([1, 1]))
    assert measured is not None
    assert measured.tolist() == [0.5, -0.25]
    assert replace(fitted, in_sample_probabilities_NK=None).measure_memorisation(np.array([1, 1])) is None


def measured(loss: float, error: float = 0.05) -> Memorisation:
    return Memorisation(
        in_sample_agreement=1.0,
        out_of_sample_agreement=0.5,
        in_sample_loss=0.0,
        out_of_sample_loss=loss,
        out_of_sample_error=error,
    )


@pytest.mark.parametrize(
    ("losses", "risen"),
    [
        ([2.0, 1.8, 1.9, 1.7, 1.8], [False] * 5),  # one epoch may be worse by chance
        ([2.0, 1.8, 1.81, 1.84, 1.86], [False, False, False, False, True]),  # by more than a standard error
        ([2.0, 1.9, 2.3, 2.4], [False, False, False, True]),
    ],
)
def test_a_loss_has_risen_after_two_epochs_and_a_standard_error(
    losses: list[float], risen: list[bool]
) -> None:
    watch = RisingLoss()
    found = []
    for loss in losses:
        resumed = RisingLoss()
        resumed.load_state(watch.state())
        found.append(watch.observe(measured(loss)))
        assert resumed.observe(measured(loss)) == found[-1]
    assert found == risen


def test_the_standard_error_is_that_of_the_mean_loss() -> None:
    logits = torch.tensor([[0.0, 0.0], [2.0, 0.0], [0.0, 2.0], [0.0, 0.0]])
    tally = MemorisationTally(torch.device("cpu"))
    tally.add(LABELS, outcome(logits, SURE), torch.tensor([0, 1, 2, 3]))
    losses = torch.nn.functional.cross_entropy(logits, LABELS, reduction="none")
    record = tally.record()
    assert record is not None
    assert record.out_of_sample_error == pytest.approx(float(losses.std(correction=0)) / 2, rel=1e-5)
