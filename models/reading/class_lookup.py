"""Which class of a dataset a text means."""

from collections.abc import Sequence

from models.reading.label_texts import format_label, make_comparable, strip_guard


class ClassLookup:
    """Finds the class that a label in a later file means, spelled as in the upload or as it is shown."""

    def __init__(self, class_names: Sequence[str], spellings: Sequence[object] = ()) -> None:
        by_spelling = {
            make_comparable(str(spelled)): label
            for label, spelled in reversed(list(enumerate(spellings)))
            if spelled is not None and not isinstance(spelled, bytes)
        }
        by_name = {make_comparable(name): label for label, name in reversed(list(enumerate(class_names)))}
        self._labels = by_spelling | by_name

    def find(self, text: str) -> int | None:
        """Return the label of a text; None if no class is meant."""
        for form in (text, strip_guard(text)):
            label = self._labels.get(make_comparable(form))
            if label is None:
                label = self._labels.get(format_label(form) or "")
            if label is not None:
                return label
        return None


def is_unknown(text: str) -> bool:
    """Return whether a label is missing, as in an upload."""
    return format_label(text) is None
