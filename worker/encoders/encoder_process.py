"""List, fetch, add and check the encoders of this host: `limit-audit encoders` starts it and shows its JSON.

It prints one document: `{"encoders": [...]}`, or `{"error": "..."}` with exit code 1.
"""

import argparse
import json
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict
from pathlib import Path
from time import perf_counter
from typing import Any

from models.catalogue.encoders import EncoderFacts, UnusableEncoder
from models.encoders.encoder_adding import (
    PICTURE_OPTIONS,
    TEXT_OPTIONS,
    add_encoder,
    check_encoder,
    fetch_encoder,
)
from models.encoders.encoder_loading import AnyEncoder, EncoderState, list_encoders, load_encoder
from models.encoders.weight_files import name_files

Row = dict[str, Any]
UNKNOWN_RATES: Row = {"pictures_per_second": None, "texts_per_second": None}
"""The rates of an encoder are one of these."""
TIMED, ROUNDS = 32, 3
"""Samples of a timed forward pass, and how often it is timed: the fastest counts, as others use the host."""


def main(arguments: Sequence[str]) -> int:
    """Run one command and print its document; return the exit code."""
    options = _parse(arguments)
    command: Callable[[argparse.Namespace], list[Row]] = options.command
    try:
        document: Row = {"encoders": command(options)}
    except (UnusableEncoder, OSError) as error:
        document = {"error": str(error)}
    json.dump(document, sys.stdout)
    return 1 if "error" in document else 0


def _list(options: argparse.Namespace) -> list[Row]:
    return [_describe(state) for state in list_encoders(options.folder)]


def _fetch(options: argparse.Namespace) -> list[Row]:
    return [_describe_added(fetch_encoder(options.name, options.folder), options.folder)]


def _add(options: argparse.Namespace) -> list[Row]:
    asked = {name: getattr(options, name) for name in (*PICTURE_OPTIONS, *TEXT_OPTIONS, "licence")}
    facts = add_encoder(options.file, options.folder, name=options.name, asked=asked)
    return [_describe_added(facts, options.folder)]


def _check(options: argparse.Namespace) -> list[Row]:
    if options.name is not None:
        return [_measure(load_encoder(options.name, options.folder, options.device))]
    return list(_check_all(options.folder, options.device))


def _check_all(folder: Path, device: str) -> Iterator[Row]:
    """Yield a row for each encoder whose weights are on this host."""
    for state in list_encoders(folder):
        if state.weights is None:
            continue
        try:
            yield _measure(load_encoder(state.facts.name, folder, device))
        except UnusableEncoder as error:
            facts = state.facts
            yield {"name": facts.name, "takes": facts.takes, "problem": str(error), **UNKNOWN_RATES}


def _measure(encoder: AnyEncoder) -> Row:
    """Return an encoder's digest and rate; UnusableEncoder if its features are not what they should be."""
    check_encoder(encoder)
    batch = encoder.stack([encoder.prepare(sample) for sample in encoder.make_examples(TIMED)])
    seconds = [_time(lambda: encoder.encode(batch)) for _ in range(ROUNDS)]
    return {
        "name": encoder.name,
        "takes": encoder.takes,
        "problem": None,
        **UNKNOWN_RATES,
        f"{encoder.takes}_per_second": TIMED / min(seconds),
        "weights_sha256": encoder.weights_sha256,
        "sha256": encoder.sha256,
    }


def _time(function: Callable[[], object]) -> float:
    began = perf_counter()
    function()
    return perf_counter() - began


def _describe(state: EncoderState) -> Row:
    facts = state.facts
    stated = asdict(facts)
    return {
        "name": facts.name,
        "takes": facts.takes,
        "library": facts.library,
        "features": facts.width,
        "side": stated.get("side"),
        "length": stated.get("length"),
        "licence": facts.licence,
        "source": facts.source,
        "weights": None if state.weights is None else str(state.weights),
        "expected_files": name_files(facts),
        "pinned_sha256": facts.weights_sha256,
        "problem": state.problem,
    }


def _describe_added(facts: EncoderFacts, folder: Path) -> Row:
    return _describe(EncoderState(facts=facts, weights=folder / str(facts.file), problem=None))


def _parse(arguments: Sequence[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, required=True)
    commands = parser.add_subparsers(required=True)
    commands.add_parser("list").set_defaults(command=_list)
    fetching = commands.add_parser("fetch")
    fetching.set_defaults(command=_fetch)
    fetching.add_argument("name")
    adding = commands.add_parser("add")
    adding.set_defaults(command=_add)
    adding.add_argument("file", type=Path)
    adding.add_argument("--name")
    adding.add_argument("--side", type=int)
    adding.add_argument("--mean", type=float, nargs=3)
    adding.add_argument("--std", type=float, nargs=3)
    adding.add_argument("--tokenizer", type=Path)
    adding.add_argument("--length", type=int)
    adding.add_argument("--licence")
    checking = commands.add_parser("check")
    checking.set_defaults(command=_check)
    checking.add_argument("name", nargs="?")
    checking.add_argument("--device", default="cpu")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
