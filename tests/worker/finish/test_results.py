"""Rows, figures and files of a ranking, against numbers worked out by hand."""

import csv
import hashlib
from dataclasses import replace
from pathlib import Path
from uuid import uuid4

import numpy as np
import pyarrow as pa
import pytest
from sqlalchemy import select

from app.infra.database import Database
from app.infra.storage import Storage
from app.schemas.audits.summary_schemas import SummaryOut
from app.tables import Problem, Run, RunEpoch
from tests.builders.stored_rows import store_ready_dataset
from worker.finish import audit_summary, information_bounds, ranking_files, truth_metrics
from worker.finish.label_error_estimate import CountedErrors
from worker.jobs import score_rows
from worker.jobs.bulk_copy import copy_into
from worker.jobs.score_rows import Findings

NAMES = ["a", "b", "c"]
DISTANCE = np.array([0.2, 1.4, 0.2, 0.9], dtype=np.float32)


def signals() -> dict[str, np.ndarray]:
    flat = np.zeros(4, dtype=np.float32)
    return {
        "distance": DISTANCE,
        "distance_average": DISTANCE,
        "distance_last": DISTANCE,
        "predicted_gradient_norm": flat,
        "margin": flat,
        "loss": flat,
        "given_label_probability": flat,
        "top_labels_N3": np.array([[0, 1, -1], [2, 0, -1], [1, 0, -1], [0, 2, -1]]),
        "top_probabilities_N3": np.array([[0.9, 0.1, 0]] * 4, dtype=np.float32),
    }


@pytest.fixture
def rows() -> pa.Table:
    order = np.array([1, 3, 0, 2])
    findings = Findings(
        error_probability_N=np.array([0.25, 1.0, 0.0, 0.75], dtype=np.float32),
        is_label_issue_N=np.array([False, True, False, True]),
        top_labels_N3=signals()["top_labels_N3"],
        top_probabilities_N3=signals()["top_probabilities_N3"],
    )
    return score_rows.build_rows(uuid4(), signals(), np.array([0, 0, 1, 1], dtype=np.int32), order, findings)


# Position 0 is an "a", or by 1/4 a "b"; 1 was given "a" and is surely a "c"; 2 is a "b";
# 3 is a "b", or by 3/4 something else: nine tenths of it an "a", one a "c".
COUNTED = CountedErrors(
    sample_count=4,
    reasons=(),
    count=2.0,
    interval=(1.0, 3.0),
    joint_KK=np.array([[0.75, 0.675, 0], [0.25, 1.25, 0], [1, 0.075, 0]]),
)
UNKNOWN_COUNT = replace(COUNTED, reasons=(("views_disagree", "Two views disagree."),))


SAMPLES = pa.table({"key": ["=1+1", "-2", "+x", 'say "hi", you'], "split": ["train", None, None, None]})


def test_rows_stand_in_order_of_rank(rows: pa.Table) -> None:
    assert rows["position"].to_pylist() == [1, 3, 0, 2]
    assert rows["rank"].to_pylist() == [1, 2, 3, 4]
    assert rows["given_label"].to_pylist() == [0, 1, 0, 1]
    assert rows["suggested_label"].to_pylist() == [2, 0, 0, 1]
    assert rows["third_label"].to_pylist() == [None] * 4
    assert rows["third_probability"].to_pylist() == [None] * 4


def test_the_csv_is_rfc_4180_and_runs_no_formula(rows: pa.Table, tmp_path: Path) -> None:
    table = ranking_files.build_ranking_table(rows, SAMPLES, NAMES, np.array([0, 2, -1, 1]))
    files = ranking_files.write(table, Storage(tmp_path), tmp_path, version=1)
    content = (tmp_path / files["ranking.csv"]["path"]).read_bytes()
    assert hashlib.sha256(content).hexdigest() == files["ranking.csv"]["sha256"]
    assert content.count(b"\r\n") == 5
    found = list(csv.DictReader(content.decode().splitlines()))
    assert [row["key"] for row in found] == ["-2", 'say "hi", you', "'=1+1", "'+x"]
    assert [row["split"] for row in found] == ["", "", "train", ""]
    assert [row["true_label"] for row in found] == ["c", "b", "a", ""]
    assert [row["is_error"] for row in found] == ["true", "false", "false", ""]
    assert [row["error_probability"] for row in found] == ["1", "0.75", "0.25", "0"]
    assert [row["is_label_issue"] for row in found] == ["true", "true", "false", "false"]
    # Without a score of their own, as runs of earlier versions are, samples have their distance over sqrt 2.
    assert [float(row["score"]) for row in found] == pytest.approx((DISTANCE[[1, 3, 0, 2]] / 2**0.5).tolist())
    assert list(found[0]) == [
        "rank", "key", "position", "split", "given_label", "suggested_label", "suggested_confidence",
        "score", "distance", "error_probability", "is_label_issue", "given_label_probability",
        "predicted_gradient_norm", "margin", "true_label", "is_error",
    ]  # fmt: skip


def test_metrics_by_hand(rows: pa.Table) -> None:
    # In order of rank: position 1 is wrong, 3 is right, 0 is wrong, 2 is unknown.
    found = truth_metrics.measure_ranking(rows, np.array([2, 2, -1, 1]), NAMES)
    assert (found["sample_count"], found["error_count"]) == (3, 2)
    assert found["noise_rate"] == pytest.approx(2 / 3)
    assert found["roc_auc"] == pytest.approx(0.5)
    assert found["precision_at_noise_rate"] == pytest.approx(0.5)
    assert found["suggestion_accuracy"] == pytest.approx(0.5)
    assert [(item["k"], item["precision"], item["recall"]) for item in found["at_k"]] == [
        (1, 1.0, 0.5),
        (2, 0.5, 0.5),
        (3, pytest.approx(2 / 3), 1.0),
    ]
    assert [(c["class"], c["samples"], c["errors"]) for c in found["per_class"]] == [
        ("a", 2, 2),
        ("b", 1, 0),
        ("c", 0, 0),
    ]


def test_metrics_without_an_error_have_no_roc(rows: pa.Table) -> None:
    found = truth_metrics.measure_ranking(rows, np.array([0, 0, 1, 1]), NAMES)
    assert (found["error_count"], found["roc_auc"], found["roc"]) == (0, None, None)


def test_the_summary_counts_disagreements_and_expected_errors(rows: pa.Table) -> None:
    found = audit_summary.summarise_ranking(rows, NAMES, COUNTED)
    assert (found["sample_count"], found["disagreement_count"]) == (4, 2)
    assert (found["expected_error_count"], found["label_issue_count"]) == (2.0, 2)
    assert found["expected_error_interval"] == [1.0, 3.0]
    assert (found["noise_rate"], found["health"]) == (0.5, 0.5)
    assert [item["expected_errors"] for item in found["per_class"]] == [1.25, 0.75, 0]
    assert [item["disagreements"] for item in found["per_class"]] == [1, 1, 0]
    assert found["per_class"][2]["mean_distance"] is None
    assert sum(found["histogram"]["counts"]) == 4


def test_the_summary_says_what_is_confused_with_what(rows: pa.Table) -> None:
    found = audit_summary.summarise_ranking(rows, NAMES, COUNTED)
    pairs = {(item["true"], item["given"]): item["expected_count"] for item in found["confused_pairs"]}
    assert pairs == pytest.approx(
        {("c", "a"): 1.0, ("a", "b"): 0.675, ("b", "a"): 0.25, ("c", "b"): 0.075}, abs=1e-6
    )
    assert [item["noise_rate"] for item in found["per_class"][:2]] == pytest.approx([0.625, 0.375])
    assert found["per_class"][2]["noise_rate"] is None
    assert found["per_class"][2]["missed_rate"] == pytest.approx(1)
    assert found["transition_matrix"]["matrix"][2] == pytest.approx([1 / 1.075, 0.075 / 1.075, 0])
    assert SummaryOut.model_validate(found).model_dump(by_alias=True) == found | {
        "issues": {},
        "rehearsal": None,
        "checked": None,
        "rests_on": None,
    }


def test_the_summary_has_no_matrix_that_nobody_could_look_at(rows: pa.Table) -> None:
    joint = np.zeros((101, 101))
    joint[:3, :3] = COUNTED.joint_KK
    many = [*NAMES, *map(str, range(98))]
    found = audit_summary.summarise_ranking(rows, many, replace(COUNTED, joint_KK=joint))
    assert found["transition_matrix"] is None
    assert len(found["confused_pairs"]) == 4


def test_the_summary_says_what_a_review_finds(rows: pa.Table) -> None:
    budget = audit_summary.summarise_ranking(rows, NAMES, COUNTED)["budget"]
    assert (budget["total"], budget["review"]) == (2.0, [1, 2, 3, 4])
    assert budget["expected_found"] == [1.0, 1.75, 2.0, 2.0]
    assert budget["to_find"][2] == {"share": 0.9, "review": 3, "found": 1.8}


def test_the_summary_claims_nothing_where_it_cannot_tell(rows: pa.Table) -> None:
    found = audit_summary.summarise_ranking(rows, NAMES, UNKNOWN_COUNT)
    assert found["estimate"] == {
        "may_claim": False,
        "reasons": [{"code": "views_disagree", "detail": "Two views disagree."}],
        "count": None,
        "interval": [1.0, 3.0],
        "sample_count": 4,
    }
    names = ("expected_error_count", "expected_error_interval", "noise_rate", "health", "budget")
    assert [found[name] for name in (*names, "transition_matrix")] == [None] * 6
    assert found["confused_pairs"] == []
    assert [item["disagreements"] for item in found["per_class"]] == [1, 1, 0]
    assert {item["expected_errors"] for item in found["per_class"]} == {None}
    assert found["label_issue_count"] == 2
    assert SummaryOut.model_validate(found).model_dump(by_alias=True)["estimate"] == found["estimate"]


def test_rows_and_summary_without_any_estimate(tmp_path: Path) -> None:
    findings = Findings(
        error_probability_N=None,
        is_label_issue_N=np.array([False, True, False, True]),
        top_labels_N3=signals()["top_labels_N3"],
        top_probabilities_N3=signals()["top_probabilities_N3"],
    )
    labels = np.array([0, 0, 1, 1], dtype=np.int32)
    rows = score_rows.build_rows(uuid4(), signals(), labels, np.array([1, 3, 0, 2]), findings)
    assert score_rows.read_probabilities(rows) is None
    nothing = replace(UNKNOWN_COUNT, count=None, interval=None, joint_KK=None)
    found = audit_summary.summarise_ranking(rows, NAMES, nothing)
    assert (found["estimate"]["interval"], found["expected_error_count"]) == (None, None)
    table = ranking_files.build_ranking_table(rows, SAMPLES, NAMES, None)
    files = ranking_files.write(table, Storage(tmp_path), tmp_path, version=0)
    lines = (tmp_path / files["ranking.csv"]["path"]).read_text().splitlines()
    assert [row["error_probability"] for row in csv.DictReader(lines)] == [""] * 4


def test_copy_keeps_quotes_empty_strings_nulls_and_newlines(database: Database, storage: Storage) -> None:
    dataset = store_ready_dataset(database, storage)
    texts = ['a "quoted", text', "", "two\nlines", "\\N", "snow ☃"]
    columns = {
        "dataset_id": [str(dataset.id)] * 5,
        "number": list(range(5)),
        "key": texts,
        "code": ["x"] * 5,
        "detail": texts,
    }
    with database.transaction() as session:
        copy_into(session, Problem, pa.table(columns))
    with database.transaction() as session:
        assert list(session.scalars(select(Problem.key).order_by(Problem.number))) == texts


def test_theory_of_an_audit_by_the_papers_numbers() -> None:
    # K = 10 and p = 0.8: nothing memorised means an error of 0.8 at least, one bit 0.405 (after Theorem 1).
    memorising = run_with(method="limit_l", is_sampled=False)
    found = information_bounds.compute_bounds(
        noise_rate=0.8,
        is_known=True,
        class_count=10,
        sample_count=1000,
        runs=[(memorising, [RunEpoch(epoch=1, accuracy=0.2), RunEpoch(epoch=2, accuracy=0.595)])],
    )
    assert found["least_training_error"] == pytest.approx(0.8, abs=1e-6)
    assert found["runs"][0]["training_error"] == pytest.approx(0.405)
    assert found["runs"][0]["least_bits_memorised_per_sample"] == pytest.approx(1.0, abs=0.005)
    assert found["runs"][0]["least_bits_by_epoch"] == pytest.approx([0.0, 1.0], abs=0.005)
    # sqrt(2 * 0.25 * 1 bit * ln 2): eq. (2) cannot promise less with that much memorised.
    assert found["runs"][0]["generalisation_bound_at_least"] == pytest.approx(0.589, abs=0.002)
    assert found["runs"][0]["most_bits_per_sample_by_epoch"] is None
    assert found["bound"]["least_training_error"][-1] == pytest.approx(0.0, abs=1e-6)


def test_theory_of_sampled_gradients_is_proposition_1() -> None:
    # LIMIT_G, lambda 50: sigma^2 = 0.01; d = 2, L^2 = 0.06: (2 / 2) log2(1 + 0.06 / 0.02) = 2 bits an epoch.
    sampled = run_with(method="limit_g", is_sampled=True)
    epochs = [RunEpoch(epoch=n, accuracy=0.5, squared_gradient_norm=0.06) for n in (1, 2)]
    found = information_bounds.compute_bounds(
        noise_rate=0.1, is_known=False, class_count=2, sample_count=100, runs=[(sampled, epochs)]
    )["runs"][0]
    assert found["most_bits_per_sample_by_epoch"] == pytest.approx([2.0, 4.0])
    # sqrt(2 * 0.25 * 4 bits * ln 2) = 1.177, and no error rates differ by more than 1.
    assert found["label_part_of_generalisation_bound"] == 1.0


def test_the_noise_of_a_loss_chosen_while_it_trains_is_the_smaller_one() -> None:
    # lambda 50: Gaussian 1 / 100, Laplace 2 / 2500; lambda 2: 1 / 4 and 2 / 4.
    asked = {"sample_gradients": True, "noise_lambda": 50.0}
    assert information_bounds.compute_noise_variance({**asked, "method": "limit"}) == pytest.approx(0.0008)
    assert information_bounds.compute_noise_variance({**asked, "method": "limit_c"}) == pytest.approx(0.01)
    assert information_bounds.compute_noise_variance(
        {**asked, "method": "limit", "noise_lambda": 2.0}
    ) == pytest.approx(0.25)
    assert information_bounds.compute_noise_variance({**asked, "method": "ce"}) is None


def run_with(*, method: str, is_sampled: bool) -> Run:
    configuration = {"method": method, "sample_gradients": is_sampled, "noise_lambda": 50.0}
    return Run(number=0, configuration=configuration)
