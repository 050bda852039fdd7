"""Label Studio tasks: an image each, the suggested label as prediction, the verdict as annotation.

`models.reading.label_studio_decisions` reads the annotators' decisions back; it knows a task by its `data`.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any
from xml.sax.saxutils import quoteattr

from app.exports.audit_source import AuditSource
from app.exports.registry import JSON, TEXT, ExportFile
from app.people.decision_columns import (
    DECISION_COLUMNS,
    EMPTY,
    DecisionColumns,
    read_decision_columns,
)
from app.reviews.verdicts import require_own_labels
from app.schemas.audits.result_schemas import Suspect
from models.reading.label_studio_decisions import CONTROL, DROP, UNSURE, spell_choice

NO_CLASS = {"drop": (DROP, "Drop this sample"), "unsure": (UNSURE, "Unsure")}
"""Verdicts that are no class: the alias by which their choice is exported, and what people read on it."""
Picture = Callable[[Suspect], str]
"""Returns the image's URL, the image as a data URL, or the text."""


def write_tasks(source: AuditSource, *, pictures: str, limit: int) -> ExportFile:
    """Write a JSON list of tasks, the most suspicious first; samples without an image show text."""
    require_own_labels(source.audit)
    suspects, show = source.read_suspects(limit), None
    if source.has_pictures:
        show = source.embed_pictures() if pictures == "embedded" else source.link_pictures()
    with source.database.transaction() as session:
        columns = read_decision_columns(session, source.dataset.id)
    blocks = _list_tasks(
        suspects,
        columns,
        dataset_id=str(source.dataset.id),
        model=f"limit-audit {source.audit.id}",
        picture=show,
        words=source.open_words(is_whole=True),
    )
    return ExportFile(name="label-studio.json", media_type=JSON, blocks=blocks)


def write_configuration(source: AuditSource) -> ExportFile:
    """Write the labelling configuration for the tasks."""
    text = _describe_view(source.dataset.class_names or [], has_pictures=source.has_pictures)
    return ExportFile(name="label-studio.xml", media_type=TEXT, blocks=iter([text.encode()]))


def _list_tasks(
    suspects: Iterable[Suspect],
    columns: Mapping[int, DecisionColumns],
    *,
    dataset_id: str,
    model: str,
    picture: Picture | None,
    words: Picture | None,
) -> Iterator[bytes]:
    yield b"["
    for number, suspect in enumerate(suspects):
        task = _make_task(suspect, model=model, picture=picture, words=words)
        task["data"] |= {"dataset_id": dataset_id} | _describe_decision(
            suspect, columns.get(suspect.position, EMPTY)
        )
        yield (b",\n" if number else b"\n") + json.dumps(task, ensure_ascii=False).encode()
    yield b"\n]\n"


def _describe_decision(suspect: Suspect, columns: DecisionColumns) -> dict[str, str]:
    """Return who decided and what was written; Label Studio keeps such fields with its task."""
    told = {name: getattr(columns, name) for name in DECISION_COLUMNS}
    if suspect.review is not None:
        told["reviewer"] = columns.first_reviewer or suspect.review.reviewer
        told["decided_at"] = suspect.review.reviewed_at.isoformat()
    return {name: text for name, text in told.items() if text}


def _describe_view(class_names: list[str], *, has_pictures: bool) -> str:
    view = '<Image name="image" value="$image"/>' if has_pictures else '<Text name="text" value="$text"/>'
    to_name = "image" if has_pictures else "text"
    lines = [f"    <Choice value={quoteattr(spell_choice(name))}/>" for name in class_names]
    lines += [
        f"    <Choice value={quoteattr(shown)} alias={quoteattr(alias)}/>"
        for alias, shown in NO_CLASS.values()
    ]
    choices = "\n".join(lines)
    return (
        f'<View>\n  <Header value="$question"/>\n  {view}\n'
        f'  <Choices name="{CONTROL}" toName="{to_name}" choice="single" required="true">\n'
        f"{choices}\n  </Choices>\n</View>\n"
    )


def _make_task(
    suspect: Suspect, *, model: str, picture: Picture | None, words: Picture | None
) -> dict[str, Any]:
    to_name = "text" if picture is None else "image"
    text = f"row {suspect.key}" if words is None else words(suspect)
    content = {"text": text} if picture is None else {"image": picture(suspect)}
    review = suspect.review
    chosen = None
    if review is not None:
        chosen = review.label or NO_CLASS.get(review.verdict, (suspect.given_label,))[0]
    return {
        "data": {
            **content,
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
                "result": [_make_choice(suspect.suggested_label, to_name, f"suggested-{suspect.position}")],
            }
        ],
        "annotations": []
        if chosen is None
        else [{"result": [_make_choice(chosen, to_name, f"decided-{suspect.position}")]}],
    }


def _make_choice(label: str, to_name: str, identifier: str) -> dict[str, Any]:
    return {
        "id": identifier,
        "from_name": CONTROL,
        "to_name": to_name,
        "type": "choices",
        "value": {"choices": [spell_choice(label)]},
    }
