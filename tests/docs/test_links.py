"""What the documentation names exists: links, headings, files, modules, make targets, settings."""

import re
import tomllib
from pathlib import Path

import pytest

from app.infra.settings import Settings

ROOT = Path(__file__).parents[2]
PAGES = sorted(
    [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "bench").rglob("*.md")],
    key=lambda page: page.as_posix(),
)
OF_THE_PRESENT = [page for page in PAGES if page.name != "CHANGELOG.md"]
OURS = "app|worker|models|migrations|tests|bench|examples|deploy|docs"
LINK = re.compile(r"\]\((?!https?://)([^)\s]+)\)")
PATH = re.compile(rf"`((?:{OURS})/[\w./-]*)`")
MODULE = re.compile(rf"(?:python -m |celery -A |`)((?:{OURS})(?:\.(?!env\b)\w+)+)")
CODE = re.compile(r"```(?s:.*?)```|`[^`\n]+`|^ {4,}\S.*$", re.MULTILINE)
TARGET = re.compile(r"(?:`|^\s*)make ([a-z][\w-]*)", re.MULTILINE)
SETTING = re.compile(r"\bLIMIT_AUDIT_([A-Z_]+[A-Z])\b")
WITH_SETTINGS = ("*.yml", ".env.example", "app/**/*.py", "worker/**/*.py", "tests/**/*.py", "deploy/**/*")


def named(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


def slugs(page: Path) -> set[str]:
    """Return the anchors of a page's headings, as GitHub makes them."""
    text = re.sub(r"```.*?```", "", page.read_text(), flags=re.DOTALL)
    headings = re.findall(r"^#+ (.+)$", text, flags=re.MULTILINE)
    plain = [re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading) for heading in headings]
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in plain}


@pytest.mark.parametrize("page", PAGES, ids=named)
def test_every_link_leads_somewhere(page: Path) -> None:
    for link in LINK.findall(page.read_text()):
        file, _, anchor = link.partition("#")
        target = (page.parent / file).resolve() if file else page
        assert target.exists(), link
        assert not anchor or anchor in slugs(target), link


@pytest.mark.parametrize("page", OF_THE_PRESENT, ids=named)
def test_every_file_and_module_that_is_named_exists(page: Path) -> None:
    for path in PATH.findall(page.read_text()):
        assert (ROOT / path).exists(), path
    for name in MODULE.findall(page.read_text()):
        places = [ROOT.joinpath(*name.split(".")[:length]) for length in range(2, name.count(".") + 2)]
        assert any(place.with_suffix(".py").exists() or place.is_dir() for place in places), name
        if re.search(rf"-[mA] {re.escape(name)}\b", page.read_text()):
            assert places[-1].with_suffix(".py").exists() or (places[-1] / "__main__.py").exists(), name


@pytest.mark.parametrize("page", OF_THE_PRESENT, ids=named)
def test_every_make_target_that_is_named_exists(page: Path) -> None:
    targets = set(re.findall(r"^([\w%-]+):", (ROOT / "Makefile").read_text(), flags=re.MULTILINE))
    patterns = tuple(target.removesuffix("%") for target in targets if target.endswith("%"))
    for target in TARGET.findall("\n".join(CODE.findall(page.read_text()))):
        assert target in targets or target.startswith(patterns), target


def test_every_setting_that_is_named_exists() -> None:
    files = [file for pattern in WITH_SETTINGS for file in ROOT.glob(pattern) if file.is_file()]
    texts = [file.read_text() for file in files if file.parent.name != "__pycache__"]
    for page in OF_THE_PRESENT:
        for name in SETTING.findall(page.read_text()):
            field = name.removesuffix("_FILE").lower()
            assert field in Settings.model_fields or any(f"LIMIT_AUDIT_{name}" in text for text in texts), (
                f"{named(page)} names LIMIT_AUDIT_{name}"
            )


def test_the_newest_entry_of_the_changelog_is_this_version() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    newest = re.search(r"^## (\S+)", (ROOT / "CHANGELOG.md").read_text(), flags=re.MULTILINE)
    assert newest is not None
    assert newest.group(1) == project["version"]


@pytest.mark.parametrize("package", ["app", "models", "worker"])
def test_the_map_of_the_architecture_has_every_folder(package: str) -> None:
    text = (ROOT / "ARCHITECTURE.md").read_text()
    folders = {named(file.parent) for file in (ROOT / package).glob("*/__init__.py")}
    assert folders
    assert {folder for folder in folders if f"`{folder}/`" not in text} == set()


def test_the_glossary_is_short() -> None:
    rows = re.findall(r"^\| (?!term |---)", (ROOT / "docs" / "glossary.md").read_text(), flags=re.MULTILINE)
    assert 20 < len(rows) <= 40
