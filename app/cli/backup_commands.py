"""`limit-audit backup` and `restore`: of the embedded service, or of the one that the settings name."""

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from app.cli.embedded_service import DEFAULT_HOME, HOME_VARIABLE, say
from app.cli.output import FAILED, UNREACHABLE, fail
from app.embedded import backup
from app.infra.settings import PREFIX, get_settings

DataDir = Annotated[
    Path, typer.Option("--data-dir", envvar=HOME_VARIABLE, help="folder of the embedded service")
]
Archive = Annotated[Path, typer.Argument(help="the archive", dir_okay=False)]
MEBIBYTE = 2**20


@dataclass(frozen=True)
class Installation:
    """What is copied, and where an archive of it is unpacked."""

    database_url: str
    storage_dir: Path | None
    folder: Path


def make_backup(file: Archive, *, data_dir: DataDir = DEFAULT_HOME) -> None:
    """Write database and files into one archive; the service may run meanwhile."""
    with _report_failures(), _open_installation(data_dir, exists=True) as found:
        made = backup.make_backup(file, database_url=found.database_url, storage_dir=found.storage_dir)
    size = file.stat().st_size / MEBIBYTE
    say(f"{file} holds the database and {made['files']} files, {size:.1f} MiB")


def restore_backup(
    file: Archive,
    *,
    data_dir: DataDir = DEFAULT_HOME,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="replace what is there")] = False,
) -> None:
    """Put an archive's database and files in the place of a service that does not run."""
    with _report_failures(), _open_installation(data_dir, exists=False) as found:
        held = backup.restore_backup(
            file,
            database_url=found.database_url,
            storage_dir=found.storage_dir,
            folder=found.folder,
            overwrite=overwrite,
        )
    say(f"restored the database and {held['files']} files")


@contextmanager
def _open_installation(data_dir: Path, *, exists: bool) -> Iterator[Installation]:
    """Yield the installation of the settings, else the embedded one: one that exists, or does not run."""
    if any(name in os.environ for name in (f"{PREFIX}DATABASE_URL", f"{PREFIX}DATABASE_URL_FILE")):
        chosen = get_settings()
        if chosen.storage_url:
            say("the files are in a bucket, which is copied with its own tools: this is the database alone")
        storage_dir = None if chosen.storage_url else chosen.storage_dir
        yield Installation(chosen.database_url, storage_dir, chosen.storage_dir)
        return
    from app.embedded import embedded_postgres  # noqa: PLC0415 - its packages come with limit-audit[local]

    data_dir = data_dir.absolute()
    if exists and not (data_dir / embedded_postgres.DATABASE).exists():
        raise backup.BackupError(f"there is no embedded service in {data_dir}, and no settings name another")
    data_dir.mkdir(parents=True, exist_ok=True)
    with ExitStack() as closing:
        try:
            if not exists:
                closing.enter_context(embedded_postgres.lock_folder(data_dir))
            url = closing.enter_context(embedded_postgres.run_postgres(data_dir))
        except embedded_postgres.StartError as error:
            fail(f"{error}; stop it first", code=UNREACHABLE, cause=error)
        yield Installation(url, data_dir / "files", data_dir)


@contextmanager
def _report_failures() -> Iterator[None]:
    try:
        yield
    except backup.BackupError as error:
        fail(str(error), code=FAILED, cause=error)
