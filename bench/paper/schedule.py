"""Executes the runs of an experiment with a progress bar; finished runs are skipped."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from torch import Tensor

from bench.paper.images import Images
from bench.paper.results import Results
from bench.paper.rows import CE, Row, Settings
from bench.paper.runs import Setup, key, run


@dataclass(frozen=True, kw_only=True)
class Plan:
    """The runs of an experiment: every row in every setup."""

    setups: Sequence[Setup]
    rows: Sequence[Row]
    searches: bool
    """Whether the whole grid of a row is tried, or its first setting alone."""

    def runs(self) -> Iterator[tuple[Setup, Row, Settings]]:
        """Yield every run, those of a setup after each other, so that they share their parent."""
        for setup in self.setups:
            for row in self.rows:
                for settings in row.grid if self.searches else row.grid[:1]:
                    yield setup, row, settings


def work_through(plan: Plan, results: Results, *, images: Images, device: str) -> None:
    """Train what is not finished yet."""
    parents = _Parents(images, device)
    runs = list(plan.runs())
    columns = (
        TextColumn("{task.description:<40}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*columns) as progress:
        whole = progress.add_task("runs", total=len(runs))
        for setup, row, settings in runs:
            name = key(setup, row, settings)
            if results.get(name) is None:
                title = f"{row.name}, {setup.noise} {setup.rate:g}, split {setup.split}"
                bar = progress.add_task(title, total=setup.epochs)
                trained = run(
                    setup,
                    row,
                    settings,
                    images=images,
                    device=device,
                    parent=parents.of(setup) if row.starts_from_ce else None,
                    on_epoch=lambda epoch, bar=bar: progress.update(bar, completed=epoch),  # type: ignore[misc]
                )
                progress.remove_task(bar)
                results.add(name, trained.figures)
                if row.name == CE.name:
                    parents.keep(setup, trained.model_state)
            progress.advance(whole)


class _Parents:
    """The best CE model of the setup that is being worked on; trained again where it was finished before."""

    def __init__(self, images: Images, device: str) -> None:
        self._images, self._device = images, device
        self._setup: Setup | None = None
        self._state: Mapping[str, Tensor] = {}

    def keep(self, setup: Setup, state: Mapping[str, Tensor]) -> None:
        self._setup, self._state = setup, state

    def of(self, setup: Setup) -> Mapping[str, Tensor]:
        if setup != self._setup:
            plain = replace(setup, has_curves=False)
            trained = run(
                plain, CE, {}, images=self._images, device=self._device, parent=None, on_epoch=lambda _: None
            )
            self.keep(setup, trained.model_state)
        return self._state
