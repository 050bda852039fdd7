"""The labelling configuration for Label Studio."""

from xml.etree import ElementTree as ET

from app.exports.label_studio import _describe_view, _make_choice


def test_the_configuration_is_xml_whatever_the_classes_are_called() -> None:
    names = ["a\x1bt", "b\x07", "c\ufffe", "<&\"'>", "é\n"]
    view = ET.fromstring(_describe_view(names, has_pictures=True))  # noqa: S314 - our own
    choices = [each.get("value") for each in view.iter("Choice")]
    assert choices[:5] == [r"a\x1bt", r"b\x07", r"c\ufffe", "<&\"'>", "é\n"]
    assert _make_choice("a\x1bt", "image", "1")["value"] == {"choices": [choices[0]]}  # the same in tasks
