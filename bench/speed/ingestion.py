"""Compares ingestion of an archive with plain decoding of the same bytes on as many threads."""

import argparse
import io
import os
import shutil
import subprocess
import sys
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from PIL import Image

from bench.peers.data import mnist
from bench.speed import made
from bench.speed.figures import Figure, in_turns, middle, ratio
from worker.ingest.pack_building import IngestLimits, IngestOptions, build_pack

SIDE = 64
CHUNK = 64
INGEST_ALONE = """
import os
import sys
from pathlib import Path
from bench.speed.ingestion import ingest
from bench.speed.processes import highest_memory_mb
before = highest_memory_mb(os.getpid())
ingest(Path(sys.argv[1]), Path(sys.argv[2]))
print(highest_memory_mb(os.getpid()) - before)
"""


def measured(options: argparse.Namespace) -> list[Figure]:
    """Ingest small PNGs and photographs; see what memory archives of two sizes take."""
    with made.scratch() as folder:
        archives = {f"{options.pictures:,} PNG of 28x28": digits_zip(options.data, folder, options.pictures)}
        flowers = options.data / "flowers5/flowers5.zip"
        if flowers.exists():
            archives["photographs to 64x64"] = _some_of(flowers, folder / "flowers.zip", options.photographs)
        figures = [_compared(name, path, folder, options.rounds) for name, path in archives.items()]
        figures.append(_memory(options, folder))
    return figures


def digits_zip(data: Path, folder: Path, count: int) -> Path:
    """Write MNIST's first images as PNG in class folders."""
    digits = mnist(data)
    path = folder / f"digits-{count}.zip"
    with zipfile.ZipFile(path, "w") as archive:
        for number in range(count):
            source, buffer = number % len(digits.inputs), io.BytesIO()
            Image.fromarray(digits.inputs[source, ..., 0]).save(buffer, format="PNG")
            archive.writestr(f"{digits.labels_N[source]}/{number:07}.png", buffer.getvalue())
    return path


def _some_of(source: Path, target: Path, count: int) -> Path:
    """Copy pictures of an archive, evenly spread over its classes."""
    with zipfile.ZipFile(source) as every, zipfile.ZipFile(target, "w") as some:
        names = sorted(name for name in every.namelist() if name.endswith(".jpg"))
        for name in names[:: max(1, len(names) // count)]:
            some.writestr(name, every.read(name))
    return target


def ingest(archive: Path, destination: Path) -> None:
    """Build a pack as the service does."""
    shutil.rmtree(destination, ignore_errors=True)
    destination.mkdir()
    build_pack([archive], options=IngestOptions(), limits=IngestLimits(), destination=destination)


def _compared(name: str, archive: Path, folder: Path, rounds: int) -> Figure:
    is_photograph = "photographs" in name
    encoded = members(archive)
    ours, theirs = in_turns(
        rounds,
        lambda: ingest(archive, folder / "pack"),
        lambda: decode_by_hand(encoded, is_photograph=is_photograph),
    )
    return Figure(
        part="ingestion",
        name=name,
        value=len(encoded) / middle(ours).cpu,
        unit="images per CPU second",
        ratio=ratio(ours, theirs),
        against="bare decoding",
        bar=">= 0.7",
        limit="arithmetic: JPEG" if is_photograph else "Python: a few calls per picture",
        details={"wall_images_per_second": round(len(encoded) / middle(ours).wall)},
    )


def members(archive: Path) -> list[bytes]:
    """Return the encoded pictures of an archive."""
    with zipfile.ZipFile(archive) as opened:
        return [opened.read(member) for member in opened.infolist() if not member.is_dir()]


def decode_by_hand(encoded: list[bytes], *, is_photograph: bool = False) -> None:
    """Decode pictures with Pillow on every core, and keep nothing."""
    chunks = [encoded[start : start + CHUNK] for start in range(0, len(encoded), CHUNK)]
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        list(pool.map(lambda chunk: _decode(chunk, is_photograph=is_photograph), chunks))


def _decode(encoded: list[bytes], *, is_photograph: bool) -> None:
    for each in encoded:
        image: Image.Image = Image.open(io.BytesIO(each))
        if is_photograph:
            image = image.convert("RGB").resize((SIDE, SIDE), Image.Resampling.BILINEAR)
        np.asarray(image)


def _memory(options: argparse.Namespace, folder: Path) -> Figure:
    """Ingest two archives, one four times as large as the other, each in a process of its own."""
    peaks = []
    few, many = 4 * options.pictures, 16 * options.pictures
    for count in (few, many):
        archive = digits_zip(options.data, folder, count)
        command = [sys.executable, "-c", INGEST_ALONE, str(archive), str(folder / "alone")]
        ended = subprocess.run(command, capture_output=True, text=True, check=True)  # noqa: S603 - our own
        peaks.append(float(ended.stdout.splitlines()[-1]))
    return Figure(
        part="ingestion",
        name=f"memory of {many:,} pictures over {few:,}",
        value=peaks[1] - peaks[0],
        unit="MiB more",
        bar="bounded",
        details={
            "mb_above_the_start": [round(peak) for peak in peaks],
            "bytes_per_picture": round((peaks[1] - peaks[0]) * 2**20 / (many - few)),
        },
    )
