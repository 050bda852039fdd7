"""`limit-audit backup` and `restore`, for the embedded service or the service named by the settings."""

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from app.cli.embedded_service import say
from app.cli.options.output_files import OutputArgument
from app.cli.output import FAILED, UNREACHABLE, fail
from app.embedded import backup
from app.embedded.running_services import DEFAULT_HOME, HOME_VARIABLE
from app.infra.settings import PREFIX, get_settings

DataDir = Annotated[
    Path, typer.Option("--data-dir", envvar=HOME_VARIABLE, help="folder of the embedded service")
]
Archive = Annotated[Path, typer.Argument(help="the archive file", dir_okay=False)]
NewArchive = Annotated[Path, OutputArgument(help="the archive file")]
MEBIBYTE = 2**20
DELETED_SHOWN = 5


@dataclass(frozen=True)
class Installation:
    """The database and files to copy, and the folder in which an archive is unpacked."""

    database_url: str
    storage_dir: Path | None
    folder: Path


def make_backup(file: NewArchive, *, data_dir: DataDir = DEFAULT_HOME) -> None:
    """Write database and files into one archive; the service can keep running."""
    with _report_failures(), _open_installation(data_dir, exists=True) as source:
        contents = backup.make_backup(file, database_url=source.database_url, storage_dir=source.storage_dir)
    size = file.stat().st_size / MEBIBYTE
    say(f"{file} holds the database and {contents['files']} files, {size:.1f} MiB")
    if deleted := contents["deleted"]:
        shown = ", ".join(deleted[:DELETED_SHOWN]) + (", ..." if len(deleted) > DELETED_SHOWN else "")
        say(f"{len(deleted)} files were deleted while it was made and are not in it: {shown}")


def restore_backup(
    file: Archive,
    *,
    data_dir: DataDir = DEFAULT_HOME,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="replace existing data")] = False,
) -> None:
    """Restore database and files from an archive into a service that is not running."""
    with _report_failures(), _open_installation(data_dir, exists=False) as target:
        contents = backup.restore_backup(
            file,
            database_url=target.database_url,
            storage_dir=target.storage_dir,
            folder=target.folder,
            overwrite=overwrite,
        )
    say(f"restored the database and {contents['files']} files")


@contextmanager
def _open_installation(data_dir: Path, *, exists: bool) -> Iterator[Installation]:
    """Yield the installation of the settings, or else the embedded one.

    With `exists` the embedded service must exist; without it, it must not be running.
    """
    if any(name in os.environ for name in (f"{PREFIX}DATABASE_URL", f"{PREFIX}DATABASE_URL_FILE")):
        settings = get_settings()
        if settings.storage_url:
            say("only the database is copied: the files are in a bucket, copy it with the bucket's own tools")
        storage_dir = None if settings.storage_url else settings.storage_dir
        yield Installation(settings.database_url, storage_dir, settings.storage_dir)
        return
    from app.embedded import data_folder, embedded_postgres  # noqa: PLC0415 - they come with limit-audit[local]

    data_dir = data_dir.absolute()
    if exists and not (data_dir / data_folder.DATABASE).exists():
        raise backup.BackupError(
            f"there is no embedded service in {data_dir}, and the settings name no other service"
        )
    note = data_folder.ServiceNote.read(data_dir)
    if exists and note is not None and note.database_url and note.owner.is_alive():
        yield Installation(note.database_url, data_dir / "files", data_dir)
        return
    data_folder.make_data_folder(data_dir)
    with ExitStack() as closing:
        try:
            closing.enter_context(data_folder.lock_folder(data_dir))
            url = closing.enter_context(embedded_postgres.run_postgres(data_dir))
        except data_folder.StartError as error:
            fail(*f"{error}; stop it first".split("\n"), code=UNREACHABLE, cause=error)
        yield Installation(url, data_dir / "files", data_dir)


@contextmanager
def _report_failures() -> Iterator[None]:
    try:
        yield
    except backup.BackupError as error:
        fail(*str(error).split("\n"), code=FAILED, cause=error)
