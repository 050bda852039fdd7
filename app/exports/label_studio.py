"""Label Studio's tasks: a picture each, the suggested label as a prediction, a verdict as an annotation."""

import json
from collections.abc import Callable, Iterable, Iterator
from typing import Any
from xml.sax.saxutils import quoteattr

from app.schemas.result_schemas import Suspect

CONTROL = "label"
Picture = Callable[[Suspect], str]
"""Returns a picture's address, or the picture itself as a data address."""


def tasks(suspects: Iterable[Suspect], *, model: str, picture: Picture | None) -> Iterator[bytes]:
    """Yield a JSON list of tasks, the most suspicious first; without `picture` they show text."""
    yield b"["
    for number, suspect in enumerate(suspects):
        task = _task(suspect, model=model, picture=picture)
        yield (b",\n" if number else b"\n") + json.dumps(task, ensure_ascii=False).encode()
    yield b"\n]\n"


def configuration(class_names: list[str], *, has_pictures: bool) -> str:
    """Return the labelling configuration that the tasks belong to."""
    shown = '<Image name="image" value="$image"/>' if has_pictures else '<Text name="text" value="$text"/>'
    to_name = "image" if has_pictures else "text"
    choices = "\n".join(f"    <Choice value={quoteattr(name)}/>" for name in class_names)
    return (
        f'<View>\n  <Header value="$question"/>\n  {shown}\n'
        f'  <Choices name="{CONTROL}" toName="{to_name}" choice="single" required="true">\n'
        f"{choices}\n  </Choices>\n</View>\n"
    )


def _task(suspect: Suspect, *, model: str, picture: Picture | None) -> dict[str, Any]:
    to_name = "text" if picture is None else "image"
    shown = {"text": f"row {suspect.key}"} if picture is None else {"image": picture(suspect)}
    review = suspect.review
    decided = None
    if review is not None and review.verdict in {"keep", "relabel"}:
        decided = review.label or suspect.given_label
    return {
        "data": {
            **shown,
            "question": f"{suspect.key}: given {suspect.given_label}, suggested {suspect.suggested_label}",
            "key": suspect.key,
            "position": suspect.position,
            "rank": suspect.rank,
            "given_label": suspect.given_label,
            "distance": suspect.distance,
            "error_probability": suspect.error_probability,
        },
        "predictions": [
            {
                "model_version": model,
                "score": suspect.suggested_confidence,
                "result": [_choice(suspect.suggested_label, to_name)],
            }
        ],
        "annotations": [] if decided is None else [{"result": [_choice(decided, to_name)]}],
    }


def _choice(label: str, to_name: str) -> dict[str, Any]:
    return {"from_name": CONTROL, "to_name": to_name, "type": "choices", "value": {"choices": [label]}}
