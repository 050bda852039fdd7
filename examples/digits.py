"""`make demo`: audit scikit-learn's handwritten digits with wrong labels added to 20 % of the samples.

It uses the service like any client: upload over REST, poll, download.
"""

import argparse
import csv
import io
import time
import zipfile
from functools import partial
from pathlib import Path

import numpy as np
from PIL import Image
from sklearn.datasets import load_digits

from app.cli.output import describe_count, print_table, show_audit, show_dataset, show_progress_bar, stderr
from app.client import Audit, Client
from app.embedded.local_stack import LocalStack
from app.figures import matplotlib_drawer, paper_figures, review_figures
from app.figures.figure_data import Figure
from models.paper.label_noise import add_uniform_noise

NOISE_RATE = 0.2
NOISE_SEED = 1
MONTAGE_SIZE, MONTAGE_COLUMNS = 40, 10
COLUMNS = ("rank", "key", "given_label", "suggested_label", "suggested_confidence", "distance", "true_label")


def write_dataset(folder: Path) -> tuple[Path, Path]:
    """Write the digits as a class-folder zip with wrong labels, and their correct labels as a CSV."""
    digits = load_digits()
    given_labels, _ = add_uniform_noise(digits.target, rate=NOISE_RATE, class_count=10, seed=NOISE_SEED)
    archive, truth = folder / "digits.zip", folder / "truth.csv"
    with zipfile.ZipFile(archive, "w") as target, truth.open("w", newline="") as lines:
        table = csv.writer(lines)
        table.writerow(["key", "true_label"])
        for number, (pixels, label, true_label) in enumerate(
            zip(digits.images, given_labels, digits.target, strict=True)
        ):
            key = f"{label}/{number:04}.png"
            target.writestr(key, _encode_png(pixels))
            table.writerow([key, true_label])
    return archive, truth


def _encode_png(pixels: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray((pixels * 255 / 16).astype(np.uint8)).save(buffer, format="PNG")
    return buffer.getvalue()


def run_audit(client: Client, archive: Path, truth: Path) -> Audit:
    """Upload the dataset, attach the correct labels, and return the finished audit."""
    with show_progress_bar("upload") as bar:
        dataset = client.upload([archive], name="digits with 20 % wrong labels")
        bar.show(1.0, f"{archive.stat().st_size / 1e6:.1f} MB")
    with show_progress_bar("ingest") as bar:
        dataset.wait(on_answer=partial(show_dataset, bar))
    dataset.attach_truth(truth)
    with show_progress_bar("audit") as bar:
        return client.audit(dataset).wait(on_answer=partial(show_audit, bar))


def report(finished: Audit, folder: Path) -> None:
    """Download the ranking, print the results and draw them."""
    finished.download(folder / "ranking.csv")
    ranking, metrics = finished.suspects(), finished.metrics()
    suspects = ranking.first(MONTAGE_SIZE)
    print_table(suspects[:10], COLUMNS)
    figures: dict[str, Figure] = {
        "roc": paper_figures.make_roc(metrics),
        "distances": paper_figures.make_histogram(
            metrics["histogram"], title=paper_figures.DISTANCE_TITLE, quantity=paper_figures.DISTANCE
        ),
        "suspects": review_figures.make_suspect_montage(suspects, columns=MONTAGE_COLUMNS),
    }
    pictures = {suspect["image_url"]: ranking.image(suspect) for suspect in suspects if suspect["image_url"]}
    for name, figure in figures.items():
        (folder / f"{name}.png").write_bytes(matplotlib_drawer.draw(figure, "png", pictures))
    print(  # noqa: T201 - the demo's own output
        f"\n{metrics['error_count']} of {metrics['sample_count']} labels are wrong;"
        f" {describe_count(finished.summary)}"
        f" ROC AUC {metrics['roc_auc']:.4f},"
        f" precision at the noise rate {metrics['precision_at_noise_rate']:.4f}"
    )


def main() -> None:
    """Run the demo."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("demo"), help="folder for all output")
    folder = parser.parse_args().out.absolute()
    folder.mkdir(parents=True, exist_ok=True)
    start = time.monotonic()
    archive, truth = write_dataset(folder)
    with LocalStack(folder / "service", on_step=lambda step: stderr.print(f"start: {step}")) as stack:
        with Client(stack.url) as client:
            finished = run_audit(client, archive, truth)
            report(finished, folder)
        stderr.print("stop: the service")
    names = ("ranking.csv", "roc.png", "distances.png", "suspects.png", "digits.zip", "truth.csv")
    print(f"{time.monotonic() - start:.0f} seconds. In {folder}: {', '.join(names)}")  # noqa: T201
    print("Keep a service running with `make up`: its address shows the pages, docs/api.md the API.")  # noqa: T201


if __name__ == "__main__":
    main()
