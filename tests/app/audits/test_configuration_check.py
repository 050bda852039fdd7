"""A configuration is accepted if, and only if, a worker would train every run of it."""

from collections import Counter
from dataclasses import replace
from typing import Any

import pytest
import torch
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from app.audits.audit_configuration import AuditConfiguration
from app.audits.configuration_check import check_configuration
from app.audits.run_plans import RunPlan, plan_runs
from app.infra.database import Database
from app.infra.errors import Invalid
from app.infra.storage import Storage
from app.schemas import request_schemas
from app.tables import Dataset
from models.catalogue.encoders import LITE0
from models.catalogue.methods import METHODS
from models.catalogue.networks import BACKBONES
from models.catalogue.training_request import FIELDS, SEARCHED_FIELDS, TrainingRequest
from models.configuration.training_config import TrainingConfig, resolve
from models.training.network_shapes import make_classifier_shape, make_predictor_shape
from tests.builders.stored_rows import store_ready_dataset

Json = dict[str, Any]
DEVICES = {"cpu": "cpu", "gpu": "cuda"}


@pytest.fixture
def dataset(database: Database, storage: Storage) -> Dataset:
    return store_ready_dataset(database, storage)


@pytest.mark.parametrize(
    ("configuration", "pointer", "sentence"),
    [
        ({"patience": 3}, "/patience", "patience needs a validation_fraction above 0."),
        ({"input_size": 12}, "/input_size", "expects an input_size of one of [28, 32], not 12."),
        (
            {"network": "mnist_cnn", "input_size": 20},
            "/input_size",
            "Network 'mnist_cnn' expects an input_size of one of [28, 32], not 20.",
        ),
        (
            {"backbone": "resnet18", "augmentation": "flip_crop"},
            "/augmentation",
            "Features take neither an input_size nor an augmentation.",
        ),
        (
            {"network": "small_cnn", "compare": ["ce", {"encoder": "resnet18"}]},
            "/compare/1/encoder",
            "Network 'small_cnn' does not take features.",
        ),
        (
            {"network": "small_cnn", "compare": ["ce", {"backbone": "resnet18"}]},
            "/compare/1/backbone",
            "Network 'small_cnn' does not take features.",
        ),
        (
            {"encoder": "resnet19"},
            "/encoder",
            "encoder is one of efficientnet_lite0, resnet18",
        ),
        (
            {"encoder": "vit_b_16@96"},
            "/encoder",
            "vit_b_16 takes pictures of 224 pixels only, not 96.",
        ),
        (
            {"encoder": "resnet18", "backbone": "resnet50"},
            "/backbone",
            "backbone is the former name of encoder: expected one of them",
        ),
        (
            {"epochs": 4, "compare": ["ce", {"method": "limit_l", "warm_up_epochs": 4}]},
            "/compare/1/warm_up_epochs",
            "warm_up_epochs must be between 0 and 3, not 4.",
        ),
        (
            {"method": "dmi", "batch_size": 2},
            "/batch_size",
            "needs every class in every batch: expected a batch_size of at least 3, found 2.",
        ),
        (
            {"validation_fraction": 0.95},
            "/validation_fraction",
            "Holding out 11 of 12 samples",
        ),
        ({"search": {"beta": [1, 2]}, "validation_fraction": 0}, "/validation_fraction", "must be above 0"),
        ({"device_memory_gb": 9999}, "/device_memory_gb", "here, found 9999"),
        (
            {"rehearsal": {"noise": "pair", "mapping": {"ant": "dog"}}},
            "/rehearsal/mapping",
            "unknown classes",
        ),
        ({"method": "probabilities"}, "/method", "needs probabilities"),
    ],
)
def test_what_no_worker_would_train_is_refused_with_its_field(
    api: TestClient, dataset: Dataset, configuration: Json, pointer: str, sentence: str
) -> None:
    answer = api.post("/v1/audits", json={"dataset_id": str(dataset.id), "configuration": configuration})
    assert answer.status_code == 422
    document = answer.json()
    assert [error["pointer"] for error in document["errors"]] == [f"/body/configuration{pointer}"]
    assert sentence in document["detail"] == document["errors"][0]["detail"]


@pytest.mark.parametrize(
    "configuration",
    [
        {"compare": ["ce", {"backbone": "resnet18", "network": "mlp"}]},
        {"compare": ["ce", {"encoder": "efficientnet_lite0@96", "network": "mlp"}]},
        {"encoder": "none", "network": "small_cnn"},
        {"patience": 3, "compare": ["ce", "mae"]},  # a comparison holds samples out by itself
        {"epochs": 5, "warm_up_epochs": 5, "compare": ["ce"]},  # which has no warm-up
        {"input_size": 12, "compare": [{"input_size": 28}]},
    ],
)
def test_what_a_worker_would_train_is_accepted(
    api: TestClient, dataset: Dataset, configuration: Json
) -> None:
    answer = api.post("/v1/audits", json={"dataset_id": str(dataset.id), "configuration": configuration})
    assert answer.status_code == 202, answer.json()


def test_an_encoder_that_was_added_is_known(api: TestClient, dataset: Dataset, storage: Storage) -> None:
    body = {"dataset_id": str(dataset.id), "configuration": {"encoder": "mine", "network": "mlp"}}
    assert "encoder is one of" in api.post("/v1/audits", json=body).json()["detail"]
    folder = storage.root / "encoders"
    folder.mkdir()
    card = replace(LITE0, name="mine", library="onnx", weights_sha256="0" * 64)
    (folder / "mine.encoder.json").write_text(card.write_card())
    assert api.post("/v1/audits", json=body).status_code == 202
    (folder / "mine.encoder.json").write_text("{}")
    assert (
        "mine.encoder.json is not the card of an encoder"
        in api.post("/v1/audits", json=body).json()["detail"]
    )


def test_what_only_some_devices_train_is_accepted_unless_the_others_are_asked_for() -> None:
    # A small dataset of colour images gets 25 epochs of a small network on a CPU, and more of a ResNet.
    dataset = made_dataset(shape=[32, 32, 3], count=5_000, classes=10)
    configuration = {"warm_up_epochs": 30, "method": "limit_l"}
    assert refusal(configuration, dataset, ["cpu", "gpu"]) is None
    assert refusal(configuration, dataset, ["gpu"]) is None
    assert "warm_up_epochs must be between 0 and" in str(refusal(configuration, dataset, ["cpu"]))


@pytest.mark.parametrize("name", [name for name, facts in FIELDS.items() if facts.most is not None])
def test_the_api_and_the_worker_have_the_same_ranges(name: str) -> None:
    facts = FIELDS[name]
    fitting: Json = {"epochs": 10_000} if name == "warm_up_epochs" else {}
    fitting |= {"validation_fraction": 0.1} if name == "patience" else {}
    fitting |= {"input_size": None} if name == "input_size" else {}
    step = 1 if facts.is_whole else 1e-3
    least = facts.above if facts.least is None else facts.least
    assert least is not None
    assert facts.most is not None
    low = [least] if facts.above is not None else [least - step * max(least, 1 if facts.is_whole else 1e-9)]
    for value in [*low, facts.most + step * max(1, facts.most)]:
        value_or_whole = int(value) if facts.is_whole else value
        with pytest.raises(ValidationError):
            request_schemas.AuditConfiguration(**{name: value_or_whole})
        with pytest.raises(ValueError, match=f"{name} must be"):
            resolve(
                {"network": "small_cnn", **fitting, name: value_or_whole},
                shape=(32, 32, 3),
                sample_count=100_000,
                class_count=3,
                device="cpu",
            )
    request_schemas.AuditConfiguration(**{name: facts.most})


def made_dataset(*, shape: list[int], count: int, classes: int) -> Dataset:
    kind = "images" if len(shape) == 3 else "features"
    names = [str(number) for number in range(classes)]
    return Dataset(kind=kind, shape=shape, sample_count=count, class_names=names)


def refusal(document: Json, dataset: Dataset, devices: list[str]) -> Invalid | None:
    """Return the service's refusal of a body's configuration."""
    body = request_schemas.AuditConfiguration(**document)
    try:
        configuration = AuditConfiguration.read(body.model_dump())
        check_configuration(dataset, configuration, plan_runs(configuration), devices=devices)
    except Invalid as error:
        return error
    return None


def planned(document: Json) -> list[RunPlan] | None:
    """Return the runs of a configuration, None where there are too many or nothing is held out."""
    try:
        return plan_runs(AuditConfiguration.read(request_schemas.AuditConfiguration(**document).model_dump()))
    except Invalid:
        return None


WIDTHS = {"resnet18": 512, "efficientnet_lite0@96": 1_280} | {
    name: backbone.width for name, backbone in BACKBONES.items()
}


def configured(request: TrainingRequest, dataset: Dataset, device: str) -> TrainingConfig:
    """Return a run's configuration as a worker finds it; raise ValueError where there is none."""
    asked = request.list_given()
    named = {asked.pop(name) for name in ("encoder", "backbone") if name in asked}
    if len(named) > 1:
        raise ValueError(named)
    encoders = named - {"none"}
    shape = tuple(dataset.shape or ())
    if encoders and len(shape) != 3:
        raise ValueError(encoders)
    return resolve(
        asked,
        shape=(WIDTHS[encoders.pop()],) if encoders else shape,
        sample_count=dataset.sample_count or 0,
        class_count=len(dataset.class_names or ()),
        device=DEVICES[device],
    )


def is_trained(plan: RunPlan, plans: list[RunPlan], dataset: Dataset, device: str) -> bool:
    """Return whether a worker trains a run: its configuration resolves, and its parent's network fits."""
    try:
        config = configured(plan.request, dataset, device)
        if plan.parent_number is None:
            return config.method not in {"fw", "dmi"}
        parent = configured(plans[plan.parent_number].request, dataset, device)
    except ValueError:
        return False
    shape, of_parent = (make_classifier_shape(each, channels=3, class_count=3) for each in (config, parent))
    has_predictor = METHODS[config.method].own_fields & {"beta"}
    starting = make_predictor_shape(shape) if has_predictor else shape
    return (
        parent.method == "ce"
        and config.network == parent.network
        and starting.has_output_bias == of_parent.has_output_bias
        and (config.folds, config.blind_fraction) == (parent.folds, parent.blind_fraction)
    )


NUMBERS: dict[str, list[float]] = {
    "input_size": [8, 12, 16, 28, 32, 64, 224, 512],
    "validation_fraction": [0, 0.1, 0.2, 0.5, 0.95],
    "patience": [0, 0, 3],
    "warm_up_epochs": [0, 1, 12, 40],
    "epochs": [1, 5, 40, 10_000],
    "batch_size": [2, 64, 65_536],
    "learning_rate": [1e-9, 1e-3, 10],
}


def values(name: str) -> st.SearchStrategy[Any]:
    facts = FIELDS[name]
    if name == "method":
        return st.sampled_from(list(METHODS))
    if name == "encoder":
        return st.sampled_from([*WIDTHS, "none"])
    if facts.choices:
        return st.sampled_from(facts.choices)
    if facts.most is None:
        return st.booleans()
    ends: list[float | None] = [facts.least, facts.most]
    return st.sampled_from(NUMBERS.get(name) or ends)


def some(least: int, most: int) -> st.SearchStrategy[Json]:
    """Return a few of the fields with values in their ranges."""
    chosen = st.lists(st.sampled_from(list(FIELDS)), min_size=least, max_size=most, unique=True)
    return chosen.flatmap(lambda found: st.fixed_dictionaries({name: values(name) for name in found}))


TRAININGS, SHARED = some(0, 3), some(2, 8)
STARTS = st.sampled_from(["none", "none", "ce"])
COMPARED = st.one_of(
    st.sampled_from(list(METHODS)),
    st.builds(lambda own, start: {**own, "initialise": start}, TRAININGS, STARTS),
)
SEARCHES = st.one_of(
    st.just("paper"),
    st.lists(st.sampled_from(SEARCHED_FIELDS), min_size=1, max_size=2, unique=True).flatmap(
        lambda found: st.fixed_dictionaries(
            {name: st.lists(values(name), min_size=1, max_size=2) for name in found}
        )
    ),
)
WHOLE = st.fixed_dictionaries(
    {"initialise": STARTS, "repeats": st.sampled_from([1, 1, 2])},
    optional={
        "search": SEARCHES,
        "compare": st.lists(COMPARED, min_size=1, max_size=3),
        "rehearsal": st.just({}),
    },
)
CONFIGURATIONS = st.builds(lambda training, whole: training | whole, SHARED, WHOLE)
DATASETS = st.builds(
    made_dataset,
    shape=st.sampled_from(
        [[8, 8, 1], [28, 28, 1], [60, 60, 1], [32, 32, 3], [64, 48, 3], [300, 200, 3], [16], [768]]
    ),
    count=st.sampled_from([2, 12, 5_000, 300_000]),
    classes=st.sampled_from([2, 10]),
)


def test_every_configuration_is_accepted_exactly_when_all_its_runs_are_trained(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda **_: True)
    seen: Counter[str] = Counter()

    @settings(max_examples=400, deadline=None, database=None, suppress_health_check=list(HealthCheck))
    @given(
        CONFIGURATIONS,
        DATASETS,
        st.lists(st.sampled_from(list(DEVICES)), min_size=1, max_size=2, unique=True),
    )
    def check(document: Json, dataset: Dataset, devices: list[str]) -> None:
        refused, plans = refusal(document, dataset, devices), planned(document)
        is_accepted = plans is not None and all(
            any(is_trained(plan, plans, dataset, device) for device in devices) for plan in plans
        )
        assert (refused is None) == is_accepted, refused
        seen["accepted" if is_accepted else "refused"] += 1
        seen["several accepted"] += is_accepted and plans is not None and len(plans) > 1

    check()
    assert min(seen["accepted"], seen["refused"]) > 0.2 * (seen["accepted"] + seen["refused"]), seen
    assert seen["several accepted"] > 20, seen
