"""`limit-audit encoders`: the pretrained networks of this host; a worker's process does what needs torch."""

import json
import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Any

import typer

from app.cli.embedded_service import say
from app.cli.output import FAILED, AsJson, fail, print_json, print_table
from app.embedded.running_services import DEFAULT_HOME, HOME_VARIABLE

PROCESS = "worker.encoders.encoder_process"
FOLDER_VARIABLES = ("LIMIT_AUDIT_ENCODERS_DIR", "LIMIT_AUDIT_BACKBONES_DIR")
STORAGE_VARIABLE = "LIMIT_AUDIT_STORAGE_DIR"
SUBFOLDER = "encoders"
Folder = Annotated[
    Path | None,
    typer.Option(
        "--folder",
        help="folder with weights; by default the service's: LIMIT_AUDIT_ENCODERS_DIR, else `encoders` in"
        " LIMIT_AUDIT_STORAGE_DIR, else in the folder of the embedded service",
    ),
]
DataDir = Annotated[
    Path, typer.Option("--data-dir", envvar=HOME_VARIABLE, help="folder of the embedded service")
]
app = typer.Typer(
    no_args_is_help=True,
    help="List, fetch, add and check pretrained networks for photographs and texts on this host.",
)


@app.command("list")
def list_encoders(*, folder: Folder = None, data_dir: DataDir = DEFAULT_HOME, json: AsJson = False) -> None:
    """List the encoders and, where weights are missing, what to do."""
    target = _choose_folder(folder, data_dir)
    rows = _run(target, "list")
    if json:
        print_json(rows)
        return
    columns = ("name", "takes", "features", "side", "length", "licence", "weights")
    print_table([_show_weights(row) for row in rows], columns)
    for row in rows:
        if row["weights"] is not None and row["problem"] is not None:
            say(f"{row['name']}: {row['problem']}")
    if any(row["weights"] is None for row in rows):
        say(f"missing weights: put the file into {target}, or run `limit-audit encoders fetch NAME`")


@app.command("fetch")
def fetch_encoder(
    name: Annotated[str, typer.Argument(help="an encoder of torchvision or timm, as each names it")],
    *,
    folder: Folder = None,
    data_dir: DataDir = DEFAULT_HOME,
    json: AsJson = False,
) -> None:
    """Download the weights of an encoder and pin their SHA-256; this needs a network."""
    _report_added(_run(_choose_folder(folder, data_dir), "fetch", name), as_json=json)


@app.command("add")
def add_encoder(
    file: Annotated[
        Path,
        typer.Argument(
            help=".safetensors, .pth or .onnx; for texts a folder of sentence-transformers, or .onnx with"
            " --tokenizer",
            exists=True,
        ),
    ],
    *,
    name: Annotated[
        str | None, typer.Option(help="its name, as torchvision or timm names it; default: the file's name")
    ] = None,
    side: Annotated[int | None, typer.Option(min=1, help="height and width of its input, in pixels")] = None,
    mean: Annotated[
        tuple[float, float, float] | None, typer.Option(help="ONNX: of red, green and blue, 0 to 1")
    ] = None,
    std: Annotated[
        tuple[float, float, float] | None, typer.Option(help="ONNX: of red, green and blue, 0 to 1")
    ] = None,
    tokenizer: Annotated[
        Path | None,
        typer.Option(help="texts, ONNX: the network's tokenizer.json", exists=True, dir_okay=False),
    ] = None,
    length: Annotated[
        int | None,
        typer.Option(min=1, help="texts: most tokens of one that are read; default: as it is said"),
    ] = None,
    licence: Annotated[str | None, typer.Option(help="licence of the weights, if it is not known")] = None,
    folder: Folder = None,
    data_dir: DataDir = DEFAULT_HOME,
    json: AsJson = False,
) -> None:
    """Add an encoder from its weights: they are checked, copied and pinned by their SHA-256."""
    given: dict[str, tuple[object, ...] | None] = {
        "--name": None if name is None else (name,),
        "--side": None if side is None else (side,),
        "--mean": mean,
        "--std": std,
        "--tokenizer": None if tokenizer is None else (tokenizer.absolute(),),
        "--length": None if length is None else (length,),
        "--licence": None if licence is None else (licence,),
    }
    options = [str(each) for key, values in given.items() if values for each in (key, *values)]
    target = _choose_folder(folder, data_dir)
    _report_added(_run(target, "add", str(file.absolute()), *options), as_json=json)


@app.command("check")
def check_encoders(
    name: Annotated[str | None, typer.Argument(help="default: all whose weights are here")] = None,
    *,
    device: Annotated[str, typer.Option(help="torch device, such as cpu or cuda:0")] = "cpu",
    folder: Folder = None,
    data_dir: DataDir = DEFAULT_HOME,
    json: AsJson = False,
) -> None:
    """Load encoders, compare their weights with the pinned SHA-256, and measure their rate on a device."""
    named = [] if name is None else [name]
    rows = _run(_choose_folder(folder, data_dir), "check", *named, "--device", device)
    broken = [row["problem"] for row in rows if row["problem"] is not None]
    if json:
        print_json(rows)
    else:
        states = [{**row, "state": "ready" if row["problem"] is None else "unusable"} for row in rows]
        print_table(states, ("name", "takes", "state", "pictures_per_second", "texts_per_second"))
    for problem in broken:
        say(problem)
    if broken:
        raise typer.Exit(FAILED)


def _show_weights(row: dict[str, Any]) -> dict[str, Any]:
    """Return a row with the file's name alone: JSON has its path."""
    if row["weights"] is None:
        return row | {"weights": f"missing: {' or '.join(row['expected_files'])}"}
    return row | {"weights": Path(row["weights"]).name}


def _report_added(rows: list[dict[str, Any]], *, as_json: bool) -> None:
    if as_json:
        print_json(rows[0])
        return
    added = rows[0]
    limit = f"{added['length'] or 'all'} tokens" if added["side"] is None else f"{added['side']} pixels"
    say(f"{added['name']}: {added['features']} features of {limit}, licence {added['licence']}")
    say(f"weights in {added['weights']}, SHA-256 {added['pinned_sha256']}")


def _choose_folder(folder: Path | None, data_dir: Path) -> Path:
    """Return the folder that the service on this host uses."""
    if folder is not None:
        return folder.absolute()
    for variable in FOLDER_VARIABLES:
        if os.environ.get(variable):
            return Path(os.environ[variable]).absolute()
    storage = os.environ.get(STORAGE_VARIABLE)
    return (Path(storage) if storage else data_dir / "files").absolute() / SUBFOLDER


def _run(folder: Path, *arguments: str) -> list[dict[str, Any]]:
    """Run the worker's process; end the command with its sentence if it refuses."""
    if find_spec("torch") is None:
        sentence = "this needs the extra `worker` on this host: pip install 'CHECKOUT[worker]'"
        fail(sentence, code=FAILED, cause=ModuleNotFoundError("torch"))
    command = [sys.executable, "-m", PROCESS, "--folder", str(folder), *arguments]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)  # noqa: S603 - our own program
    try:
        document: dict[str, Any] = json.loads(done.stdout)
    except ValueError as error:
        fail(f"{PROCESS} ended with exit code {done.returncode}", code=FAILED, cause=error)
    if "error" in document:
        fail(*document["error"].split("\n"), code=FAILED, cause=RuntimeError(document["error"]))
    rows: list[dict[str, Any]] = document["encoders"]
    return rows
