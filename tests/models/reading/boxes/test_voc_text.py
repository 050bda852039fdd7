"""Pascal VOC's XML in the encodings of people, and names written into it."""

import pytest

from models.reading.boxes.voc_text import BadAnnotation, read_annotation, rewrite_annotation

PLACE = "<bndbox><xmin>1</xmin><ymin>2</ymin><xmax>30</xmax><ymax>40</ymax></bndbox>"


def document(*names: str, encoding: str = "utf-8") -> str:
    """Return a file with an object for each name element."""
    objects = "".join(f"\n\t<object>\n\t\t{name}{PLACE}</object>" for name in names)
    return f'<?xml version="1.0" encoding="{encoding}"?>\n<annotation>{objects}\n</annotation>\n'


@pytest.mark.parametrize(
    ("encoding", "name"),
    [("gbk", "猫"), ("GB2312", "猫"), ("Shift_JIS", "猫"), ("big5", "貓"), ("euc-kr", "고양이"),
     ("windows-1251", "кошка"), ("iso-2022-jp", "猫"), ("UTF8", "猫"), ("latin1", "chaîne")],
)  # fmt: skip
def test_a_file_is_read_and_written_in_the_encoding_that_it_names(encoding: str, name: str) -> None:
    text = document(f"<name>{name}</name>", "<name>dog</name>", encoding=encoding)
    content = text.encode(encoding)
    assert [each.name for each in read_annotation(content).objects] == [name, "dog"]
    changed = rewrite_annotation(content, {1: name})
    assert changed == text.replace("dog", name).encode(encoding)
    odd = rewrite_annotation(content, {1: "naïve 🐈"})
    assert [each.name for each in read_annotation(odd).objects] == [name, "naïve 🐈"]
    assert rewrite_annotation(content, {}) == content


@pytest.mark.parametrize(
    "encoding",
    [
        "nonsense",
        "idna",
        "punycode",
        "zlib",
        "utf-7",
        "utf-16",
        "undefined",
        "unicode_escape",
        "mbcs",
        "cp037",
    ],
)
def test_a_file_of_another_encoding_is_none_that_is_read(encoding: str) -> None:
    with pytest.raises(BadAnnotation, match=r"^expected XML in the encoding that it names"):
        read_annotation(document("<name>cat</name>", encoding=encoding).encode())


def test_a_file_that_is_not_in_its_own_encoding_is_none_that_is_read() -> None:
    with pytest.raises(BadAnnotation, match=r"^expected XML in the encoding that it names, 'gbk'"):
        read_annotation(document("<name>\udcff</name>", encoding="gbk").encode(errors="surrogateescape"))
    with pytest.raises(BadAnnotation, match=r"^expected XML that can be written again in 'iso-2022-jp'"):
        read_annotation(document("<name>\x1b(B</name>", encoding="iso-2022-jp").encode())


@pytest.mark.parametrize(
    ("element", "expected"),
    [
        ('<name a="b>c">cat</name>', '<name a="b>c">ox &amp; cow</name>'),
        ("""<name a='"/>' b = ">" >cat</name >""", """<name a='"/>' b = ">" >ox &amp; cow</name >"""),
        ("<name>\n cat\n</name>", "<name>\n ox &amp; cow\n</name>"),
        ("<name>c<!-- > -->at</name>", "<name>ox &amp; cow</name>"),
        ("<name><![CDATA[cat]]></name>", "<name>ox &amp; cow</name>"),
    ],
)
def test_a_name_is_replaced_wherever_its_tag_ends(element: str, expected: str) -> None:
    content = document("<name>dog</name>", element, "<name>dog</name>").encode()
    changed = rewrite_annotation(content, {1: "ox & cow"})
    assert changed == document("<name>dog</name>", expected, "<name>dog</name>").encode()
    assert [each.name for each in read_annotation(changed).objects] == ["dog", "ox & cow", "dog"]


@pytest.mark.parametrize("name", ["a\rb", "<&>", "]]>", "&amp;", "\x85"])
def test_a_name_comes_back_as_it_was_written(name: str) -> None:
    changed = rewrite_annotation(document("<name>cat</name>").encode(), {0: name})
    assert [each.name for each in read_annotation(changed).objects] == [name.strip()]


def test_an_object_is_left_out_wherever_its_tags_end() -> None:
    content = document("<name>dog</name>", '<name a=">">cat</name>', "<name>ox</name>").encode()
    assert rewrite_annotation(content, {0: None, 2: "cow"}) == (
        document('<name a=">">cat</name>', "<name>cow</name>").encode()
    )
    closed = b'<annotation><object a="/>"/><object><name>cat</name></object></annotation>'
    assert rewrite_annotation(closed, {0: None}) == (
        b"<annotation><object><name>cat</name></object></annotation>"
    )


@pytest.mark.parametrize("name", ["a\x1bb", "\x07", "a\ufffe"])
def test_a_name_that_xml_cannot_hold_is_refused(name: str) -> None:
    with pytest.raises(BadAnnotation, match=r"^expected "):
        rewrite_annotation(document("<name>cat</name>").encode(), {0: name})
