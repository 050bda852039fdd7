"""Texts, from their file to a corrected file."""

import io
import json
import zipfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from fastapi.testclient import TestClient
from sklearn.metrics import roc_auc_score

from app.infra.database import Database
from app.infra.settings import Settings
from app.infra.storage import Storage
from app.tables import Audit, AuditStatus, Dataset
from tests.worker.job_steps import plan_audit, read_row, store_upload
from worker.finish.finishing_job import finish
from worker.ingest.ingestion_job import ingest
from worker.jobs import evidence_files
from worker.train.training_job import execute

COUNT = 240
TRAINED = {"network": "mlp", "epochs": 4, "folds": 2, "method": "limit", "input_size": None}
OWN = (
    ["refund", "money", "payment", "card", "charged", "invoice", "bill", "amount", "cost", "price"],
    ["password", "login", "account", "locked", "reset", "email", "access", "signin", "code", "user"],
)
COMMON = [
    "please",
    "help",
    "my",
    "the",
    "a",
    "cannot",
    "with",
    "today",
    "again",
    "really",
    "thanks",
    "<b>soon</b>",
]


def make_rows() -> tuple[list[tuple[str, str]], np.ndarray]:
    """Return texts about one of two subjects, their labels, and which of these are wrong."""
    generator = np.random.default_rng(0)
    correct = generator.integers(0, 2, COUNT)
    wrong = generator.random(COUNT) < 0.1
    texts = []
    for side in correct:
        words = [
            str(generator.choice(COMMON if generator.random() < 0.6 else OWN[side]))
            for _ in range(int(generator.integers(6, 14)))
        ]
        texts.append(" ".join([*words, str(generator.choice(OWN[side]))]) + ', he said: "now"\nand left')
    texts[11], texts[12] = texts[10], texts[10].replace("said", "sai")
    texts[13] = "Верните, пожалуйста, деньги"
    labels = [("billing", "login")[side] for side in np.where(wrong, 1 - correct, correct)]
    labels[10], labels[11] = "billing", "login"
    return list(zip(texts, labels, strict=True)), wrong


def write_csv(folder: Path) -> Path:
    lines = ["id,text,label"]
    lines += [
        '{},"{}",{}'.format(row, text.replace('"', '""'), label)
        for row, (text, label) in enumerate(make_rows()[0])
    ]
    path = folder / "texts.csv"
    path.write_bytes("\r\n".join([*lines, ""]).encode())
    return path


def write_lines(folder: Path) -> Path:
    path = folder / "texts.jsonl"
    path.write_text(
        "".join(json.dumps({"text": text, "label": label}) + "\n" for text, label in make_rows()[0])
    )
    return path


def write_list(folder: Path) -> Path:
    path = folder / "texts.json"
    path.write_text(json.dumps([{"label": label, "text": text} for text, label in make_rows()[0]], indent=1))
    return path


def write_parquet(folder: Path) -> Path:
    texts, labels = zip(*make_rows()[0], strict=True)
    pq.write_table(
        pa.table({"text": texts, "label": labels, "length": [len(text) for text in texts]}),
        folder / "t.parquet",
    )
    return folder / "t.parquet"


def write_zip(folder: Path) -> Path:
    with zipfile.ZipFile(folder / "texts.zip", "w") as archive:
        for row, (text, label) in enumerate(make_rows()[0]):
            archive.writestr(f"mail/{label}/{row:03}.txt", text)
    return folder / "texts.zip"


def read(database: Database, storage: Storage, chosen: Settings, file: Path) -> Dataset:
    dataset = store_upload(database, storage, file)
    ingest(database, storage, chosen, dataset.id)
    return read_row(database, Dataset, dataset.id)


def test_texts_are_audited_by_their_words_and_say_which(
    database: Database, storage: Storage, *, chosen: Settings, api: TestClient, tmp_path: Path
) -> None:
    dataset = read(database, storage, chosen, write_csv(tmp_path))
    assert (dataset.kind, dataset.format, dataset.sample_count) == ("texts", "csv", COUNT)
    audit, (run,) = plan_audit(database, dataset, **TRAINED)
    execute(database, storage, chosen, run.id)
    finish(database, storage, audit.id)
    assert read_row(database, Audit, audit.id).status == AuditStatus.SUCCEEDED
    evidence = evidence_files.load(storage, storage.locate_run(audit.id, run.number))
    assert evidence is not None
    assert evidence.is_out_of_sample_N.all()
    items = api.get(f"/v1/audits/{audit.id}/suspects", params={"limit": COUNT}).json()["items"]
    rows, wrong = make_rows()
    wrong = wrong & ~np.isin(np.arange(COUNT), [10, 11, 12, 13])
    assert roc_auc_score([wrong[item["position"]] for item in items], -np.arange(COUNT)) > 0.9
    first = items[0]["position"]
    similar = api.get(f"/v1/audits/{audit.id}/samples/{first}/similar").json()
    assert similar["features"] == [rows[first][0]]
    assert similar["reasons"]["label"] != items[0]["given_label"]
    words = [
        (rows[first][0][word["start"] :][: word["length"]], word["effect"])
        for word in similar["reasons"]["words"]
    ]
    strongest = max(words, key=lambda word: word[1])
    assert strongest[0] in OWN[("billing", "login").index(similar["reasons"]["label"])]
    found = api.get(f"/v1/datasets/{dataset.id}/snippets", params={"positions": "3,0"}).json()["items"]
    assert [each["position"] for each in found] == [3, 0]
    assert found[1]["text"] == " ".join(rows[0][0].split())[:160].strip() + (
        "…" if len(rows[0][0]) > 160 else ""
    )
    assert api.get(f"/v1/datasets/{dataset.id}/snippets", params={"positions": "240"}).status_code == 422
    issues = api.get(f"/v1/audits/{audit.id}/issues", params={"kind": "exact_duplicate"}).json()["items"]
    assert {issue["position"] for issue in issues} >= {10, 11}
    conflicts = api.get(f"/v1/audits/{audit.id}/issues", params={"kind": "conflicting_duplicate"}).json()[
        "items"
    ]
    assert {issue["position"] for issue in conflicts} >= {10, 11}
    outliers = api.get(f"/v1/audits/{audit.id}/issues", params={"kind": "outlier"}).json()["items"]
    (foreign,) = [issue for issue in outliers if issue["position"] == 13]
    assert foreign["detail"] == "mostly in CYRILLIC, as hardly any other text is"


@pytest.mark.parametrize("write", [write_csv, write_lines, write_list, write_parquet, write_zip])
def test_corrected_texts_differ_in_the_decided_labels_alone(
    database: Database, storage: Storage, *, chosen: Settings, api: TestClient, tmp_path: Path, write: object
) -> None:
    file: Path = write(tmp_path)  # type: ignore[operator]
    dataset = read(database, storage, chosen, file)
    assert (dataset.kind, dataset.sample_count) == ("texts", COUNT), dataset.error
    rows, _ = make_rows()
    address = f"/v1/datasets/{dataset.id}/samples"
    sample = api.get(f"{address}/7").json()
    given = sample["given_label"]
    new = "login" if given == "billing" else "billing"
    assert api.put(f"{address}/7/review", json={"verdict": "relabel", "label": new}).status_code == 200
    for dropped in (0, 9):
        assert api.put(f"{address}/{dropped}/review", json={"verdict": "drop"}).status_code == 200
    answer = api.get(f"/v1/datasets/{dataset.id}/exports/dataset")
    assert answer.status_code == 200, answer.text
    expected = [
        (text, new if at == 7 else label) for at, (text, label) in enumerate(rows) if at not in (0, 9)
    ]
    if write is write_csv:
        before = file.read_bytes().split(b"\r\n")
        before[8] = before[8].removesuffix(given.encode()) + new.encode()
        assert answer.content == b"\r\n".join([before[0], *before[2:10], *before[11:]])
    elif write is write_lines:
        before = file.read_bytes().split(b"\n")
        before[7] = before[7].replace(f'"label": "{given}"'.encode(), f'"label": "{new}"'.encode())
        assert answer.content == b"\n".join([*before[1:9], *before[10:]])
    elif write is write_list:
        assert [(each["text"], each["label"]) for each in json.loads(answer.content)] == expected
    elif write is write_parquet:
        assert pq.read_table(io.BytesIO(answer.content)).select(["text", "label"]).to_pylist() == [
            {"text": text, "label": label} for text, label in expected
        ]
    else:
        with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
            assert len(archive.namelist()) == COUNT - 2
            moved = sample["key"].split("/")[-1]
            assert archive.read(f"{new}/{moved}").decode() == rows[int(moved[:3])][0]
