"""The floors of the building: who may import whom."""

import ast
import subprocess
import sys
from collections import Counter
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
OURS = {"app", "worker", "models", "migrations", "tests", "bench", "examples"}
CATALOGUE, READING = "models.catalogue", "models.reading"
FREE = (CATALOGUE, READING, "models.configuration", "models.checks")
"""What exists, the check of a configuration, the reading of texts, random checks, all without torch: app may
know them."""
MAY_IMPORT = {
    "app": {"app", *FREE},
    "models": {"models"},
    "worker": {"worker", "app", "models"},
    "migrations": {"migrations", "app"},
}
NEVER = {
    "app": {"torch", "torchvision", "sklearn"},
    "models": {"sqlalchemy", "fastapi", "celery", "redis", "httpx", "pydantic_settings"},
}


FLOORS = {
    "app": (
        "tables", "fast_paths", "infra", "http", "access", "webhooks", "places",
        "datasets/attachments", "datasets", "kinds", "features", "audits", "reviews", "people",
        "maps", "label_sets", "schemas", "schemas/datasets", "schemas/reviews", "schemas/audits", "figures",
        "exports/files", "exports/archives", "exports", "versions", "gate", "records", "web",
        "routes/shared", "routes/datasets", "routes/audits", "routes/service", "embedded",
        "client/service", "client", "cli/words", "cli/options", "cli", "cli/integrations",
        "cli/pipelines", "",
    ),
    "models": (
        "catalogue", "reading", "reading/boxes", "reading/several_labels", "configuration", "paper",
        "paper/objectives", "ranking",
        "networks", "encoders", "kinds", "inputs", "acceleration", "cross_fitting", "feature_views",
        "table_views", "text_views", "stopping", "training", "data_issues", "maps", "checks",
        "error_model", "annotators", "label_errors",
    ),
    "worker": (
        "encoders", "jobs", "formats/shared", "formats/pictures", "formats/packs", "kinds",
        "formats/archives", "formats/boxes", "formats/layouts", "formats/arrays", "formats/tables", "formats",
        "versions", "ingest", "features", "train", "finish", "maps", "consensus", "maintenance", "processes",
    ),
}  # fmt: skip
"""The folders of each package from the ground up: a module imports from its own and from those below."""
MODULES_MAX = 15
"""In one folder, so that a reader sees all of it at once."""


@cache
def read_imports(file: Path) -> tuple[ast.Import | ast.ImportFrom, ...]:
    """Return a file's statements of imports; several tests ask for those of every file."""
    nodes = ast.walk(ast.parse(file.read_text()))
    return tuple(node for node in nodes if isinstance(node, ast.Import | ast.ImportFrom))


def imported(file: Path) -> set[str]:
    """Return the top-level packages that a file imports; the parts of models without torch count as such."""
    found = set()
    for node in read_imports(file):
        if isinstance(node, ast.Import):
            found |= {_package(alias.name) for alias in node.names}
        else:
            assert node.level == 0, f"{file} imports relatively"
            found.add(_package(node.module or ""))
    return found


def _package(module: str) -> str:
    for part in FREE:
        if module == part or module.startswith(f"{part}."):
            return part
    return module.partition(".")[0]


@pytest.mark.parametrize("package", sorted(MAY_IMPORT))
def test_imports_go_down_only(package: str) -> None:
    files = list((ROOT / package).rglob("*.py"))
    assert files
    for file in files:
        names = imported(file)
        wrong = (names & OURS - MAY_IMPORT[package]) | (names & NEVER.get(package, set()))
        assert not wrong, f"{file.relative_to(ROOT)} imports {sorted(wrong)}"


def modules(package: str) -> dict[str, Path]:
    """Return the files of a package by their dotted names."""
    return {
        ".".join(file.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): file
        for file in (ROOT / package).rglob("*.py")
    }


def targets(file: Path, known: dict[str, Path]) -> set[Path]:
    """Return the files of the same package that a file imports."""
    found = set()
    for node in read_imports(file):
        if isinstance(node, ast.ImportFrom) and node.module:
            names = [f"{node.module}.{alias.name}" for alias in node.names]
            found |= {known.get(name) or known.get(node.module) for name in names}
    return {target for target in found if target is not None}


@pytest.mark.parametrize("package", sorted(FLOORS))
def test_no_floor_imports_from_a_floor_above(package: str) -> None:
    known = modules(package)
    floors = {folder: height for height, folder in enumerate(FLOORS[package])}

    def folder(file: Path) -> str:
        return file.parent.relative_to(ROOT / package).as_posix().removeprefix(".")

    homes = {folder(file) for file in known.values() if file.name != "__init__.py"}
    assert homes == set(floors), "every folder has its floor"
    upward = [
        f"{file.relative_to(ROOT)} imports {target.relative_to(ROOT)}"
        for file in known.values()
        for target in targets(file, known)
        if file.name != "__init__.py" and floors[folder(target)] > floors[folder(file)]
    ]
    assert not upward


@pytest.mark.parametrize("package", sorted(FLOORS))
def test_no_import_goes_in_a_circle(package: str) -> None:
    known = modules(package)
    graph = {file: targets(file, known) - {file} for file in known.values()}
    TopologicalSorter(graph).prepare()


@pytest.mark.parametrize("package", sorted(FLOORS))
def test_folders_are_small_and_introduce_themselves(package: str) -> None:
    for folder in {file.parent for file in modules(package).values()}:
        assert len([file for file in folder.glob("*.py") if file.name != "__init__.py"]) <= MODULES_MAX, (
            folder
        )
        assert ast.get_docstring(ast.parse((folder / "__init__.py").read_text())), folder


def test_no_file_name_has_two_meanings() -> None:
    names = Counter(file.name for package in FLOORS for file in modules(package).values())
    del names["__init__.py"]
    assert [name for name, count in names.items() if count > 1] == []


def test_the_reading_of_texts_needs_nothing_else() -> None:
    for file in (ROOT / "models" / "reading").rglob("*.py"):
        needed = imported(file) - sys.stdlib_module_names
        assert needed <= {READING}, f"{file.relative_to(ROOT)} imports {sorted(needed)}"


def test_the_catalogue_needs_nothing_else() -> None:
    for file in (ROOT / "models" / "catalogue").rglob("*.py"):
        needed = imported(file) - sys.stdlib_module_names
        assert needed <= {CATALOGUE}, f"{file.relative_to(ROOT)} imports {sorted(needed)}"


def test_label_errors_are_estimated_through_one_interface() -> None:
    inside = {"distance_mixture", "error_estimates", "label_error_constants", "noise_rate", "transitions"}
    for file in [
        *(ROOT / "app").rglob("*.py"),
        *(ROOT / "worker").rglob("*.py"),
        *(ROOT / "bench").rglob("*.py"),
    ]:
        text = file.read_text()
        assert not [name for name in inside if f"label_errors.{name}" in text], file


def test_models_do_not_read_the_environment() -> None:
    for file in (ROOT / "models").rglob("*.py"):
        names = {
            node.attr for node in ast.walk(ast.parse(file.read_text())) if isinstance(node, ast.Attribute)
        }
        assert not names & {"environ", "getenv"}, file


def test_the_readers_of_uploads_know_neither_torch_nor_the_database() -> None:
    for file in [
        *(ROOT / "worker" / "formats").rglob("*.py"),
        *(ROOT / "worker" / "kinds").rglob("*.py"),
        ROOT / "worker" / "ingest" / "pack_building.py",
    ]:
        assert not imported(file) & {"torch", "sqlalchemy", "app", "models"}, file


def modules_after(statement: str) -> set[str]:
    code = f"import sys; {statement}; print(*sys.modules, sep='\\n')"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(done.stdout.split())


def test_the_api_process_never_loads_torch() -> None:
    loaded = modules_after("from app.main import create_app; create_app()")
    assert "fastapi" in loaded
    assert not loaded & {"torch", "worker", "scipy", "sklearn", "matplotlib"}
    of_models = {name for name in loaded if name.startswith("models.")}
    assert {name for name in of_models if not name.startswith(FREE)} == set()


def test_the_cpu_worker_does_not_load_torch() -> None:
    loaded = modules_after("import worker.processes.cpu")
    assert "worker.finish.finishing_job" in loaded
    assert "torch" not in loaded


def test_the_client_needs_none_of_the_servers_packages() -> None:
    loaded = modules_after("import app.client")
    assert "httpx" in loaded
    assert not loaded & {"fastapi", "sqlalchemy", "celery", "pydantic", "numpy", "pandas", "typer"}


def test_the_model_of_label_errors_does_not_load_torch() -> None:
    loaded = modules_after("import models.error_model.estimate, models.checks.settled_figures")
    assert "scipy.optimize" in loaded
    assert not loaded & {"torch", "sqlalchemy", "fastapi"}
