"""Measure rankings of boxes with wrong classes in generated scenes; one command, resumable.

    python -m bench.boxes

Every finished run adds a line to bench/boxes/results/boxes.jsonl and is not run again; the table beside it is
made from all lines. Nothing is downloaded: the encoder is the one in the wheel.
"""

import argparse
import io
import sys
from collections import defaultdict
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from bench.feature_views.detectors import rank
from bench.paper.results import Results, mean_and_deviation
from bench.peers.__main__ import machine
from bench.peers.tasks import Task
from examples.scenes import Scene, draw_scenes, list_classes
from models.encoders.encoder_loading import load_encoder
from models.paper.label_noise import add_uniform_noise
from models.reading.boxes.crop_region import CONTEXT, Box, choose_region

FOLDER = Path(__file__).with_name("results")
ENCODER = "efficientnet_lite0"
SCENES, RATE, EPOCHS, BATCH = 150, 0.1, 20, 64
CONTEXTS = (0.0, CONTEXT, 0.3, 0.5)
DETECTORS = {
    "LIMIT, probe and 30 neighbours": "**LIMIT, probe and 30 neighbours**",
    "LIMIT": "LIMIT",
    "probe": "probe",
    "30 neighbours": "30 neighbours",
}
"""The default first; by the names of `bench.feature_views`."""


def main(arguments: Sequence[str]) -> None:
    """Run what is missing, then write the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--seeds", nargs="+", type=int, default=[0, 1, 2])
    parser.add_argument("--contexts", nargs="+", type=float, default=list(CONTEXTS))
    options = parser.parse_args(arguments)
    torch.set_num_threads(1)
    results = Results(FOLDER / "boxes.jsonl")
    for seed in options.seeds:
        for context in options.contexts:
            key = {"seed": seed, "context": context, "settings": {"scenes": SCENES, "rate": RATE}}
            if results.get(key) is None:
                task = make_task(seed, context)
                scores, _ = rank(task, seed=seed, epochs=EPOCHS)
                found = {title: scores[name] for title, name in DETECTORS.items()}
                counts = {"boxes": len(task.given_N), "errors": int(task.is_error.sum())}
                results.add(key, {**counts, "scores": found, "machine": machine()})
    (FOLDER / "boxes.md").write_text(_tabulate(results))


def make_task(seed: int, context: float) -> Task:
    """Return the features of all boxes of scenes, a tenth of whose classes are wrong."""
    scenes, names = list(draw_scenes(SCENES, seed=1_000 + seed)), list_classes()
    true_N = np.array([names.index(thing.name) for scene in scenes for thing in scene.things])
    given_N, _ = add_uniform_noise(true_N, rate=RATE, class_count=len(names), seed=seed)
    encoder = load_encoder(ENCODER, None, "cpu")
    prepared = [encoder.prepare(crop) for scene in scenes for crop in _cut(scene, context)]
    features = [
        encoder.encode(torch.from_numpy(np.stack(prepared[start : start + BATCH]))).numpy()
        for start in range(0, len(prepared), BATCH)
    ]
    return Task(inputs=np.concatenate(features), given_N=given_N, true_N=true_N, class_count=len(names))


def _cut(scene: Scene, context: float) -> Iterator[Image.Image]:
    picture = Image.open(io.BytesIO(scene.jpeg))
    for thing in scene.things:
        yield picture.crop(choose_region(Box(*map(float, thing.box)), *picture.size, context=context))


def _tabulate(results: Results) -> str:
    """Return the mean and deviation over the seeds of each detector with each context."""
    groups: dict[tuple[str, float], list[dict[str, float]]] = defaultdict(list)
    for line in results.lines():
        for name, figures in line["scores"].items():
            groups[name, line["key"]["context"]].append(figures)
    rows = ["| ranking | context | ROC AUC | average precision | runs |", "|---" * 5 + "|"]
    for (name, context), runs in groups.items():
        cells = [
            f"{mean:.4f} ± {deviation or 0:.4f}"
            for figure in ("auroc", "ap")
            for mean, deviation in [mean_and_deviation([run[figure] for run in runs])]
        ]
        rows.append(f"| {name} | {context:.0%} | {' | '.join(cells)} | {len(runs)} |")
    return "\n".join(rows) + "\n"


if __name__ == "__main__":
    main(sys.argv[1:])
