"""The paper's figures over HTTP, of an audit that was trained for real."""

import io
import math
from xml.etree import ElementTree as ET

import plotly.graph_objects as go
import pytest
from fastapi.testclient import TestClient
from PIL import Image

from app.infra.database import Database
from app.infra.settings import Settings
from app.infra.storage import Storage
from app.tables import Audit, Dataset
from models.paper.information import bound_information
from tests.builders.stored_rows import store_audit, store_finished_audit
from tests.worker.job_steps import plan_audit, train_and_finish
from tests.worker.train.test_several_runs import REHEARSAL

EVERY_FIGURE = [
    "accuracy", "distances", "gradient_norms", "roc", "confusing", "bound", "information",
    "memorisation", "comparison",
]  # fmt: skip


@pytest.fixture
def compared(database: Database, digits: Dataset, storage: Storage, chosen: Settings) -> Audit:
    compare = ["ce", {"method": "limit_g", "sample_gradients": True}]
    audit, runs = plan_audit(database, digits, compare=compare, rehearsal=REHEARSAL, epochs=4, folds=2)
    return train_and_finish(database, storage, chosen, audit, runs)


def test_every_figure_is_plotly_json_and_an_image(api: TestClient, compared: Audit) -> None:
    links = api.get(f"/v1/audits/{compared.id}/figures").json()
    assert [link["name"] for link in links] == EVERY_FIGURE
    for link in links:
        figure = api.get(link["plotly_url"]).json()
        go.Figure(figure)  # Plotly's own schema refuses what it does not know
        png = api.get(link["png_url"])
        assert png.headers["content-type"] == "image/png"
        with Image.open(io.BytesIO(png.content)) as image:
            assert min(image.size) > 200
        svg = api.get(link["svg_url"])
        assert svg.headers["content-type"] == "image/svg+xml"
        assert ET.fromstring(svg.content).tag.endswith("svg")  # noqa: S314 - our own


def test_figures_show_what_is_stored(api: TestClient, compared: Audit) -> None:
    base = f"/v1/audits/{compared.id}"
    answer, epochs = api.get(base).json(), api.get(f"{base}/epochs").json()
    accuracy = api.get(f"{base}/figures/accuracy").json()
    lines = {(trace["name"], trace.get("xaxis", "x")): trace["y"] for trace in accuracy["data"]}
    assert lines["LIMIT_G + S", "x2"] == [epoch["validation_true_accuracy"] for epoch in epochs[1]["epochs"]]
    assert lines["no label memorised", "x"] == [1 - answer["theory"]["noise_rate"]] * 2
    distances = api.get(f"{base}/figures/distances").json()
    errors = api.get(f"{base}/metrics").json()["error_count"]
    assert [sum(trace["y"]) for trace in distances["data"]] == [120 - errors, errors]
    bits = {trace["name"]: trace["y"] for trace in api.get(f"{base}/figures/information").json()["data"]}
    theory = answer["theory"]
    most = theory["runs"][1]["most_bits_per_sample_by_epoch"]
    assert bits["LIMIT_G + S: upper bound"] == [min(each, theory["label_entropy_bits"]) for each in most]
    assert bits["CE: lower bound"] == theory["runs"][0]["least_bits_by_epoch"]
    comparison = api.get(f"{base}/figures/comparison?compared=roc_auc").json()
    means = {y: x for trace in comparison["data"] for y, x in zip(trace["y"], trace["x"], strict=True)}
    assert means == {
        variant["label"]: variant["figures"]["roc_auc"]["mean"] for variant in answer["variants"]
    }


def test_memorisation_is_drawn_as_it_was_measured(api: TestClient, compared: Audit) -> None:
    base = f"/v1/audits/{compared.id}"
    runs = [run["epochs"] for run in api.get(f"{base}/epochs").json()]
    lines = {trace["name"]: trace["y"] for trace in api.get(f"{base}/figures/memorisation").json()["data"]}
    assert lines["CE: agreement, labels learned"] == [epoch["in_sample_agreement"] for epoch in runs[0]]
    assert lines["CE: agreement, labels held back"] == [epoch["out_of_sample_agreement"] for epoch in runs[0]]
    bits = [(each["out_of_sample_loss"] - each["in_sample_loss"]) / math.log(2) for each in runs[0]]
    assert lines["CE: bits, measured"] == pytest.approx(bits)
    theory = api.get(base).json()["theory"]
    least = bound_information(
        training_error=1 - runs[0][-1]["in_sample_agreement"], noise_rate=theory["noise_rate"], class_count=3
    )
    assert lines["CE: bits, at least (Theorem 1)"][-1] == pytest.approx(least)
    suspects = api.get(f"{base}/suspects?limit=120").json()["items"]
    assert all(-1 <= suspect["memorisation"] <= 1 for suspect in suspects)
    report = api.get(f"{base}/exports/report.html").text
    assert 'aria-label="Measured memorisation"' in report
    assert "no label was held back" not in report


def test_memorisation_is_not_measured_where_no_label_was_held_back(
    api: TestClient, database: Database, digits: Dataset, storage: Storage, chosen: Settings
) -> None:
    audit = train_and_finish(database, storage, chosen, *plan_audit(database, digits, epochs=1, folds=1))
    base = f"/v1/audits/{audit.id}"
    assert "memorisation" not in [link["name"] for link in api.get(f"{base}/figures").json()]
    assert api.get(f"{base}/suspects?limit=1").json()["items"][0]["memorisation"] is None
    assert api.get(f"{base}/epochs").json()[0]["epochs"][0]["out_of_sample_loss"] is None
    assert "Not measured: no label was held back." in api.get(f"{base}/exports/report.html").text


def test_the_montage_has_the_head_of_every_class(api: TestClient, compared: Audit) -> None:
    base = f"/v1/audits/{compared.id}"
    montage = api.get(f"{base}/figures/confusing?columns=3").json()
    assert montage["layout"]["yaxis"]["ticktext"] == ["0", "1", "2"]
    for row, label in enumerate("012"):
        suspects = api.get(f"{base}/suspects?given_label={label}&limit=3").json()["items"]
        shown = [image["source"] for image in montage["layout"]["images"] if image["y"] == row]
        assert shown == [suspect["image_url"] for suspect in suspects]


def test_an_audit_without_truth_or_end_has_what_there_is(
    api: TestClient, database: Database, digits: Dataset
) -> None:
    young = store_audit(database, digits)
    assert api.get(f"/v1/audits/{young.id}/figures").json() == []
    answer = api.get(f"/v1/audits/{young.id}/figures/roc.png")
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
    done = store_finished_audit(database, digits)
    assert [link["name"] for link in api.get(f"/v1/audits/{done.id}/figures").json()] == ["confusing"]
    assert api.get(f"/v1/audits/{done.id}/figures/other").status_code == 422
