import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from app.embedded import data_folder, leftovers
from app.embedded.data_folder import ServiceNote, StartError
from app.embedded.process_identity import ProcessIdentity, find_marked


def note(owner: ProcessIdentity, *folders: Path, token: str = "0" * 64) -> ServiceNote:
    places = tuple(map(str, folders))
    return ServiceNote(owner=owner, token=token, url="http://x", database_url="", folders=places)


def ended_process() -> ProcessIdentity:
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    identity = ProcessIdentity.of(process.pid)
    assert identity.is_alive()
    process.communicate()
    return identity


def test_a_process_is_told_from_a_later_one_with_its_number() -> None:
    mine = ProcessIdentity.of(os.getpid())
    assert mine.is_alive()
    assert not ProcessIdentity(pid=mine.pid, started="earlier 1").is_alive()
    assert not ended_process().is_alive()


def test_a_note_is_read_as_it_was_written_by_its_user_alone(tmp_path: Path) -> None:
    written = note(ProcessIdentity.of(os.getpid()), tmp_path)
    written.write(tmp_path)
    assert ServiceNote.read(tmp_path) == written
    assert (tmp_path / "service.json").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("content", ["", "12", "[]", "null", "{", '{"owner": 1}', "\0" * 40])
def test_a_damaged_note_is_none(tmp_path: Path, content: str) -> None:
    (tmp_path / "service.json").write_text(content)
    assert ServiceNote.read(tmp_path) is None
    assert not leftovers.reap_service(tmp_path)


def test_a_folder_that_cannot_be_made_is_refused_by_its_name(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(StartError, match=r"file/data cannot be used: .*; --data-dir chooses another"):
        data_folder.make_data_folder(tmp_path / "file" / "data")


def test_a_folder_in_use_is_refused_at_once(tmp_path: Path) -> None:
    note(ProcessIdentity.of(os.getpid())).write(tmp_path)
    with (
        data_folder.lock_folder(tmp_path),
        pytest.raises(StartError, match="already uses"),
        data_folder.lock_folder(tmp_path),
    ):
        pass


def test_what_a_dead_owner_left_is_stopped_and_nothing_else(tmp_path: Path) -> None:
    mine, other = (Path(tempfile.mkdtemp(prefix=prefix)) for prefix in ("limit-audit-db-", "precious-"))
    token = "1" * 64
    waiting = [sys.executable, "-c", "import time; time.sleep(600)"]
    left = subprocess.Popen(waiting, env={**os.environ, leftovers.MARK: token})
    bystander = subprocess.Popen(waiting, env={**os.environ, leftovers.MARK: "2" * 64})
    note(ended_process(), mine, other, token=token).write(tmp_path)
    assert leftovers.reap_service(tmp_path)
    assert left.wait(0.1) is not None
    assert bystander.poll() is None
    assert (mine.exists(), other.exists()) == (False, True)
    bystander.kill()
    bystander.wait()
    other.rmdir()
    assert find_marked(f"{leftovers.MARK}={token}") == []


def test_temporary_folders_are_removed_also_where_the_note_about_them_is_lost(tmp_path: Path) -> None:
    mine, other = (data_folder.make_socket_folder("test") for _ in range(2))
    data_folder.mark_folder(mine, tmp_path / "mine")
    data_folder.mark_folder(other, tmp_path / "other")
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "service.json").write_bytes(b"")
    assert not leftovers.reap_service(tmp_path / "mine"), "no process was left"
    assert (mine.exists(), other.exists()) == (False, True)
    shutil.rmtree(other)


def test_sockets_are_in_closed_folders_with_short_paths(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    long = tmp_path / ("x" * 100)
    long.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(long))
    folder = data_folder.make_socket_folder("db")
    assert folder.stat().st_mode & 0o777 == 0o700
    assert len(f"{folder}/{data_folder.LONGEST_NAME}") <= data_folder.SOCKET_PATH_BYTES
    folder.rmdir()
    with pytest.raises(StartError, match="is closed"):
        data_folder.make_socket_folder("db", can_use=lambda _: False)
