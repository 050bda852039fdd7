"""One run of the paper's protocol: from its description to one line of results."""

import os
import platform
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from bench.paper.images import Images, Samples, first_tests, noisy_samples
from bench.paper.rows import Row, Settings
from models.configuration.training_config import TrainingConfig, resolve
from models.inputs import standardisation
from models.label_errors import detection_metrics
from models.label_errors.evidence import gather_signals
from models.networks.architectures import Network, NetworkShape, build
from models.training.loop import train
from models.training.prediction import predict_probabilities
from models.training.progress import Progress
from models.training.signals import Signals
from models.training.training_result import TrainingResult

CLASSES = 10
CURVE_POINTS = 60
HISTOGRAM_BINS = 60
LATER = ("warmed", "test", "schedule")
SUSPECTS_PER_CLASS = 12
PAPER_EPOCHS, PAPER_PATIENCE, PAPER_SPLITS = 400, 100, 5


@dataclass(frozen=True, kw_only=True)
class Setup:
    """What all rows of a table's column share."""

    dataset: str
    network: str
    n: int
    """Samples trained on."""
    validation: int
    """Samples held out, with noisy labels."""
    noise: str
    rate: float
    epochs: int
    patience: int
    split: int
    """Seed of split, noise, weights and order."""
    has_curves: bool = False
    warmed: bool = False
    """Whether the batch normalisation of the network that is fitted to the labels begins with statistics of
    random inputs; see `warmed`."""
    test: int | None = None
    """Test samples; None: all."""
    schedule: str | None = None
    """Of the learning rate; None: the paper's, constant."""


@dataclass(frozen=True, kw_only=True)
class Trained:
    """A run's figures and its best classifier."""

    figures: dict[str, Any]
    model_state: Mapping[str, Tensor]


def key(setup: Setup, row: Row, settings: Settings) -> dict[str, Any]:
    """Return what identifies a run among finished ones; later options count where they are used."""
    used = {name: value for name, value in asdict(setup).items() if name not in LATER or value}
    return {**used, "row": row.name, "settings": {**row.settings, **settings}}


def configuration(
    setup: Setup, row: Row, settings: Settings, samples: Samples, device: str
) -> TrainingConfig:
    """Return the paper's protocol for this run: batch 256, Adam at a constant 1e-3 or what is asked for."""
    requested: dict[str, object] = {
        "method": row.method,
        "network": setup.network,
        "epochs": setup.epochs,
        "patience": min(setup.patience, setup.epochs),
        "batch_size": 256,
        "learning_rate": 1e-3,
        "schedule": setup.schedule or "constant",
        "folds": 1,
        "validation_fraction": setup.validation / len(samples.given),
        "precision": "fp32" if setup.dataset == "mnist" else "auto",
        "seed": setup.split,
    }
    return resolve(
        {**requested, **row.settings, **settings},
        shape=samples.inputs.shape[1:],
        sample_count=len(samples.given),
        class_count=CLASSES,
        device=device,
    )


def run(
    setup: Setup,
    row: Row,
    settings: Settings,
    *,
    images: Images,
    device: str,
    parent: Mapping[str, Tensor] | None,
    on_epoch: Callable[[int], None],
) -> Trained:
    """Train, choose by validation, and measure on the clean test set."""
    samples = noisy_samples(
        images,
        count=setup.n + setup.validation,
        noise_kind=setup.noise,
        rate=setup.rate,
        seed=setup.split,
    )
    config = configuration(setup, row, settings, samples, device)
    images = first_tests(images, setup.test)
    if setup.warmed and parent is None:
        parent = warmed(config, samples.inputs.shape[1:])
    curve = _Curve(setup, images, samples, config=config, device=device, on_epoch=on_epoch)
    result = train(
        samples.inputs,
        samples.given,
        class_count=CLASSES,
        config=config,
        device=device,
        initial_state=parent,
        on_progress=curve,
    )
    probabilities = predict_probabilities(
        images.test,
        model_state=result.model_state,
        input_mean=result.input_mean,
        input_deviation=result.input_deviation,
        config=config,
        class_count=CLASSES,
        device=device,
    )
    figures = {
        "test_accuracy": _percent(probabilities.argmax(1) == images.test_labels),
        "validation_accuracy": round(100 * (result.validation_accuracy or 0.0), 3),
        **_run_figures(result),
        **_detection(result, samples),
        **(
            {
                "curve": curve.points,
                "histograms": _histograms(result.signals, samples),
                "suspects": _suspects(result.signals, samples),
            }
            if setup.has_curves
            else {}
        ),
        "config": asdict(config),
        "machine": machine(device),
    }
    return Trained(figures=figures, model_state=result.model_state)


def warmed(config: TrainingConfig, shape: tuple[int, ...]) -> dict[str, Tensor]:
    """Return an untrained classifier whose batch normalisation has seen random inputs; see `warm_up`."""
    network = build(
        config.network,
        NetworkShape(channels=shape[-1], class_count=CLASSES, is_predictor=False),
        seed=config.seed,
    )
    warm_up(network, shape, seed=config.seed)
    return network.state_dict()


def warm_up(network: Network, shape: tuple[int, ...], *, seed: int) -> None:
    """Let batch normalisation see random inputs of this shape, as the authors' networks do once made.

    Their code finds every layer's input size by passing four random inputs through the layers before it, in
    training mode, so that running means and variances start from those of noise instead of 0 and 1. With few
    steps per epoch that decides how early the accuracy on held-out samples can be trusted.
    """
    network.train()
    layers = list(network.trunk.children())
    ends = [place for place, layer in enumerate(layers) if isinstance(layer, nn.Conv2d | nn.Linear)]
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for end in (*ends[1:], len(layers), len(layers), len(layers)):
            outputs = torch.randn((4, shape[-1], *shape[:-1]), generator=generator)
            for layer in layers[:end]:
                outputs = layer(outputs)


class _Curve:
    """Follows a training; where the setup asks for it, measures both accuracies about CURVE_POINTS times."""

    def __init__(
        self,
        setup: Setup,
        images: Images,
        samples: Samples,
        *,
        config: TrainingConfig,
        device: str,
        on_epoch: Callable[[int], None],
    ) -> None:
        self.points: list[dict[str, float]] = []
        self._setup, self._images, self._samples = setup, images, samples
        self._config, self._device, self._on_epoch = config, device, on_epoch
        self._every = max(1, setup.epochs // CURVE_POINTS)
        self._inputs = standardisation.measure(samples.inputs, torch.device(device))

    def __call__(self, progress: Progress) -> None:
        record = progress.finished
        if record is None:
            return
        self._on_epoch(record.epoch)
        if not self._setup.has_curves or record.epoch % self._every:
            return
        state = progress.model_state()
        held_out = 100 * (record.validation_accuracy or 0.0)
        everywhere = self._accuracy(state, self._samples.inputs, self._samples.given)
        n, validation = self._setup.n, self._setup.validation
        self.points.append(
            {
                "epoch": record.epoch,
                "training_accuracy": 100 * record.accuracy,
                # What was held out must not count among the samples trained on.
                "given_accuracy": round((everywhere * (n + validation) - held_out * validation) / n, 3),
                "test_accuracy": self._accuracy(state, self._images.test, self._images.test_labels),
                "validation_accuracy": held_out,
                "squared_gradient_norm": record.squared_gradient_norm,
            }
        )

    def _accuracy(self, state: Mapping[str, Tensor], inputs: Any, labels: Any) -> float:  # noqa: ANN401  # arrays
        probabilities = predict_probabilities(
            inputs,
            model_state=state,
            input_mean=self._inputs.mean_C.cpu().numpy(),
            input_deviation=self._inputs.deviation_C.cpu().numpy(),
            config=self._config,
            class_count=CLASSES,
            device=self._device,
        )
        return _percent(probabilities.argmax(1) == labels)


def _run_figures(result: TrainingResult) -> dict[str, Any]:
    figures: dict[str, Any] = {"epochs_done": result.epochs, "seconds": round(result.seconds, 1)}
    if result.transition_KK is not None:
        figures["transition_diagonal"] = [round(float(share), 3) for share in result.transition_KK.diagonal()]
    return figures


def _detection(result: TrainingResult, samples: Samples) -> dict[str, float]:
    """Return the ROC AUC of both distances and of the score by which the service ranks, in percent."""
    if not samples.is_error.any():
        return {}
    signals = result.signals
    ranked = gather_signals(
        signals,
        samples.given,
        score=result.config.score,
        agreement_ratio=result.agreement_ratio,
        classifier_probabilities_NK=result.classifier_probabilities_NK,
        cross_fitted=result.cross_fitted,
    )
    orders = {
        "average": signals.distance_average,
        "last": signals.distance_last,
        "score": ranked["score"],
    }
    return {
        f"auc_{name}": round(100 * detection_metrics.measure_detection(score, samples.is_error).roc_auc, 3)
        for name, score in orders.items()
    }


def _histograms(signals: Signals, samples: Samples) -> dict[str, Any]:
    """Return the counts of figures A2 and A3 over [0, sqrt 2] for right and wrong labels."""
    scores = {
        "predicted_gradient_norm": signals.predicted_gradient_norm,
        "distance": signals.distance_average,
    }
    return {
        name: {
            kind: np.histogram(score[mask], HISTOGRAM_BINS, (0, 2**0.5))[0].tolist()
            for kind, mask in (("right", ~samples.is_error), ("wrong", samples.is_error))
        }
        for name, score in scores.items()
    }


def _suspects(signals: Signals, samples: Samples) -> list[dict[str, Any]]:
    """Return of every given class the samples with the largest distance, the most confusing first."""
    order = np.argsort(-signals.distance_average, kind="stable")
    return [
        {
            "index": int(samples.index[place]),
            "given": label,
            "suggested": int(signals.top_labels_N3[place, 0]),
            "distance": round(float(signals.distance_average[place]), 4),
            "is_error": bool(samples.is_error[place]),
        }
        for label in range(CLASSES)
        for place in order[samples.given[order] == label][:SUSPECTS_PER_CLASS]
    ]


def machine(device: str) -> dict[str, str]:
    """Return what the figures were measured with."""
    is_cuda = torch.device(device).type == "cuda"
    return {
        "device": torch.cuda.get_device_name(device) if is_cuda else "CPU",
        "threads": str(torch.get_num_threads()),
        "load": f"{os.getloadavg()[0]:.1f}",
        "python": platform.python_version(),
        "torch": str(torch.__version__),
        "numpy": np.__version__,
    }


def _percent(hits: Any) -> float:  # noqa: ANN401  # an array of bool
    return round(100 * float(np.mean(hits)), 3)
