"""`limit-audit classes DATASET`: audit every class of a dataset whose samples have several labels."""

from collections.abc import Sequence
from itertools import islice
from pathlib import Path
from typing import Annotated

import typer

from app.cli.options.output_files import OutputFile
from app.cli.output import (
    AsJson,
    Key,
    Server,
    bound_confidence,
    connect,
    plain,
    print_json,
    print_table,
    show_progress_bar,
    stderr,
    stdout,
)
from app.client import Client
from app.client.class_audits import (
    audit_classes,
    describe_classes,
    iterate_label_sets,
    list_left_out,
    write_label_sets,
)
from app.client.service.answer_types import Json

CLASS_COLUMNS = ("class_name", "samples", "status", "flagged", "wrong")
SAMPLE_COLUMNS = ("key", "given", "doubt", "wrong")
SHOWN = 10
NAMED = 20
"""Classes of one reason that are named."""


def audit_all_classes(
    client: Client, dataset_id: str, *, classes: Sequence[str] | None, configuration: Json
) -> list[Json]:
    """Audit the classes, with a progress bar on stderr, and return them."""
    with show_progress_bar("classes") as bar:
        return audit_classes(
            client,
            dataset_id,
            classes=classes,
            configuration=configuration,
            on_answer=lambda listed: bar.show(*describe_classes(listed)),
        )


def report_classes(
    client: Client, dataset_id: str, found: list[Json], out: Path | None, *, json: bool
) -> None:
    """Print what was found in each class and the most doubtful samples, and write the ranking."""
    if out is not None:
        samples = write_label_sets(client, dataset_id, out)
        stderr.print(plain(f"{samples:,} samples ranked in {out}"))
    first = list(islice(iterate_label_sets(client, dataset_id), SHOWN))
    left_out = list_left_out(client, dataset_id)
    if json:
        print_json({"classes": found, "not_audited": left_out, "samples": first})
        return
    print_table([_describe_class(each) for each in found], CLASS_COLUMNS)
    for sentence in describe_left_out(left_out):
        stdout.print(plain(sentence))
    print_table([_describe_sample(item) for item in first], SAMPLE_COLUMNS)


def describe_left_out(left_out: list[Json]) -> list[str]:
    """Return which classes are never audited, a line for each reason; the first of very many by name."""
    by_reason: dict[str, list[str]] = {}
    for each in left_out:
        by_reason.setdefault(each["reason"], []).append(each["class_name"])
    lines = []
    for reason, names in by_reason.items():
        more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
        lines.append(f"not audited: {', '.join(names[:NAMED])}{more} ({reason})")
    return lines


def _describe_class(each: Json) -> Json:
    audit = each["audit"] or {}
    low_high = audit.get("interval")
    wrong = "cannot tell yet" if low_high is None else f"{low_high[0]:,.0f} to {low_high[1]:,.0f}"
    return {
        **each,
        "status": audit.get("status", "not audited"),
        "flagged": audit.get("flagged"),
        "wrong": wrong,
    }


def _describe_sample(item: Json) -> Json:
    doubt = item["doubts"][0]
    probability = doubt["error_probability"]
    return {
        "key": item["key"],
        "given": "; ".join(item["given"]) or "(none)",
        "doubt": f"{'has' if doubt['is_given'] else 'lacks'} {doubt['class_name']}",
        "wrong": "not known" if probability is None else bound_confidence(probability),
    }


def classes(
    dataset: Annotated[
        str, typer.Argument(help="id or name of a ready dataset, a beginning of either, or @last")
    ],
    *,
    class_: Annotated[
        list[str] | None, typer.Option("--class", help="a class to audit; give the option once for each")
    ] = None,
    out: Annotated[Path | None, OutputFile(help="ranking to write: .csv")] = None,
    server: Server = None,
    key: Key = None,
    json: AsJson = False,
) -> None:
    """Audit every class of a dataset whose samples have several labels, and rank the samples over all."""
    with connect(server, key) as client:
        found_id = _find_dataset(client, dataset)
        found = audit_all_classes(client, found_id, classes=class_, configuration={})
        report_classes(client, found_id, found, out, json=json)


def _find_dataset(client: Client, named: str) -> str:
    """Return the id of a dataset; of one that is the view of a class, the dataset with all classes."""
    found_id = client.find_id("dataset", named)
    return str(client.get(f"/v1/datasets/{found_id}").get("view_of") or found_id)
