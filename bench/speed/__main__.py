"""Measures how close the service is to the hardware's limit; prints a table and writes JSON.

    python -m bench.speed --data FOLDER                     # everything that takes a few minutes
    python -m bench.speed training million --data FOLDER    # parts of it
    python -m bench.speed training --device cuda --data FOLDER --works resnet34_cifar

FOLDER holds mnist/ and flowers5/.
"""

import argparse
import json
import os
import platform
import sys
import timeit
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import torch

from bench.speed import detection, growth, ingestion, million, stages, starts, training
from bench.speed.figures import Figure, table

RESULTS = Path(__file__).with_name("results.json")
Part = Callable[[argparse.Namespace], list[Figure]]

PARTS: Mapping[str, Part] = {
    "training": training.measured,
    "detection": detection.measured,
    "ingestion": ingestion.measured,
    "stages": stages.measured,
    "million": million.measured,
    "starts": starts.measured,
    "growth": growth.measured,
}


def machine() -> dict[str, object]:
    """Return what the figures depend on."""
    return {
        "cpu": torch.cpu.get_capabilities().get("cpu_name", platform.processor()),
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "gpu": torch.cuda.get_device_name() if torch.cuda.is_available() else None,
        "load_at_start": round(os.getloadavg()[0], 1),
        "python": platform.python_version(),
        "python_ms": round(1000 * min(timeit.repeat(_plain_work, number=1, repeat=5)), 1),
        "torch": str(torch.__version__),
    }


def _plain_work() -> None:
    """Do what Python does all day; how it was built matters to this as much as the machine does."""
    made: dict[str, tuple[int, list[int]]] = {}
    for number in range(100_000):
        made[str(number % 100)] = (number, [number])
    json.dumps(made)


def main(arguments: Sequence[str]) -> None:
    """Measure the parts that are named, or all."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("parts", nargs="*", choices=[*PARTS, []], help="default: all")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--works", nargs="+", choices=training.WORKS, default=["mnist_cnn", "mlp"])
    parser.add_argument("--rounds", type=int, default=5, help="turns, of which the median counts")
    parser.add_argument("--training-samples", type=int, help="of an epoch in `training`; default: by device")
    parser.add_argument("--compiled", action="store_true", help="the networks of `training`, `detection`")
    parser.add_argument("--goal", choices=detection.GOALS, help="of `detection`; default: by the device")
    parser.add_argument("--method", help="of `detection`; default: what is chosen")
    parser.add_argument("--detection-samples", type=int, help="of `detection`; default: all")
    parser.add_argument("--epochs", type=int, help="of `detection`; default: as many as are chosen")
    parser.add_argument("--samples", type=int, default=1_000_000, help="of the largest audit")
    parser.add_argument("--requests", type=int, default=60, help="of each client in `million`")
    parser.add_argument("--pictures", type=int, default=10_000, help="in the archive of `ingestion`")
    parser.add_argument("--photographs", type=int, default=1_000, help="in the archive of `ingestion`")
    parser.add_argument("--upload-mb", type=int, default=2_048, help="of the upload in `million`")
    parser.add_argument("--out", type=Path, default=RESULTS)
    options = parser.parse_args(arguments)
    found = json.loads(options.out.read_text()) if options.out.exists() else {}
    for name in options.parts or PARTS:
        described = machine()
        figures = PARTS[name](options)
        sys.stdout.write(f"{table(figures)}\n\n")
        sys.stdout.flush()
        found[f"{name}{' compiled' if options.compiled else ''}, {options.device}"] = {
            "machine": described,
            "figures": [figure.as_json() for figure in figures],
        }
        options.out.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main(sys.argv[1:])
