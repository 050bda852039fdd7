"""What an audit was asked for, read once from its stored document."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Self

from app.tables import Json
from models.catalogue.methods import EXTERNAL
from models.catalogue.training_request import SEARCHED_FIELDS, TrainingRequest

Device = Literal["any", "cpu", "gpu"]
Grid = Mapping[str, Sequence[float]]
"""Values to try by field."""


@dataclass(frozen=True, kw_only=True)
class Rehearsal:
    """How known label errors are planted in a copy of the labels."""

    noise: Literal["uniform", "pair", "confusion"] = "uniform"
    rate: float | None = None
    """Of uniform and pair noise; None: chosen from the number of samples."""
    mapping: Mapping[str, str] | None = None
    """Of pair noise: class name to class name."""
    matrix: Sequence[Sequence[float]] | None = None
    """Of confusion noise [K, K]: row i holds the probabilities of what class i becomes."""
    seed: int = 0

    @classmethod
    def read(cls, stored: Json) -> Self:
        """Return the rehearsal that a stored document holds."""
        return cls(**_pick(stored, ("noise", "rate", "mapping", "matrix", "seed")))


@dataclass(frozen=True, kw_only=True)
class Compared:
    """One of the trainings that are compared: what it has of its own."""

    training: TrainingRequest
    initialise: Literal["none", "ce"] | None = None


@dataclass(frozen=True, kw_only=True)
class AuditConfiguration:
    """What an audit trains, one training or several, and where."""

    document: Json
    """As it is stored and answered."""
    training: TrainingRequest
    """What all trainings share."""
    initialise: Literal["none", "ce"] = "none"
    """"ce": the classifier starts from a cross-entropy run of the same audit."""
    seed: int = 0
    repeats: int = 1
    """Trainings of each variant, with seeds of their own."""
    search: Literal["paper"] | Grid | None = None
    compare: tuple[Compared, ...] = ()
    """Empty: nothing is compared."""
    device: Device | None = None
    """None: as the service is set."""
    device_memory_gb: float | None = None
    """Least memory of the device, in 10^9 bytes."""
    rehearsal: Rehearsal | None = None

    @classmethod
    def read(cls, stored: Json) -> Self:
        """Return the configuration that a stored document holds.

        A document may be older than this version: what it lacks has its default, what is unknown is skipped.
        """
        plain = _pick(stored, ("initialise", "seed", "repeats", "device", "device_memory_gb"))
        rehearsal = stored.get("rehearsal")
        return cls(
            document=stored,
            training=TrainingRequest.read(stored),
            search=_read_search(stored.get("search")),
            compare=tuple(_read_compared(each) for each in stored.get("compare") or ()),
            rehearsal=None if rehearsal is None else Rehearsal.read(rehearsal),
            **plain,
        )

    @property
    def is_external(self) -> bool:
        """Whether attached probabilities are to be ranked."""
        named = (self.training.method, *(each.training.method for each in self.compare))
        return EXTERNAL.name in named


def _pick(stored: Json, names: Sequence[str]) -> dict[str, Any]:
    """Return the named values that a document has."""
    return {name: stored[name] for name in names if stored.get(name) is not None}


def _read_search(stored: Any) -> Literal["paper"] | Grid | None:  # noqa: ANN401 - a JSON value
    if stored is None or stored == "paper":
        return stored  # type: ignore[no-any-return]  # one of the two
    return _pick(stored, SEARCHED_FIELDS)


def _read_compared(stored: Json | str) -> Compared:
    if isinstance(stored, str):
        return Compared(training=TrainingRequest(method=stored))
    return Compared(training=TrainingRequest.read(stored), initialise=stored.get("initialise"))
