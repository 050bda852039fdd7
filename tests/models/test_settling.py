from models.settling import Settling


def noted(agreements: list[float], *, epochs: int) -> list[bool]:
    settling = Settling(epochs=epochs)
    return [settling.note(agreement) for agreement in agreements]


def test_settled_is_who_gains_less_than_15_percent_in_a_quarter_of_the_training() -> None:
    # Of 8 epochs a quarter is 2; the first is no beginning, so that the fourth is the earliest.
    assert noted([0.2, 0.4, 0.5, 0.45], epochs=8) == [False, False, False, True]  # 0.45 < 1.15 * 0.40
    assert noted([0.2, 0.4, 0.5, 0.47], epochs=8) == [False, False, False, False]  # 0.47 > 0.46
    assert noted([0.2, 0.4, 0.5, 0.47, 0.57], epochs=8)[-1]  # 0.57 < 1.15 * 0.50


def test_short_trainings_have_a_window_of_one_epoch() -> None:
    assert noted([0.9, 0.9, 0.9, 0.9], epochs=4) == [False, False, True, False]


def test_nobody_settles_in_the_last_quarter() -> None:
    assert noted([0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.6, 0.6], epochs=8) == [False] * 8
    assert noted([0.1, 0.2, 0.3, 0.4, 0.4, 0.4, 0.4, 0.4], epochs=8) == [False] * 5 + [True] + [False] * 2


def test_a_restored_watch_goes_on_where_it_stood() -> None:
    first = Settling(epochs=8)
    for agreement in (0.2, 0.4, 0.5):
        first.note(agreement)
    second = Settling(epochs=8)
    second.load_state(first.state())
    assert second.note(0.45) == first.note(0.45) is True
