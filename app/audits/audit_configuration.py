"""The requested configuration of an audit, parsed once from its stored document."""

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
    """How to plant known label errors in a copy of the labels."""

    noise: Literal["uniform", "pair", "confusion"] = "uniform"
    rate: float | None = None
    """Rate of uniform and pair noise; None: chosen from the number of samples."""
    mapping: Mapping[str, str] | None = None
    """For pair noise: class name to class name."""
    matrix: Sequence[Sequence[float]] | None = None
    """For confusion noise [K, K]: row i has the probabilities of the planted labels of class i."""
    seed: int = 0

    @classmethod
    def read(cls, stored: Json) -> Self:
        """Parse a stored rehearsal."""
        return cls(**_pick(stored, ("noise", "rate", "mapping", "matrix", "seed")))


@dataclass(frozen=True, kw_only=True)
class Compared:
    """One entry of `compare`: the fields in which its training differs."""

    training: TrainingRequest
    initialise: Literal["none", "ce"] | None = None


@dataclass(frozen=True, kw_only=True)
class AuditConfiguration:
    """The trainings of an audit, and their device."""

    document: Json
    """The stored document, also used in answers."""
    training: TrainingRequest
    """The fields shared by all trainings."""
    initialise: Literal["none", "ce"] = "none"
    """"ce": the classifier starts from a cross-entropy run of the same audit."""
    seed: int = 0
    repeats: int = 1
    """Runs of each variant, with different seeds."""
    search: Literal["paper"] | Grid | None = None
    compare: tuple[Compared, ...] = ()
    """Empty: nothing is compared."""
    device: Device | None = None
    """None: the setting of the service."""
    device_memory_gb: float | None = None
    """Least memory of the device, in 10^9 bytes."""
    rehearsal: Rehearsal | None = None

    @classmethod
    def read(cls, stored: Json) -> Self:
        """Parse a stored configuration.

        A document can be older than this version: missing fields get defaults, unknown fields are ignored.
        """
        simple_fields = _pick(stored, ("initialise", "seed", "repeats", "device", "device_memory_gb"))
        rehearsal = stored.get("rehearsal")
        return cls(
            document=stored,
            training=TrainingRequest.read(stored),
            search=_read_search(stored.get("search")),
            compare=tuple(_read_compared(each) for each in stored.get("compare") or ()),
            rehearsal=None if rehearsal is None else Rehearsal.read(rehearsal),
            **simple_fields,
        )

    @property
    def is_external(self) -> bool:
        """Whether the audit ranks by attached probabilities."""
        methods = (self.training.method, *(each.training.method for each in self.compare))
        return EXTERNAL.name in methods


def _pick(stored: Json, names: Sequence[str]) -> dict[str, Any]:
    """Return the values of these names that are set in a document."""
    return {name: stored[name] for name in names if stored.get(name) is not None}


def _read_search(stored: Any) -> Literal["paper"] | Grid | None:  # noqa: ANN401 - a JSON value
    if stored is None or stored == "paper":
        return stored  # type: ignore[no-any-return]  # one of the two
    return _pick(stored, SEARCHED_FIELDS)


def _read_compared(stored: Json | str) -> Compared:
    if isinstance(stored, str):
        return Compared(training=TrainingRequest(method=stored))
    return Compared(training=TrainingRequest.read(stored), initialise=stored.get("initialise"))
