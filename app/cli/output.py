"""Output of commands: JSON or a table on stdout, progress on stderr, one exit code per kind of failure."""

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Annotated, NoReturn

import httpx
import typer
from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from app.cli.words.option_words import name_option, name_options
from app.client import Client, ClientError, Json, progress_bars
from app.client.local_service import KEY_VARIABLE, SERVER_VARIABLE, find_address
from app.client.service.client_errors import NoServiceError
from app.infra.unseen_characters import show_unseen, show_unseen_in_json
from app.web.understood_facts import describe_notes, describe_understanding

UNAUTHORISED = 401
NO_KEY = f"; give a key with --key or {KEY_VARIABLE}"
FAILED, UNREACHABLE = 1, 3
PIPED_WIDTH = 140
stdout = Console(width=None if sys.stdout.isatty() else PIPED_WIDTH)
stderr = Console(stderr=True)

Server = Annotated[
    str | None,
    typer.Option(
        "--server",
        envvar=SERVER_VARIABLE,
        help="URL of a service; else yours on this machine",
    ),
]
Key = Annotated[str | None, typer.Option("--key", envvar=KEY_VARIABLE, help="bearer key", show_envvar=True)]
AsJson = Annotated[bool, typer.Option("--json", help="print JSON")]
AlwaysJson = Annotated[bool, typer.Option("--json", help="print JSON (this command always does)")]

CONFIDENCE = "suggested_confidence"
SUSPECT_COLUMNS = ("rank", "key", "given_label", "suggested_label", CONFIDENCE, "score", "distance")
CERTAIN = 0.999
"""The most that is shown, as on the pages ("over 99.9 %")."""


@contextmanager
def connect(server: str | None, key: str | None) -> Iterator[Client]:
    """Open a client; report failures as a sentence and an exit code."""
    url = server or find_url()
    with report_failures(url), Client(url, key=key) as client:
        yield client


def find_url() -> str:
    """Return the address of this user's running service; end the command if it is not clear which."""
    try:
        return find_address()
    except NoServiceError as error:
        fail(str(error), code=UNREACHABLE, cause=error)


@contextmanager
def report_failures(url: str) -> Iterator[None]:
    """End the command with a sentence on stderr if the service refuses or cannot be reached."""
    try:
        yield
    except ClientError as error:
        hint = NO_KEY if error.status == UNAUTHORISED else ""
        fail(f"{name_options(str(error))}{hint}", code=FAILED, cause=error)
    except (httpx.TransportError, httpx.InvalidURL) as error:
        hint = "start one with `limit-audit up` or name one with --server"
        fail(f"no service at {url} ({error}); {hint}", code=UNREACHABLE, cause=error)


def fail(*lines: str, code: int, cause: Exception) -> NoReturn:
    """End the command with a sentence on stderr and an exit code."""
    stderr.print(Text.assemble(("error: ", "bold red"), plain(*lines)))
    raise typer.Exit(code) from cause


def echo(*lines: str) -> None:
    """Print lines on stdout; what a terminal would obey is shown instead, also a line end in a name."""
    for line in lines:
        typer.echo(show_unseen(line))


def plain(*lines: str) -> Text:
    """Return lines for a console, as `echo` prints them; names that look like markup are none."""
    return Text("\n".join(map(show_unseen, lines)))


def print_json(answer: object) -> None:
    """Print an answer as JSON."""
    sys.stdout.write(show_unseen_in_json(json.dumps(answer, indent=2, ensure_ascii=False)) + "\n")


def print_table(rows: Sequence[Mapping[str, object]], columns: Sequence[str]) -> None:
    """Print the given columns of answers as a table."""
    table = Table(*columns, box=None, pad_edge=False)
    for row in rows:
        table.add_row(*(_render_cell(row[column]) for column in columns))
    stdout.print(table)


def print_suspects(suspects: Sequence[Mapping[str, object]]) -> None:
    """Print ranked samples; a confidence never looks certain, as on the pages."""
    rows = [{**suspect, CONFIDENCE: bound_confidence(suspect[CONFIDENCE])} for suspect in suspects]
    print_table(rows, SUSPECT_COLUMNS)


def bound_confidence(value: object) -> object:
    """Return a confidence as it may be shown: "> 0.999" for one that is nearly certain."""
    if not isinstance(value, float) or CERTAIN > value > 1 - CERTAIN:
        return value
    return f"> {CERTAIN}" if value >= CERTAIN else f"< {1 - CERTAIN:.3f}"


def print_understood(dataset: Json, *, console: Console = stdout) -> None:
    """Print how an upload was read, and what was guessed."""
    document = dataset.get("understood") or {}
    table = Table("understood", "", box=None, pad_edge=False)
    for label, text in describe_understanding(document):
        table.add_row(plain(label), plain(text))
    console.print(table)
    for text, option in describe_notes(document):
        said = name_options(text)
        wanted = None if option is None else name_option(option)
        change = f" (to change it: {wanted})" if wanted and wanted not in said else ""
        console.print(plain(f"note: {said}{change}"))


def _render_cell(value: object) -> Text:
    """Return a value as one line of plain text: a name that people chose can look like markup."""
    if value is None:
        return Text("")
    return Text(f"{value:.4f}" if isinstance(value, float) else show_unseen(str(value)))


@contextmanager
def show_progress_bar(description: str) -> Iterator["Bar"]:
    """Show one progress bar on stderr while the block runs."""
    columns = (
        TextColumn("{task.description:<10}"),
        BarColumn(),
        TextColumn("{task.percentage:>3.0f}%"),
        TimeElapsedColumn(),
        TextColumn("{task.fields[note]}", markup=False),
    )
    with Progress(*columns, console=stderr, transient=False) as progress:
        yield Bar(progress, progress.add_task(description, total=1.0, note=""))


class Bar:
    """A bar that shows a share in [0, 1] and a note."""

    def __init__(self, progress: Progress, task: TaskID) -> None:
        self._progress, self._task = progress, task

    def show(self, share: float, note: str = "") -> None:
        """Set the bar."""
        self._progress.update(self._task, completed=share, note=show_unseen(note))


def show_dataset(bar: Bar, dataset: Json) -> None:
    """Show the progress of ingestion."""
    bar.show(*progress_bars.describe_ingestion(dataset))


def show_audit(bar: Bar, audit: Json) -> None:
    """Show the progress of an audit."""
    bar.show(*progress_bars.describe_training(audit))
