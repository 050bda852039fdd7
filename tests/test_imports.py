"""The floors of the building: who may import whom."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
OURS = {"app", "worker", "models", "migrations", "tests", "bench", "examples"}
MAY_IMPORT = {
    "app": {"app"},
    "models": {"models"},
    "worker": {"worker", "app", "models"},
    "migrations": {"migrations", "app"},
}
NEVER = {
    "app": {"torch", "torchvision", "sklearn"},
    "models": {"sqlalchemy", "fastapi", "celery", "redis", "httpx", "pydantic_settings"},
}


def imported(file: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file} imports relatively"
            found.add((node.module or "").partition(".")[0])
    return found


@pytest.mark.parametrize("package", sorted(MAY_IMPORT))
def test_imports_go_down_only(package: str) -> None:
    files = list((ROOT / package).rglob("*.py"))
    assert files
    for file in files:
        names = imported(file)
        wrong = (names & OURS - MAY_IMPORT[package]) | (names & NEVER.get(package, set()))
        assert not wrong, f"{file.relative_to(ROOT)} imports {sorted(wrong)}"


def test_models_do_not_read_the_environment() -> None:
    for file in (ROOT / "models").rglob("*.py"):
        names = {
            node.attr for node in ast.walk(ast.parse(file.read_text())) if isinstance(node, ast.Attribute)
        }
        assert not names & {"environ", "getenv"}, file


def test_the_readers_of_uploads_know_neither_torch_nor_the_database() -> None:
    for file in [*(ROOT / "worker" / "formats").rglob("*.py"), ROOT / "worker" / "packs.py"]:
        assert not imported(file) & {"torch", "sqlalchemy", "app", "models"}, file


def modules_after(statement: str) -> set[str]:
    code = f"import sys; {statement}; print(*sys.modules, sep='\\n')"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def test_the_api_process_never_loads_torch() -> None:
    loaded = modules_after("from app.main import create_app; create_app()")
    assert "fastapi" in loaded
    assert not loaded & {"torch", "worker", "models", "sklearn", "matplotlib"}


def test_the_cpu_worker_does_not_load_torch() -> None:
    loaded = modules_after("import worker.cpu")
    assert "worker.finish" in loaded
    assert "torch" not in loaded


def test_the_client_needs_none_of_the_servers_packages() -> None:
    loaded = modules_after("import app.client")
    assert "httpx" in loaded
    assert not loaded & {"fastapi", "sqlalchemy", "celery", "pydantic", "numpy", "pandas", "typer"}
