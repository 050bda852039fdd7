"""`limit-audit export ...`: one command for each export of the registry."""

from inspect import Parameter as Argument
from inspect import Signature
from itertools import groupby
from pathlib import Path
from typing import Annotated, Any

import typer

from app.cli.output import Key, Server, connect
from app.exports.registry import EXPORTS, Export, Parameter

app = typer.Typer(no_args_is_help=True, help="Download corrected labels, cleaned datasets, reports.")
IDS = {
    "dataset": Annotated[str, typer.Argument(help="id of the dataset")],
    "audit": Annotated[str, typer.Argument(help="id of an audit that has succeeded")],
}
Out = Annotated[Path, typer.Option(help="a file, or a folder in which it gets a name of its own")]


def _add_command(name: str, exports: list[Export]) -> None:
    """Add a command that downloads the first of its exports, or by its flag another."""
    first, *others = exports

    def download(*, out: Path, server: str | None, key: str | None, **values: Any) -> None:  # noqa: ANN401
        found_id = values.pop(f"{first.scope}_id")
        flagged = [export for export in others if export.flag and values.pop(export.flag)]
        parameters = {} if flagged else {name: value for name, value in values.items() if value is not None}
        with connect(server, key) as client:
            handle = client.dataset(found_id) if first.scope == "dataset" else client.get_audit(found_id)
            typer.echo(handle.export(flagged[0].name if flagged else first.name, out, **parameters))

    download.__signature__ = _signature(first, others)  # type: ignore[attr-defined]  # Typer reads it
    app.command(name, help=first.description)(download)


def _signature(first: Export, others: list[Export]) -> Signature:
    options = [_keyword(each.name, _option(each), each.default) for each in first.all_parameters]
    flags = [_keyword(other.flag or "", _flag(other), default=False) for other in others]
    return Signature(
        [
            Argument(f"{first.scope}_id", Argument.POSITIONAL_OR_KEYWORD, annotation=IDS[first.scope]),
            _keyword("out", Out, Path()),
            *options,
            *flags,
            _keyword("server", Server, None),
            _keyword("key", Key, None),
        ]
    )


def _flag(export: Export) -> Any:  # noqa: ANN401 - an annotation
    return Annotated[bool, typer.Option(f"--{export.flag}", help=f"instead: {export.description}")]


def _keyword(name: str, annotation: Any, default: object) -> Argument:  # noqa: ANN401 - any annotation
    return Argument(name, Argument.KEYWORD_ONLY, default=default, annotation=annotation)


def _option(parameter: Parameter) -> Any:  # noqa: ANN401 - an annotation
    name = (parameter.option or parameter.name).replace("_", "-")
    option = typer.Option(
        f"--{name}", help=parameter.description, min=parameter.minimum, max=parameter.maximum
    )
    return Annotated[parameter.type, option]


for _command, _exports in groupby(EXPORTS, key=lambda export: export.command):
    _add_command(_command, list(_exports))
