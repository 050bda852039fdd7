"""A backup brings everything back on another machine, and a damaged one overwrites nothing."""

import hashlib
import os
import shutil
import stat
import subprocess
import sys
import tarfile
from pathlib import Path

import httpx
import pytest
from sqlalchemy import create_engine, text

from app.client import Client
from app.embedded import backup, embedded_postgres
from app.embedded.local_stack import LocalStack
from tests import patience
from tests.faults.world import write_small_csv


def command(*arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("LIMIT_AUDIT_")}
    whole = [sys.executable, "-m", "app.cli.root", *arguments]
    return subprocess.run(
        whole, capture_output=True, text=True, env=environment, timeout=patience.scale(200), check=False
    )


def ranking(stack: LocalStack, audit: str) -> str:
    answer = httpx.get(f"{stack.url}/v1/audits/{audit}/ranking.csv", trust_env=False)
    return hashlib.sha256(answer.raise_for_status().content).hexdigest()


def test_upload_audit_backup_wipe_restore(open_folder: Path, tmp_path: Path) -> None:
    home, archive = open_folder / "backed-up", tmp_path / "backup.tar"
    with LocalStack(home) as stack, Client(stack.url) as client:
        dataset = client.upload([write_small_csv(tmp_path / "small.csv")], name="kept")
        client.wait_for_dataset(dataset["id"])
        audit = client.start_audit(dataset["id"], method="limit_g", epochs=5, seed=7)["id"]
        client.wait_for_audit(audit)
        before = ranking(stack, audit)
        made = command("backup", str(archive), "--data-dir", str(home))
        assert made.returncode == 0, made.stderr
        client.post("/v1/datasets", {"name": "made after the backup"})
        refused = command("restore", str(archive), "--data-dir", str(home), "--overwrite")
        assert refused.returncode != 0
        assert "already uses" in refused.stderr
    refused = command("restore", str(archive), "--data-dir", str(home))
    assert refused.returncode != 0
    assert "--overwrite" in refused.stderr
    cut = tmp_path / "cut.tar"
    cut.write_bytes(archive.read_bytes()[:-20_000])
    damaged = command("restore", str(cut), "--data-dir", str(home), "--overwrite")
    assert damaged.returncode != 0
    assert "archive is" in damaged.stderr
    with embedded_postgres.run_postgres(home) as url:
        engine = create_engine(url)
        with engine.connect() as connection:
            assert connection.scalar(text("SELECT count(*) FROM datasets")) == 2, "nothing was changed"
        engine.dispose()
    replaced = command("restore", str(archive), "--data-dir", str(home), "--overwrite")
    assert replaced.returncode == 0, replaced.stderr
    shutil.rmtree(home)
    restored = command("restore", str(archive), "--data-dir", str(home))
    assert restored.returncode == 0, restored.stderr
    with LocalStack(home) as stack, Client(stack.url) as client:
        assert [found["name"] for found in client.pages("/v1/datasets")] == ["kept"]
        assert ranking(stack, audit) == before
        file = stack.data_dir / "files/datasets" / dataset["id"] / "files/small.csv"
        assert hashlib.sha256(file.read_bytes()).hexdigest() == dataset["files"][0]["sha256"]


def test_a_file_that_goes_while_it_is_made_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files = tmp_path / "files"
    files.mkdir()
    for name in ("kept", "gone in the dump", "gone in the copy"):
        (files / name).write_bytes(b"x")
    modes = []

    def dump(*arguments: str, **_: object) -> None:
        made = Path(arguments[arguments.index("--file") + 1])
        modes.append(stat.S_IMODE(made.stat().st_mode))
        (files / "gone in the dump").unlink()

    def add(tar: tarfile.TarFile, path: Path, name: str) -> str:
        if path.name == "gone in the copy":
            path.unlink()
        return str(add_as_it_is(tar, path, name))

    add_as_it_is = vars(backup)["_add"]
    monkeypatch.setattr(backup, "_run", dump)
    monkeypatch.setattr(backup, "_add", add)
    contents = backup.make_backup(tmp_path / "a.tar", database_url="postgresql://x/y", storage_dir=files)
    assert (contents["files"], contents["deleted"]) == (1, ["gone in the copy", "gone in the dump"])
    assert [*modes, stat.S_IMODE((tmp_path / "a.tar").stat().st_mode)] == [0o600, 0o600]


def test_an_archive_is_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / "there.tar").write_bytes(b"x")
    with pytest.raises(backup.BackupError, match="already exists"):
        backup.make_backup(tmp_path / "there.tar", database_url="postgresql://x/y", storage_dir=tmp_path)


def test_nothing_to_back_up_is_said(tmp_path: Path) -> None:
    done = command("backup", str(tmp_path / "a.tar"), "--data-dir", str(tmp_path / "nothing"))
    assert done.returncode != 0
    assert "there is no embedded service" in done.stderr
