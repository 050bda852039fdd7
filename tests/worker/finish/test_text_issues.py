"""Scripts that hardly any text is written in."""

from worker.finish.text_issues import find_foreign_scripts

LATIN = ["Good morning"] * 150


def test_a_script_of_fewer_than_one_text_in_a_hundred_is_foreign() -> None:
    texts = [*LATIN, "Доброе утро, John", "12:30 !?", "Καλημέρα"]
    found, scripts = find_foreign_scripts(texts)
    assert found.tolist() == [150, 152]
    assert scripts == ["CYRILLIC", "GREEK"]


def test_a_second_script_that_many_texts_have_is_not_foreign() -> None:
    assert find_foreign_scripts([*LATIN, "Доброе утро", "Добрый вечер"])[1] == []


def test_signs_of_japanese_are_one_script() -> None:
    texts = ["荷物が届かない", "配送追跡番号", "サイズ"] * 50
    assert find_foreign_scripts(texts)[0].tolist() == []
    assert find_foreign_scripts([*texts, "안녕하세요"])[1] == ["HANGUL"]


def test_without_texts_nothing_is_foreign() -> None:
    assert find_foreign_scripts([])[0].tolist() == []
