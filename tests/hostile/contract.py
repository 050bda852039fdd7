"""The service against its own OpenAPI document: requests made from it, and every answer checked."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import schemathesis
from schemathesis.config import SchemathesisConfig
from schemathesis.engine import Status, events, from_schema
from schemathesis.engine.recorder import ScenarioRecorder

from app.datasets.tus_protocol import MEDIA_TYPE
from tests import patience

PHASES = ("examples", "coverage", "fuzzing", "stateful")
REAL = 0.7
"""How often an id in a path is one of an object that exists."""
REQUEST_SECONDS = patience.scale(30)
Ids = Mapping[str, Sequence[str]]


@dataclass
class Examined:
    """What came of a run."""

    statuses: dict[str, Counter[int]] = field(default_factory=dict)
    """By operation: how many requests were answered with each status."""
    failures: list[str] = field(default_factory=list)

    @property
    def requests(self) -> int:
        """Return how many requests were sent."""
        return sum(counted.total() for counted in self.statuses.values())

    @property
    def succeeded(self) -> int:
        """Return how many of them were answered with success."""
        return sum(
            count
            for counted in self.statuses.values()
            for status, count in counted.items()
            if 200 <= status < 300
        )

    def note(self, recorder: ScenarioRecorder) -> None:
        """Take over what a scenario has recorded."""
        for identifier, node in recorder.cases.items():
            answer = recorder.find_response(case_id=identifier)
            counted = self.statuses.setdefault(node.value.operation.label, Counter())
            counted[answer.status_code if answer else 0] += 1
        for identifier, checks in recorder.checks.items():
            for check in checks:
                if check.status == Status.FAILURE:
                    self.failures.append(_sentence(recorder, identifier, check))


def _sentence(recorder: ScenarioRecorder, identifier: str, check: Any) -> str:  # noqa: ANN401 - its own type
    label = recorder.cases[identifier].value.operation.label
    found = check.failure_info
    return f"{label}: {check.name}: {found.failure.title}. {found.failure.message}\n{found.code_sample}"


def examine(
    url: str,
    *,
    ids: Ids,
    key: str | None = None,
    has_keys: bool = False,
    examples: int,
    phases: Sequence[str] = PHASES,
    seed: int = 0,
) -> Examined:
    """Send generated requests to the service at an address.

    Args:
        url: where it answers.
        ids: by path parameter, ids of objects that exist; the other part of the ids is made up.
        key: sent with every request, save where a check leaves it out or forges it.
        has_keys: whether the service asks for keys.
        examples: most requests of each operation and kind, where they are drawn at random.
        phases: which of the generators work.
        seed: of the generators.

    """
    settings = _settings(ids, key, has_keys=has_keys, examples=examples, phases=phases, seed=seed)
    schema = schemathesis.openapi.from_url(
        f"{url}/openapi.json", config=SchemathesisConfig.from_dict(settings), timeout=REQUEST_SECONDS
    )
    found = Examined()
    for event in from_schema(schema).execute():
        if isinstance(event, events.ScenarioFinished):
            found.note(event.recorder)
        elif isinstance(event, events.NonFatalError):
            found.failures.append(f"{event.label}: {event.value!r}")
        elif isinstance(event, events.FatalError):
            found.failures.append(f"{event.exception!r}")
    return found


def _settings(
    ids: Ids, key: str | None, *, has_keys: bool, examples: int, phases: Sequence[str], seed: int
) -> dict[str, Any]:
    return {
        "seed": seed,
        "continue-on-failure": True,
        "request-timeout": REQUEST_SECONDS,
        "headers": {} if key is None else {"Authorization": f"Bearer {key}"},
        "dictionaries": {name: {"values": [*values]} for name, values in ids.items()},
        "parameters": {f"path.{name}": {"dictionary": name, "probability": REAL} for name in ids},
        "generation": {
            "max-examples": examples,
            "no-shrink": True,
            "database": "none",
            "deterministic": True,
            # Where no key is asked for, a forged one is no reason to refuse anybody.
            "with-security-parameters": has_keys,
        },
        "phases": {name: {"enabled": name in phases} for name in PHASES},
        "operations": [
            {
                "include-path": "/login",
                # Its GET is a page for people, and pages are no part of the document.
                "checks": {
                    "unsupported_method": {"enabled": False},
                    "allow_header_conformance": {"enabled": False},
                },
            }
        ],
        "checks": {
            "ignored_auth": {"enabled": has_keys},
            # No schema can say that a class must be one of the dataset's, a cursor one that was given out, or
            # which fields of a configuration go together: 422 says it then. 400, 410, 412 and 415 likewise
            # answer what depends on the object's state, on other headers or on the body's own content.
            "positive_data_acceptance": {
                "expected-statuses": ["2xx", "3xx", 400, 401, 403, 404, 409, 410, 412, 415, 422, 429]
            },
            # tus 1.0 wants 412 where its version is not named.
            "missing_required_header": {"expected-statuses": [400, 401, 403, 406, 412, 415, 422]},
            "negative_data_rejection": {
                "expected-statuses": [400, 401, 403, 404, 405, 406, 409, 410, 412, 413, 415, 422, 428, 429]
            },
        },
    }


@schemathesis.serializer(MEDIA_TYPE)
def as_bytes(_: schemathesis.SerializationContext, value: Any) -> bytes:  # noqa: ANN401 - whatever was made
    """Send what was generated for a part of an upload as it is."""
    return value if isinstance(value, bytes) else str(value).encode(errors="replace")
