"""The service as it runs for people: every part a process, over real HTTP."""

import csv
import hashlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import httpx
import psutil
import pytest
from tusclient.client import TusClient
from typer.testing import CliRunner

from app.cli.root import cli
from app.client import Client, ClientError
from app.embedded.data_folder import StartError
from app.embedded.local_stack import LocalStack
from app.embedded.service_address import find_running_service
from tests import patience
from tests.builders.pictures import write_digits_zip
from tests.end_to_end.bad_uploads import BAD
from tests.end_to_end.round_trip import follow_events, judge, read_truth, receiving, wait_for_types

CLASSES = 10
QUICK: dict[str, Any] = {"method": "limit_g", "network": "mnist_cnn", "epochs": 12, "seed": 1}


def list_children() -> set[int]:
    return {process.pid for process in psutil.Process().children(recursive=True)}


@pytest.fixture(scope="module")
def beside() -> set[int]:
    """Return the processes that were there before the service."""
    return list_children()


@pytest.fixture(scope="module")
def stack(open_folder: Path, beside: set[int]) -> Iterator[LocalStack]:
    assert list_children() == beside, "none of them is the service's"
    settings = {
        "LIMIT_AUDIT_OUTBOUND_PRIVATE": "true",
        "LIMIT_AUDIT_UPLOAD_MAX_BYTES": "5000000",
        "LIMIT_AUDIT_PROVISIONAL_SECONDS": "0",
        "LIMIT_AUDIT_HEARTBEAT_SECONDS": "0.2",
    }
    with LocalStack(open_folder / "service", overrides=settings) as running:
        yield running


@pytest.fixture
def client(stack: LocalStack) -> Iterator[Client]:
    with Client(stack.url) as opened:
        yield opened


@pytest.fixture(scope="module")
def digits(stack: LocalStack, tmp_path_factory: pytest.TempPathFactory) -> str:
    file = write_digits_zip(tmp_path_factory.mktemp("data") / "digits.zip", per_class=40, classes=CLASSES)
    with Client(stack.url) as opened:
        dataset = opened.upload([file], name="digits")
        return str(opened.wait_for_dataset(dataset["id"])["id"])


def run_cli(stack: LocalStack, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "LIMIT_AUDIT_SERVER": stack.url}
    command = [sys.executable, "-m", "app.cli.root", *arguments]
    return subprocess.run(
        command, capture_output=True, text=True, env=environment, timeout=patience.scale(200), check=False
    )


@pytest.fixture(scope="module")
def one_shot(
    stack: LocalStack, tmp_path_factory: pytest.TempPathFactory
) -> tuple[subprocess.CompletedProcess[str], Path]:
    """Return what `limit-audit audit FILE` printed, and the ranking that it wrote; a tenth is wrong."""
    folder = tmp_path_factory.mktemp("one-shot")
    file = write_digits_zip(folder / "digits.zip", per_class=100, classes=CLASSES)
    out = folder / "ranking.csv"
    done = run_cli(stack, "audit", str(file), "--out", str(out), "--seed", "3", "--name", "one shot")
    assert done.returncode == 0, done.stderr
    return done, out


def test_from_a_file_to_its_ranking_by_one_command(
    one_shot: tuple[subprocess.CompletedProcess[str], Path],
) -> None:
    done, out = one_shot
    rows = list(csv.DictReader(out.read_text().splitlines()))
    assert [int(row["rank"]) for row in rows] == list(range(1, 1001))
    ranking = [float(row["score"]) for row in rows]
    assert ranking == sorted(ranking, reverse=True)
    wrong = [row["given_label"] != row["key"].split("/")[1][0] for row in rows]
    assert sum(wrong) == 100
    assert sum(wrong[:100]) >= 85, "precision at the noise rate"
    assert "audit" in done.stderr
    assert "audit" not in done.stdout
    assert rows[0]["key"] in done.stdout


def test_a_gate_has_exit_codes_and_files_for_machines(
    stack: LocalStack, one_shot: tuple[subprocess.CompletedProcess[str], Path], tmp_path: Path
) -> None:
    _, ranking = one_shot
    named = ("gate", "--audit", "one shot", "--junit", str(tmp_path / "gate.xml"))
    passed = run_cli(stack, *named, "--max-noise", "50%", "--json", str(tmp_path / "gate.json"))
    assert passed.returncode == 0, passed.stdout + passed.stderr
    report = json.loads((tmp_path / "gate.json").read_text())
    assert (report["verdict"], report["exit_code"]) == ("passed", 0)
    assert 0 < report["checks"][0]["low"] < 0.1 < report["checks"][0]["high"]
    failed = run_cli(stack, *named, "--max-noise", "0.01", "--no-conflicts")
    assert failed.returncode == 4, failed.stdout + failed.stderr
    assert failed.stdout.startswith("FAILED: one shot, 1,000 samples")
    suite = ET.parse(tmp_path / "gate.xml").getroot()[0]  # noqa: S314 - ours
    assert (suite.get("tests"), suite.get("failures"), suite.get("errors")) == ("2", "1", "0")
    record = tmp_path / "record.zip"
    assert run_cli(stack, "record", "one shot", "--out", str(record)).returncode == 0
    verified = run_cli(stack, "verify", str(record), "--file", str(ranking))
    assert verified.returncode == 0, verified.stderr
    assert "is the record's ranking.csv" in verified.stdout
    stated = json.loads(run_cli(stack, "verify", str(record), "--json").stdout)["record"]
    assert stated["code"]["files"] > 600
    assert set(stated["weights"]["trained"][0]["sha256"]) == {
        "network.pt",
        "out_of_sample.npz",
        "signals.npz",
    }


def test_an_audit_shows_progress_epochs_and_a_provisional_ranking(client: Client, digits: str) -> None:
    audit = client.start_audit(digits, epochs=200, method="limit_g")
    seen = poll(client, audit["id"], lambda answer: answer["provisional_available"] and answer["fraction"])
    assert seen["status"] == "running"
    assert 0 < seen["fraction"] < 1
    assert seen["runs"][0]["progress"]["samples_per_second"] > 0
    page = client.get(f"/v1/audits/{audit['id']}/suspects", limit=5)
    assert page["provisional"]
    assert [item["rank"] for item in page["items"]] == [1, 2, 3, 4, 5]
    epochs = client.get(f"/v1/audits/{audit['id']}/epochs")[0]["epochs"]
    assert epochs[0]["epoch"] == 1
    assert epochs[0]["accuracy"] is not None
    asked = time.monotonic()
    client.post(f"/v1/audits/{audit['id']}/cancel")
    ended = poll(client, audit["id"], lambda answer: answer["status"] == "cancelled")
    assert time.monotonic() - asked < patience.scale(10)
    assert ended["runs"][0]["status"] == "cancelled"


def poll(
    client: Client, audit_id: str, until: Callable[[dict[str, Any]], object], seconds: float = 90
) -> dict[str, Any]:
    deadline = time.monotonic() + patience.scale(seconds)
    while time.monotonic() < deadline:
        answer: dict[str, Any] = client.get(f"/v1/audits/{audit_id}")
        if until(answer):
            return answer
        time.sleep(0.05)
    raise AssertionError(f"not within {seconds} seconds: {answer}")


@pytest.mark.parametrize("name", sorted(BAD))
def test_bad_input_is_rejected_with_a_sentence(client: Client, tmp_path: Path, name: str) -> None:
    good = write_digits_zip(tmp_path / "good.zip", classes=3).read_bytes()
    make, word = BAD[name]
    file = tmp_path / name
    file.write_bytes(make(good))
    dataset = client.upload([file], name=name)
    with pytest.raises(ClientError) as refusal:
        client.wait_for_dataset(dataset["id"])
    assert word in str(refusal.value)


def test_an_upload_over_the_limit_is_refused(client: Client, tmp_path: Path) -> None:
    file = tmp_path / "large.zip"
    file.write_bytes(bytes(5_000_001))
    with pytest.raises(ClientError, match="at most 5000000 bytes") as refusal:
        client.upload([file], name="large")
    assert refusal.value.status == 413


@pytest.mark.parametrize("checksum", [False, True])
def test_a_tus_client_resumes_an_upload(
    stack: LocalStack, client: Client, tmp_path: Path, *, checksum: bool
) -> None:
    file = write_digits_zip(tmp_path / "digits.zip", classes=3)
    dataset = client.post("/v1/datasets", {"name": "by tus"})
    url = f"{stack.url}/v1/datasets/{dataset['id']}/uploads"
    digest = hashlib.sha256(file.read_bytes()).hexdigest()
    metadata = {"filename": "digits.zip", "sha256": digest}
    with file.open("rb") as stream:
        first = TusClient(url).uploader(
            file_stream=stream, chunk_size=5_000, metadata=metadata, upload_checksum=checksum
        )
        first.upload_chunk()
    with file.open("rb") as stream:
        second = TusClient(url).uploader(
            file_stream=stream, url=first.url, chunk_size=9_000, upload_checksum=checksum
        )
        assert second.offset == 5_000
        second.upload()
    ready = client.wait_for_dataset(dataset["id"])
    assert (ready["sample_count"], ready["files"][0]["sha256"]) == (120, digest)


def test_the_command_line_speaks_json_and_exit_codes(stack: LocalStack, digits: str) -> None:
    listed = run_cli(stack, "dataset", "list", "--json")
    assert digits in {dataset["id"] for dataset in json.loads(listed.stdout)}
    missing = run_cli(stack, "audit", "show", "01a203c1-e847-712f-bcc3-2f4681fd3091")
    assert missing.returncode == 1
    assert "there is no audit" in missing.stderr
    nobody = run_cli(stack, "dataset", "list", "--server", "http://127.0.0.1:9")
    assert nobody.returncode == 3
    assert "limit-audit up" in nobody.stderr
    assert run_cli(stack, "audit", "no-such-file.zip", "--out", "x.csv").returncode == 2


def test_one_service_at_a_time_uses_a_folder(stack: LocalStack) -> None:
    assert find_running_service(stack.data_dir) == stack.url
    with pytest.raises(StartError, match="already uses"), LocalStack(stack.data_dir):
        pass
    assert httpx.get(f"{stack.url}/v1/health/ready").status_code == 200


def test_planted_errors_that_were_corrected_are_gone_when_the_export_is_audited_again(
    stack: LocalStack, tmp_path: Path
) -> None:
    file = write_digits_zip(tmp_path / "digits.zip", per_class=60, classes=5)
    planted = 30
    with Client(stack.url) as client, receiving() as (url, bodies):
        webhook = client.post("/v1/webhooks", {"url": url})
        first = client.audit(client.upload(file).wait(), **QUICK)
        seen = follow_events(client, first)
        assert (seen.count("epoch"), seen.count("end"), seen[-1]) == (QUICK["epochs"], 1, "end")
        assert seen.count("audit") > 1
        first.wait()

        verdicts = [judge(suspect) for suspect in first.suspects().first(2 * planted)]
        corrected = sum(said["verdict"] == "relabel" for said in verdicts)
        assert corrected > 0.9 * planted
        assert first.review(verdicts, reviewer="ada") == []

        target = tmp_path / "cleaned.zip"
        command = ["export", "dataset", first["dataset_id"], "--out", str(target), "--server", client.url]
        assert CliRunner().invoke(cli, command).output.strip() == str(target)

        second = client.audit(client.upload(target).wait(), **QUICK).wait()
        wrong = [row["key"] for row in second.suspects() if row["given_label"] != read_truth(row["key"])]
        assert len(wrong) == planted - corrected
        assert second.summary["expected_error_count"] < first.summary["expected_error_count"] / 3
        assert wait_for_types(bodies, 2) == ["audit.succeeded"] * 2
        assert {body["data"]["id"] for body in bodies} == {first.id, second.id}  # type: ignore[index]
        client.delete(f"/v1/webhooks/{webhook['id']}")


def test_everything_that_was_started_is_stopped_and_what_was_stored_stays(
    stack: LocalStack, beside: set[int]
) -> None:
    """The last test, as it ends the service of the others."""
    with Client(stack.url) as opened:
        opened.post("/v1/datasets", {"name": "kept"})
        before = [dataset["name"] for dataset in opened.pages("/v1/datasets")]
    ours = list_children() - beside
    postgres = int((stack.data_dir / "postgres/postmaster.pid").read_text().splitlines()[0])
    assert len(ours) >= 5
    stack.stop()
    for pid in ours | {postgres}:
        assert not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    assert find_running_service(stack.data_dir) is None
    with LocalStack(stack.data_dir) as second, Client(second.url) as opened:
        names = [dataset["name"] for dataset in opened.pages("/v1/datasets")]
    assert "kept" in names
    assert names == before
