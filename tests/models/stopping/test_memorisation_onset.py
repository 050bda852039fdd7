from models.paper.objectives import Stage
from models.stopping.memorisation_onset import MemorisationWatch

LEADS = [1.0, 1.1, 1.2, 1.3, 1.4, 1.5, 1.6, 1.7]
"""Of a predictor that pulls away from its classifier in every epoch."""


def noted(
    agreements: list[float], *, epochs: int, surest: float = 0.6, leads: list[float] | None = None
) -> list[bool]:
    memorisation = MemorisationWatch(epochs=epochs)
    return [
        memorisation.observe(agreement, predictor_agreement=lead * agreement, confident_agreement=surest)
        is Stage.MEMORISING
        for agreement, lead in zip(agreements, leads or LEADS, strict=False)
    ]


def test_memorisation_begins_where_agreement_gains_less_than_15_percent_in_a_quarter_of_the_training() -> (
    None
):
    # Of 8 epochs a quarter is 2; the first is no beginning, so that the fourth is the earliest.
    assert noted([0.2, 0.4, 0.5, 0.45], epochs=8) == [False, False, False, True]  # 0.45 < 1.15 * 0.40
    assert noted([0.2, 0.4, 0.5, 0.47], epochs=8) == [False, False, False, False]  # 0.47 > 0.46
    assert noted([0.2, 0.4, 0.5, 0.47, 0.57], epochs=8)[-1]  # 0.57 < 1.15 * 0.50


def test_short_trainings_have_a_window_of_one_epoch() -> None:
    assert noted([0.9, 0.9, 0.9, 0.9], epochs=4, surest=0.9) == [False, False, True, True]


def test_memorisation_never_begins_in_the_last_quarter() -> None:
    assert noted([0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.6, 0.6], epochs=8) == [False] * 8
    late = [0.1, 0.2, 0.3, 0.4, 0.4, 0.4, 0.4, 0.4]
    assert noted(late, epochs=8, surest=0.5) == [False] * 5 + [True] * 3


def test_a_predictor_that_does_not_pull_away_has_nothing_to_be_kept_from() -> None:
    agreements = [0.2, 0.4, 0.5, 0.45]
    assert noted(agreements, epochs=8, leads=[1.0, 1.2, 1.1, 1.13])[-1]  # 1.13 > 1.02 * 1.10
    assert not noted(agreements, epochs=8, leads=[1.0, 1.2, 1.1, 1.12])[-1]
    assert not noted(agreements, epochs=8, leads=[1.3, 1.2, 1.1, 1.0])[-1]


def test_a_classifier_that_is_reliable_only_where_it_is_most_confident_does_not_memorise() -> None:
    assert noted([0.2, 0.4, 0.5, 0.45], epochs=8, surest=0.64)[-1]  # 0.5 > 0.75 * 0.64
    assert not noted([0.2, 0.4, 0.4, 0.45], epochs=8, surest=0.65)[-1]
    # 0.5 is 0.77 of 0.65: a classifier that was reliable once stays so.
    assert noted([0.2, 0.4, 0.5, 0.45], epochs=8, surest=0.65)[-1]


def test_a_classifier_is_weak_from_its_second_epoch_until_it_is_reliable() -> None:
    memorisation = MemorisationWatch(epochs=40)
    stages = [
        memorisation.observe(agreement, predictor_agreement=agreement, confident_agreement=0.8)
        for agreement in (0.1, 0.5, 0.55, 0.61, 0.5)
    ]
    # 0.75 of 0.8 is 0.6. The first epoch tells nothing, and what was reached once counts.
    assert stages == [Stage.RELIABLE, Stage.WEAK, Stage.WEAK, Stage.RELIABLE, Stage.RELIABLE]


def test_a_restored_watch_goes_on_where_it_stood() -> None:
    first = MemorisationWatch(epochs=8)
    for agreement, lead in zip((0.2, 0.4, 0.5), LEADS, strict=False):
        first.observe(agreement, predictor_agreement=lead * agreement, confident_agreement=0.6)
    second = MemorisationWatch(epochs=8)
    second.load_state(first.state())
    assert second.agreements == first.agreements
    found = second.observe(0.45, predictor_agreement=1.3 * 0.45, confident_agreement=0.6)
    assert found is Stage.MEMORISING
