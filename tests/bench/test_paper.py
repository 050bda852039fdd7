"""bench/paper from its command line: small runs that resume, and say what was scaled, beside the paper's."""

import gzip
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from torch import nn

from bench.paper import runs, schedule, statistics
from bench.paper.__main__ import main
from bench.paper.images import Images, noisy_samples
from bench.paper.results import best_of_search, mean_and_deviation
from bench.paper.rows import FIGURE_1, TABLE_1, TABLE_2, with_grid
from bench.paper.tables import PUBLISHED
from models.catalogue.methods import get_paper_grid
from models.networks.architectures import NetworkShape, build

SMALL = ["--n", "60", "--validation", "40", "--epochs", "2", "--splits", "2", "--device", "cpu"]


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Write MNIST's four files with 300 made digits: a bar whose height tells the class."""
    folder = tmp_path / "data" / "mnist"
    folder.mkdir(parents=True)
    labels = np.arange(300, dtype=np.uint8) % 10
    images = np.zeros((300, 28, 28), dtype=np.uint8)
    for image, label in zip(images, labels, strict=True):
        image[: 2 + 2 * label, 8:20] = 255
    for prefix in ("train", "t10k"):
        for name, content, head in (("images-idx3", images, 16), ("labels-idx1", labels, 8)):
            path = folder / f"{prefix}-{name}-ubyte.gz"
            path.write_bytes(gzip.compress(bytes(head) + content.tobytes(), compresslevel=1))
    return tmp_path / "data"


def lines(results: Path, name: str) -> list[dict]:  # type: ignore[type-arg]
    return [json.loads(line) for line in (results / f"{name}.jsonl").read_text().splitlines()]


def test_a_table_is_trained_once_and_stands_beside_the_papers(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    command = [
        "table1", "--data", str(data), "--results", str(tmp_path), "--noise", "0.5", *SMALL,
        "--methods", "CE", "FW", "LIMIT_L - S",
    ]  # fmt: skip
    main(command)
    printed = capsys.readouterr().out
    found = lines(tmp_path, "table1")
    assert [(line["key"]["row"], line["key"]["split"]) for line in found] == [
        ("CE", 0), ("FW", 0), ("LIMIT_L - S", 0), ("CE", 1), ("FW", 1), ("LIMIT_L - S", 1),
    ]  # fmt: skip
    assert found[0]["config"]["seed"] == 0
    assert {"device", "torch", "numpy", "python", "threads"} <= set(found[0]["machine"])
    mean, deviation = mean_and_deviation([found[0]["test_accuracy"], found[3]["test_accuracy"]])
    assert f"| CE | {mean:.1f} ± {deviation:.1f} (-) |" in printed
    for sentence in (
        "2 epochs instead of 400",
        "2 splits instead of 5",
        "40 validation samples",
        "one setting",
    ):
        assert f"scaled: {sentence}" in printed

    monkeypatch.setattr(schedule, "run", None)  # nothing is trained again
    main(command)
    assert "| CE |" in capsys.readouterr().out
    assert len(lines(tmp_path, "table1")) == 6


def test_what_was_interrupted_goes_on_behind_the_last_finished_run(
    data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    command = ["table1", "--data", str(data), "--results", str(tmp_path), "--noise", "0.8", *SMALL]
    command += ["--methods", "MAE", "CE + GN"]
    begun: list[str] = []

    def run(*arguments: object, **named: object) -> runs.Trained:
        begun.append(arguments[1].name)  # type: ignore[attr-defined]
        if len(begun) == 3:
            raise KeyboardInterrupt
        return runs.run(*arguments, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(schedule, "run", run)
    with pytest.raises(KeyboardInterrupt):
        main(command)
    main(command)
    assert begun == ["MAE", "CE + GN", "MAE", "MAE", "CE + GN"]
    assert len(lines(tmp_path, "table1")) == 4


def test_a_search_shows_the_best_on_validation(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["table1", "--data", str(data), "--results", str(tmp_path), "--noise", "0.5", *SMALL]
    main([*command, "--methods", "LIMIT_G - S", "--grid", "beta=1,10", "--splits", "1"])
    found = lines(tmp_path, "table1")
    assert [line["key"]["settings"]["beta"] for line in found] == [1, 10]
    best = max(found, key=lambda line: line["validation_accuracy"])
    assert best_of_search(found) == [best]
    assert f"| LIMIT_G - S | {best['test_accuracy']:.1f} (-) |" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("figure", "method", "file"),
    [
        ("figure2", "MAE", "figure2.png"),
        ("figure3_mnist", "LIMIT_L - S", "figure3_mnist.png"),
        ("figure_a2_a3", "LIMIT_L - S", "figure_a2_a3.png"),
        ("figure1", "CE + dropout", "figure1.png"),
    ],
)
def test_figures_are_drawn_from_stored_runs(
    data: Path, tmp_path: Path, figure: str, method: str, file: str
) -> None:
    command = [figure, "--data", str(data), "--results", str(tmp_path), "--out", str(tmp_path), *SMALL]
    main([*command, "--splits", "1", "--methods", method])
    (line,) = lines(tmp_path, figure)
    assert [point["epoch"] for point in line["curve"]] == [1, 2]
    assert all(len(counts) == 60 for counts in line["histograms"]["distance"].values())
    per_class = [suspect["distance"] for suspect in line["suspects"] if suspect["given"] == 3]
    assert per_class == sorted(per_class, reverse=True)
    (tmp_path / file).unlink()
    main([*command, "--splits", "1", "--methods", method, "--print-only"])
    with Image.open(tmp_path / file) as image:
        assert min(image.size) > 300


def test_the_bound_is_drawn_without_data(tmp_path: Path) -> None:
    main(["figure_a0", "--out", str(tmp_path)])
    assert (tmp_path / "figure_a0.png").stat().st_size > 10_000


def test_splits_and_noise_are_what_their_seed_makes_them() -> None:
    images = Images(
        train=np.zeros((5000, 28, 28, 1), np.uint8),
        train_labels=np.arange(5000) % 10,
        test=np.zeros((10, 28, 28, 1), np.uint8),
        test_labels=np.arange(10),
    )
    first = noisy_samples(images, count=4000, noise_kind="pair", rate=0.4, seed=1)
    again = noisy_samples(images, count=4000, noise_kind="pair", rate=0.4, seed=1)
    other = noisy_samples(images, count=4000, noise_kind="pair", rate=0.4, seed=2)
    assert (first.given == again.given).all()
    assert not (first.index == other.index).all()
    true = images.train_labels[first.index]
    assert {(int(t), int(g)) for t, g in zip(true, first.given, strict=True) if t != g} == {
        (9, 1), (2, 0), (4, 7), (3, 5),
    }  # fmt: skip
    changes = first.is_error[np.isin(true, [9, 2, 4, 3])].mean()
    assert changes == pytest.approx(0.4, abs=4 * (0.4 * 0.6 / 1600) ** 0.5)


def test_rows_and_grids_are_the_papers() -> None:
    assert [row.name for row in TABLE_1] == list(PUBLISHED["table1"])
    assert [row.name for row in TABLE_2] == list(PUBLISHED["table2"])
    for row in TABLE_1:
        expected = get_paper_grid(row.method, samples=False)
        for field, values in expected.items():
            assert sorted({settings[field] for settings in row.grid}) == sorted(values), row.name  # type: ignore[type-var]
    assert {row.method for row in FIGURE_1} == {"ce", "limit_l"}
    searched = with_grid(TABLE_1[-1], {"beta": (1.0, 30.0), "noise_std": (1.0,)})
    assert searched.grid == ({"beta": 1.0}, {"beta": 30.0})


def test_warm_statistics_are_those_of_random_inputs() -> None:
    # Seven passes before the first normalisation's, as the authors' code makes them; momentum 0.1 each.
    network = build("mnist_cnn", NetworkShape(channels=1, class_count=10, is_predictor=False), seed=0)
    runs.warm_up(network, (28, 28, 1), seed=0)
    passes = [
        int(module.num_batches_tracked)
        for module in network.modules()
        if isinstance(module, nn.BatchNorm2d) and module.num_batches_tracked is not None
    ]
    assert passes == [7, 6, 5, 4]


def test_warming_is_part_of_what_identifies_a_run(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["table1", "--data", str(data), "--results", str(tmp_path), "--noise", "0.5", *SMALL]
    command += ["--splits", "1", "--methods", "CE", "--test", "50"]
    main(command)
    main([*command, "--warmed"])
    cold, warm = lines(tmp_path, "table1")
    assert "warmed" not in cold["key"]
    assert warm["key"]["warmed"]
    assert cold["validation_accuracy"] != warm["validation_accuracy"]
    assert "batch statistics begin with those of random inputs" in capsys.readouterr().out


def test_the_authors_draws_are_of_the_asked_rate() -> None:
    images = Images(
        train=np.zeros((60_000, 28, 28, 1), np.uint8),
        train_labels=np.arange(60_000) % 10,
        test=np.zeros((10, 28, 28, 1), np.uint8),
        test_labels=np.arange(10),
    )
    index, given = statistics.authors_draw(images, 42)
    assert len(set(index)) == 1000
    changed = (given != images.train_labels[index]).mean()
    assert changed == pytest.approx(0.5, abs=4 * (0.25 / 1000) ** 0.5)
