"""`make clients`: generate clients from the OpenAPI document without a warning, and use them.

The generators are openapi-python-client, in an environment of its own because it needs an older typer, and
openapi-typescript. Both are installed into `--tools`; the second comes from the npm registry.
"""

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import httpx

from app.embedded.local_stack import LocalStack
from tests import run_folder
from tests.faults.world import write_small_zip

HERE = Path(__file__).parent
PYTHON_GENERATOR = "openapi-python-client==0.29.1"
TYPESCRIPT_PACKAGES = (
    "openapi-typescript@7.13.0",
    "openapi-fetch@0.17.0",
    "typescript@5.9.3",
    "@types/node@24.19.4",
)
TYPESCRIPT_OPTIONS = ("--default-non-nullable", "false")
"""A field with a default may be left out."""
COMPILER_OPTIONS = ("--strict", "--module", "nodenext", "--target", "es2023", "--types", "node")
PATIENCE_SECONDS = 900


def main() -> int:
    """Generate both clients and use them."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tools", type=Path, default=Path(".clients"), help="folder for the generators")
    tools: Path = parser.parse_args().tools.resolve()
    tools.mkdir(exist_ok=True)
    _install_tools(tools)
    run_folder.join_or_open()
    with tempfile.TemporaryDirectory(prefix="limit-audit-clients-") as name:
        folder = Path(name)
        archive = write_small_zip(folder / "small.zip")
        with LocalStack(folder / "data") as stack:
            document = folder / "openapi.json"
            document.write_bytes(
                httpx.get(f"{stack.url}/openapi.json", timeout=PATIENCE_SECONDS).raise_for_status().content
            )
            _use_python(tools, folder, document, stack.url, archive)
            _use_typescript(tools, folder, document, stack.url, archive)
    return 0


def _install_tools(tools: Path) -> None:
    if not (tools / "bin" / "openapi-python-client").exists():
        _run(sys.executable, "-m", "venv", tools)
        _run(tools / "bin" / "python", "-m", "pip", "install", "--quiet", PYTHON_GENERATOR, "ruff")
    if not (tools / "node_modules").exists():
        _run("npm", "install", "--silent", "--prefix", tools, *TYPESCRIPT_PACKAGES)


def _use_python(tools: Path, folder: Path, document: Path, url: str, archive: Path) -> None:
    generate = _run(
        tools / "bin" / "openapi-python-client",
        "generate",
        "--path",
        document,
        "--config",
        HERE / "python_client.yaml",
        "--output-path",
        folder / "python",
        path=tools / "bin",
    )
    assert "warning" not in generate.lower(), generate
    said = _run(
        tools / "bin" / "python", HERE / "python_program.py", url, archive, packages=folder / "python"
    )
    sys.stdout.write(f"{said}\n")


def _use_typescript(tools: Path, folder: Path, document: Path, url: str, archive: Path) -> None:
    programs = tools / "node_modules" / ".bin"
    generate = _run(
        programs / "openapi-typescript", document, *TYPESCRIPT_OPTIONS, "--output", folder / "api.d.ts"
    )
    assert "warn" not in generate.lower(), generate
    for name in ("node_modules", "package.json"):
        (folder / name).symlink_to(tools / name)
    (folder / "program.mts").write_bytes((HERE / "typescript_program.mts").read_bytes())
    places = ("--typeRoots", tools / "node_modules" / "@types", "--outDir", folder / "built")
    _run(programs / "tsc", *COMPILER_OPTIONS, *places, folder / "program.mts")
    (folder / "built" / "node_modules").symlink_to(tools / "node_modules")
    sys.stdout.write(f"{_run('node', folder / 'built' / 'program.mjs', url, archive)}\n")


def _run(*command: str | Path, path: Path | None = None, packages: Path | None = None) -> str:
    """Run a program and return what it said; end with its words if it fails."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    if path is not None:
        environment["PATH"] = f"{path}{os.pathsep}{environment['PATH']}"
    if packages is not None:
        environment["PYTHONPATH"] = str(packages)
    done = subprocess.run(
        [*map(str, command)],
        env=environment,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=PATIENCE_SECONDS,
        check=False,
    )
    if done.returncode:
        sys.exit(f"{command[0]} ended with {done.returncode}:\n{done.stdout}")
    return done.stdout.strip()


if __name__ == "__main__":
    sys.exit(main())
