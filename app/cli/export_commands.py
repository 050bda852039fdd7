"""`limit-audit export ...`: the commands made from the registry of exports."""

from inspect import Parameter as Argument
from inspect import Signature
from itertools import groupby
from pathlib import Path
from typing import Annotated, Any

import typer

from app.cli.options.output_files import OutputPlace
from app.cli.output import Key, Server, connect, echo
from app.client import Client
from app.exports.registry import EXPORTS, Export, Issues, Parameter
from app.infra.unseen_characters import show_unseen

app = typer.Typer(no_args_is_help=True, help="Download corrected labels, corrected datasets and reports.")
IDS = {
    "dataset": Annotated[str, typer.Argument(help="id or name of the dataset, or @last")],
    "audit": Annotated[str, typer.Argument(help="id or name of an audit that has succeeded, or @last")],
}
Out = Annotated[
    Path, OutputPlace(help="a file, or a folder in which the service chooses the name of a new file")
]


def _add_command(name: str, exports: list[Export]) -> None:
    """Add a command that downloads its first export, or another one chosen by a flag."""
    first, *others = exports

    def download(*, out: Path, server: str | None, key: str | None, **values: Any) -> None:  # noqa: ANN401
        object_id = values.pop(f"{first.scope}_id")
        flagged = [export for export in others if export.flag and values.pop(export.flag)]
        parameters = {} if flagged else {name: value for name, value in values.items() if value is not None}
        with connect(server, key) as client:
            if "audit_id" in parameters:
                parameters["audit_id"] = client.find_id("audit", parameters["audit_id"])
            if parameters.get("issues") == Issues.RELABEL and not parameters["confirmed"]:
                parameters["confirmed"] = _ask_consent(client, parameters.get("audit_id"))
            handle = client.dataset(object_id) if first.scope == "dataset" else client.get_audit(object_id)
            echo(str(handle.export(flagged[0].name if flagged else first.name, out, **parameters)))

    download.__signature__ = _build_signature(first, others)  # type: ignore[attr-defined]  # Typer reads it
    app.command(name, help=first.description)(download)


def _ask_consent(client: Client, audit_id: str | None) -> bool:
    """Say what relabelling would do and ask, if labels would change; the service refuses what is unknown."""
    if audit_id is None:
        return False
    preview = client.get(f"/v1/audits/{audit_id}/relabelling")
    if not preview["labels"] or preview["worsens"] is None:
        return False
    typer.confirm(show_unseen(f"{preview['detail']} Go on?"), abort=True, err=True)
    return True


def _build_signature(first: Export, others: list[Export]) -> Signature:
    options = [_make_argument(each.name, _make_option(each), each.default) for each in first.all_parameters]
    flags = [_make_argument(other.flag or "", _make_flag(other), default=False) for other in others]
    return Signature(
        [
            Argument(f"{first.scope}_id", Argument.POSITIONAL_OR_KEYWORD, annotation=IDS[first.scope]),
            _make_argument("out", Out, Path()),
            *options,
            *flags,
            _make_argument("server", Server, None),
            _make_argument("key", Key, None),
        ]
    )


def _make_flag(export: Export) -> Any:  # noqa: ANN401 - an annotation
    return Annotated[bool, typer.Option(f"--{export.flag}", help=f"download instead: {export.description}")]


def _make_argument(name: str, annotation: Any, default: object) -> Argument:  # noqa: ANN401 - any annotation
    return Argument(name, Argument.KEYWORD_ONLY, default=default, annotation=annotation)


def _make_option(parameter: Parameter) -> Any:  # noqa: ANN401 - an annotation
    name = (parameter.option or parameter.name).replace("_", "-")
    option = typer.Option(
        f"--{name}", help=parameter.description, min=parameter.minimum, max=parameter.maximum
    )
    type_ = str | None if parameter.name == "audit_id" else parameter.type  # also a name, or @last
    return Annotated[type_, option]


for _command, _exports in groupby(EXPORTS, key=lambda export: export.command):
    _add_command(_command, list(_exports))
