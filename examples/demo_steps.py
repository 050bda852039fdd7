"""The steps of a demo: a service of its own, one dataset with planted errors, its audit, its figures."""

import argparse
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

from app.cli.output import print_table, show_audit, show_dataset, show_progress_bar, stderr
from app.client import Audit, Client
from app.embedded.local_stack import LocalStack
from app.figures import matplotlib_drawer, paper_figures, review_figures
from app.figures.figure_data import Figure
from models.checks.count_words import describe_count

MONTAGE_SIZE, MONTAGE_COLUMNS = 40, 10
COLUMNS = ("rank", "key", "given_label", "suggested_label", "suggested_confidence", "distance", "true_label")
Write = Callable[[Path], tuple[Path, Path]]
"""Writes a dataset and its correct labels into a folder and returns both files."""


def run_audit(client: Client, archive: Path, truth: Path, *, name: str) -> Audit:
    """Upload the dataset, attach the correct labels, and return the finished audit."""
    with show_progress_bar("upload") as bar:
        dataset = client.upload([archive], name=name)
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
    has_pictures = any(suspect["image_url"] for suspect in suspects)
    figures: dict[str, Figure] = {
        "roc": paper_figures.make_roc(metrics),
        "distances": paper_figures.make_histogram(
            metrics["histogram"], title=paper_figures.DISTANCE_TITLE, quantity=paper_figures.DISTANCE
        ),
    }
    if has_pictures:
        figures["suspects"] = review_figures.make_suspect_montage(suspects, columns=MONTAGE_COLUMNS)
    pictures = {suspect["image_url"]: ranking.image(suspect) for suspect in suspects if suspect["image_url"]}
    for name, figure in figures.items():
        (folder / f"{name}.png").write_bytes(matplotlib_drawer.draw(figure, "png", pictures))
    print(  # noqa: T201 - the demo's own output
        f"\n{metrics['error_count']} of {metrics['sample_count']} labels are wrong."
        f" {describe_count(finished.summary)}"
        f" ROC AUC {metrics['roc_auc']:.4f},"
        f" precision at the noise rate {metrics['precision_at_noise_rate']:.4f}"
    )


def run(write_dataset: Write, *, description: str | None, name: str, folder: str) -> None:
    """Run a demo; `--out` names another folder for its output."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--out", type=Path, default=Path(folder), help="folder for all output")
    target = parser.parse_args().out.absolute()
    target.mkdir(parents=True, exist_ok=True)
    start = time.monotonic()
    archive, truth = write_dataset(target)
    with LocalStack(target / "service", on_step=lambda step: stderr.print(f"start: {step}")) as stack:
        with Client(stack.url) as client:
            report(run_audit(client, archive, truth, name=name), target)
        stderr.print("stop: the service")
    names = sorted(file.name for file in target.iterdir() if file.is_file())
    print(f"{time.monotonic() - start:.0f} seconds. In {target}: {', '.join(names)}")  # noqa: T201
    print("Keep a service running with `make up`: its address shows the pages, docs/api.md the API.")  # noqa: T201
