"""`limit-audit gate DATA --max-noise 2%`: audit data, judge them by limits, end with an exit code."""

from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from app.cli.audit_commands import Effort, Settings, choose_fields, open_service, parse_field
from app.cli.dataset_commands import upload_and_wait
from app.cli.options.output_files import OutputFile
from app.cli.options.reading_options import take_reading_options
from app.cli.output import (
    Key,
    Server,
    connect,
    plain,
    print_understood,
    show_audit,
    show_progress_bar,
    stderr,
    stdout,
)
from app.cli.pipelines.gate_reports import describe_gate, write_json, write_junit
from app.client import Audit, Client

FAILED, CANNOT_TELL = 4, 5
"""Exit codes: a limit is exceeded; none is, and one cannot be judged. 1 to 3 mean that nothing was judged."""


def read_share(text: str) -> float:
    """Return a share that is written as `2%` or `0.02`.

    Raises:
        typer.BadParameter: it is neither, or outside 0 to 100 %.

    """
    number, percent, rest = text.strip().partition("%")
    try:
        share = float(number) / (100 if percent else 1)
    except ValueError:
        share = -1.0
    if rest or not 0 <= share <= 1 or (not percent and share == 1):
        raise typer.BadParameter(f"expected a share such as 2% or 0.02; found {text!r}")
    return share


Data = Annotated[
    list[Path] | None,
    typer.Argument(exists=True, help="one or more archive, table or array files, or a folder"),
]
Report = partial(OutputFile, metavar="FILE")


@take_reading_options
def gate(
    data: Data = None,
    *,
    audit: Annotated[str | None, typer.Option(help="judge this audit instead of new data")] = None,
    max_noise: Annotated[
        float | None, typer.Option(parser=read_share, metavar="SHARE", help="of wrong labels: 2% or 0.02")
    ] = None,
    max_class_noise: Annotated[
        float | None, typer.Option(parser=read_share, metavar="SHARE", help="of wrong labels of each class")
    ] = None,
    max_new_noise: Annotated[
        float | None,
        typer.Option(
            parser=read_share, metavar="SHARE", help="of wrong labels of what is new since --baseline"
        ),
    ] = None,
    no_conflicts: Annotated[
        bool,
        typer.Option("--no-conflicts", help="no duplicates with different labels (--baseline: no new ones)"),
    ] = False,
    not_worse: Annotated[
        bool, typer.Option("--not-worse", help="no more wrong labels than --baseline, beyond both intervals")
    ] = False,
    baseline: Annotated[
        str | None, typer.Option(metavar="AUDIT", help="an earlier audit, its settings are used again")
    ] = None,
    cannot_tell: Annotated[
        Literal["fail", "pass"],
        typer.Option(
            help=f"what to do where the audit cannot tell: exit with {CANNOT_TELL}, or say so and pass"
        ),
    ] = "fail",
    junit: Annotated[Path | None, Report(help="write the checks as JUnit XML")] = None,
    json: Annotated[Path | None, Report(help="write the answer as JSON")] = None,
    name: Annotated[
        str | None, typer.Option(help="of dataset and audit; a later --baseline takes it")
    ] = None,
    set_: Settings = None,
    effort: Effort = None,
    reading: dict[str, Any],
    server: Server = None,
    key: Key = None,
) -> None:
    """Audit data and judge them by limits, with an exit code for pipelines.

    0: passed. 4: a limit is exceeded, by the lower end of its 95 % interval. 5: none is, but one cannot be
    judged. 1 to 3: nothing was judged (refused or failed, wrong usage, no service).
    """
    limits = {
        "max_noise": max_noise, "max_class_noise": max_class_noise, "max_new_noise": max_new_noise,
        "no_conflicts": no_conflicts or None, "not_worse": not_worse or None,
    }  # fmt: skip
    limits = {limit: value for limit, value in limits.items() if value is not None}
    _check_usage(limits, data, audit, baseline, name)
    if audit is not None and any((name, set_, effort, reading)):
        raise typer.BadParameter("--audit judges an audit that exists: expected no options of a new one")
    for report_file in (json, junit):
        if report_file is not None:
            report_file.unlink(missing_ok=True)  # an earlier answer must not stand for one that is not given
    with ExitStack() as opened:
        url = server if audit is not None else opened.enter_context(open_service(server))
        client = opened.enter_context(connect(url, key))
        existing = None if audit is None else client.get_audit(audit)
        earlier = None if baseline is None else client.find_baseline(baseline, besides=existing)
        if existing is not None:
            judged = existing
        else:
            settings = dict(parse_field(pair) for pair in set_ or [])
            judged = _audit(
                client,
                data or [],
                earlier,
                baseline,
                name=name,
                settings=settings,
                effort=effort,
                reading=reading,
            )
        answer = judged.judge(baseline=earlier, **limits)
        address = f"{client.url}/audits/{judged.id}"
    code = _choose_exit_code(answer["verdict"], cannot_tell)
    report = {
        **answer,
        "name": judged.name,
        "address": address,
        "cannot_tell": cannot_tell,
        "exit_code": code,
    }
    if json is not None:
        write_json(report, json)
    if junit is not None:
        write_junit(report, junit)
    for sentence in describe_gate(report):
        stdout.print(plain(sentence), soft_wrap=True)
    raise typer.Exit(code)


def _check_usage(
    limits: dict[str, Any],
    data: list[Path] | None,
    audit: str | None,
    baseline: str | None,
    name: str | None,
) -> None:
    """Refuse what would judge nothing before any work starts."""
    if bool(data) == (audit is not None):
        raise typer.BadParameter("expected either DATA or --audit AUDIT")
    if not limits:
        raise typer.BadParameter(
            "expected a limit: --max-noise, --max-class-noise, --max-new-noise, --no-conflicts or"
            " --not-worse; found none, and a gate without limits says nothing"
        )
    if baseline is None and ("max_new_noise" in limits or "not_worse" in limits):
        raise typer.BadParameter("--max-new-noise and --not-worse need --baseline AUDIT")
    if name is not None:
        _require_another_name(name, baseline)


def _require_another_name(name: str, baseline: str | None) -> None:
    """Refuse a name by which labels that fail would be the next run's baseline, and pass."""
    if name == baseline:
        raise typer.BadParameter(
            f"expected another --name than the --baseline {baseline!r}: labels that fail would be the next"
            " run's baseline, and pass then"
        )


def _audit(
    client: Client,
    files: list[Path],
    baseline: Audit | None,
    reference: str | None,
    *,
    name: str | None,
    settings: dict[str, Any],
    effort: str | None,
    reading: dict[str, Any],
) -> Audit:
    """Upload and audit data; with a baseline and no settings of its own, with the baseline's settings."""
    dataset = upload_and_wait(client, files, name=name, **reading)
    print_understood(dataset.document, console=stderr)
    _require_another_name(name or f"audit of {dataset.name}", reference)
    if effort is not None:
        settings |= choose_fields(dataset.estimate(**settings), effort)
    if baseline is not None and not settings:
        started = baseline.again(dataset, name=name)
    else:
        started = dataset.audit(name=name, **settings)
    with show_progress_bar("audit") as bar:
        return started.wait(on_answer=partial(show_audit, bar))


def _choose_exit_code(verdict: str, cannot_tell: str) -> int:
    if verdict == "failed":
        return FAILED
    return CANNOT_TELL if verdict == "cannot_tell" and cannot_tell == "fail" else 0
