"""`limit-audit check AUDIT`: check samples of an audit at random, in the terminal or on the page."""

import textwrap
from collections.abc import Sequence
from typing import Annotated

import typer

from app.cli.output import AsJson, Key, Server, connect, echo, print_json
from app.client import Audit, ClientError, Dataset, Json

NOT_FOUND, WRONG_STATE = 404, 409
NUMBER_OF_CHECKS = 100
QUESTION = "Is the label right? [k]eep, [o]ther label, [d]rop, [u]nsure, [q]uit"
VERDICTS = {"k": "keep", "o": "relabel", "d": "drop", "u": "unsure"}
VALUES_MAX, TEXT_MAX = 12, 300
"""Values of a row, and characters of a text, that are shown."""

AuditId = Annotated[str, typer.Argument(help="id or name of an audit that has succeeded, or @last")]
Samples = Annotated[
    int | None,
    typer.Option("--samples", "-n", min=1, help="samples to check in all; more adds to those drawn already"),
]
Ask = Annotated[bool, typer.Option("--ask", help="ask for the verdicts here, one sample after the other")]
Reviewer = Annotated[
    str | None, typer.Option(help="name of the reviewer; with a key, the key's name is used")
]


def check(
    audit_id: AuditId,
    *,
    samples: Samples = None,
    ask: Ask = False,
    reviewer: Reviewer = None,
    server: Server = None,
    key: Key = None,
    json: AsJson = False,
) -> None:
    """Check samples at random: their verdicts count the wrong labels. Begins with 100, or goes on."""
    with connect(server, key) as client:
        audit = client.get_audit(audit_id)
        state = _begin_or_continue(audit, samples)
        if ask:
            _ask_for_verdicts(client.dataset(audit["dataset_id"]), audit, reviewer)
            state = audit.check()
        result = _find_result(audit)
        address = f"{client.url}/audits/{audit.id}/check"
    if json:
        print_json({"state": state, "result": result})
        return
    echo(f"{state['answered']} of {state['wanted']} samples drawn at random have a verdict.")
    if not state["is_finished"]:
        echo(f"Check them here with --ask, or at {address}")
    echo(*(describe_result(result) if result else describe_count(state)))


def describe_count(state: Json) -> list[str]:
    """Return what is known before the figures of the audit follow the checks, as lines."""
    told = f"How many labels are wrong is told from {state['least']} checks on whose label was right or wrong"
    aside = [f"{state[name]} {name}" for name in ("unsure", "dropped") if state[name]]
    uncounted = f" ({' and '.join(aside)}: neither)" if aside else ""
    return [f"{told}: {state['decided']} so far{uncounted}."]


def describe_result(result: Json) -> list[str]:
    """Return what the checks say, as lines."""
    low, high = result["error_count_interval"]
    about = f"{low:,.0f} to {high:,.0f} of {result['sample_count']:,} labels are wrong ({result['rests_on']})"
    middle = f"by those alone that were found right or wrong the middle is {result['error_count']:,.0f}"
    lines = [
        f"{about}; {middle}.",
        f"The automatic cut flags {result['flagged_count']:,} samples.",
    ]
    if not result["flagged_count"]:
        return lines
    for name, words in (
        ("flagged_precision", "of them are labelled wrong"),
        ("suggestion_improves", "would get the right label by relabelling them as suggested"),
        ("suggestion_worsens", "would be made worse by that"),
    ):
        lines.append(f"  {_describe_share(result[name])} {words}")
    return lines


def _describe_share(share: Json | None) -> str:
    if share is None:
        return "an unknown share"
    return f"{share['centre']:.0%} ({share['low']:.0%} to {share['high']:.0%})"


def _begin_or_continue(audit: Audit, samples: int | None) -> Json:
    try:
        return audit.check(samples)
    except ClientError as error:
        if samples is not None or error.status != NOT_FOUND:
            raise
        return audit.check(NUMBER_OF_CHECKS)


def _find_result(audit: Audit) -> Json | None:
    try:
        return audit.check_result()
    except ClientError as error:
        if error.status != WRONG_STATE:
            raise
        return None


def _ask_for_verdicts(dataset: Dataset, audit: Audit, reviewer: str | None) -> None:
    """Ask until nothing is open or the person quits; every verdict is saved at once."""
    while items := audit.samples_to_check():
        for item in items:
            entry = _ask(item, dataset["class_names"])
            if entry is None:
                return
            for conflict in audit.review([entry], reviewer=reviewer):
                echo(conflict["detail"])


def _ask(item: Json, class_names: Sequence[str]) -> Json | None:
    """Return the verdict on one sample; None: the person quits."""
    echo("", f"{item['key']}: labelled {item['given_label']!r}")
    values = [value for value in item["features"] or [] if value is not None]
    if values:
        echo("  " + ", ".join(_shorten(value) for value in values[:VALUES_MAX]))
    answer = ""
    while answer not in {*VERDICTS, "q"}:
        answer = typer.prompt(QUESTION, prompt_suffix=": ").strip().lower()[:1]
    if answer == "q":
        return None
    label = _ask_for_label(item["given_label"], class_names) if answer == "o" else None
    return {"position": item["position"], "verdict": VERDICTS[answer], "label": label}


def _shorten(value: str | float) -> str:
    """Return a value in a few characters: a number, or the first words of a text."""
    return textwrap.shorten(value, TEXT_MAX, placeholder=" …") if isinstance(value, str) else f"{value:.4g}"


def _ask_for_label(given_label: str, class_names: Sequence[str]) -> str:
    others = [name for name in class_names if name != given_label]
    while True:
        label: str = typer.prompt("The right label").strip()
        if label in others:
            return label
        echo(f"Expected one of {', '.join(others[:50])}; found {label!r}.")
