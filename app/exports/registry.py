"""Every export. API routes, Python client, command line and web page are made from this list.

The client reads it too, so this module imports nothing of the server: writers are named by their import
path and loaded when they are first used.
"""

import pkgutil
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Literal, Protocol, cast
from uuid import UUID

CSV, CSV_WITH_HEADER = "text/csv; charset=utf-8", "text/csv; charset=utf-8; header=present"
ZIP, PARQUET, BINARY = "application/zip", "application/vnd.apache.parquet", "application/octet-stream"
JSON, TEXT, HTML = "application/json", "text/plain", "text/html"
Scope = Literal["dataset", "audit"]


class Issues(StrEnum):
    """What happens to samples that an audit flags and nobody has reviewed."""

    KEEP = "keep"
    RELABEL = "relabel"
    DROP = "drop"


@dataclass(frozen=True, kw_only=True)
class Parameter:
    """A query parameter of an export's route and an option of its command."""

    name: str
    type: Any
    """Its annotation, one that FastAPI and Typer both understand."""
    default: object
    description: str
    minimum: int | None = None
    maximum: int | None = None
    option: str | None = None
    """The name of the command line's option, where it is not the parameter's own."""


@dataclass(frozen=True, kw_only=True)
class ExportFile:
    """A file on its way out, in blocks as it is written."""

    name: str
    media_type: str
    blocks: Iterator[bytes]


class Write(Protocol):
    """Writes an export. Whatever it has to refuse, it refuses before the first block."""

    def __call__(self, source: Any, /, **parameters: Any) -> ExportFile:  # noqa: ANN401 - the scope tells which
        """Return the export of a `Decisions` (scope dataset) or an `AuditSource` (scope audit)."""


@dataclass(frozen=True, kw_only=True)
class Export:
    """One export of a dataset after its review, or of an audit that has succeeded."""

    name: str
    """The last part of its address, and what the client asks for."""
    scope: Scope
    title: str
    """In the menu of the audit's page."""
    description: str
    """One sentence for the API's document and the command's help."""
    media_types: tuple[str, ...]
    command: str
    """`limit-audit export COMMAND`."""
    flag: str | None = None
    """The option by which a command of the same name downloads this export instead of its first one."""
    write: str
    """`module:function` of a `Write`."""
    parameters: tuple[Parameter, ...] = ()
    """Those of its own; they reach the writer as keyword arguments."""
    has_rehearsals: bool = False
    """Whether the page offers it for an audit of planted errors."""

    @property
    def operation(self) -> str:
        """Return the name of its path operation."""
        return f"export_{self.flag or self.command}".replace("-", "_")

    @property
    def all_parameters(self) -> tuple[Parameter, ...]:
        """Return its own parameters and those of its scope."""
        return (*self.parameters, *SCOPE_PARAMETERS[self.scope])

    def load_writer(self) -> Write:
        """Import the function that writes it."""
        return cast("Write", pkgutil.resolve_name(self.write))


SCOPE_PARAMETERS: dict[Scope, tuple[Parameter, ...]] = {
    "dataset": (
        Parameter(
            name="audit_id",
            type=UUID | None,
            default=None,
            description="the audit that `issues` refers to",
            option="audit",
        ),
        Parameter(
            name="issues",
            type=Issues,
            default=Issues.KEEP,
            description="what happens to the audit's issues that nobody has reviewed",
        ),
    ),
    "audit": (),
}
"""What every export of a scope takes: for a dataset, how samples that nobody has reviewed are decided."""

EXPORTS = (
    Export(
        name="report.html",
        scope="audit",
        title="Report, HTML",
        description="Download a report as one file that can be mailed: it opens from disk and loads nothing.",
        media_types=(HTML,),
        command="report",
        write="app.exports.html_report:write_report",
        has_rehearsals=True,
    ),
    Export(
        name="labels.csv",
        scope="dataset",
        title="Corrected labels, CSV",
        description="Download every sample's given and final label, with who decided it and when.",
        media_types=(CSV_WITH_HEADER,),
        command="labels",
        write="app.exports.label_tables:write_labels",
    ),
    Export(
        name="drops.csv",
        scope="dataset",
        title="Dropped samples, CSV",
        description="Download the list of dropped samples.",
        media_types=(CSV_WITH_HEADER,),
        command="drops",
        write="app.exports.label_tables:write_drops",
    ),
    Export(
        name="dataset",
        scope="dataset",
        title="Cleaned dataset",
        description="Download the cleaned dataset: final labels, no dropped samples, ready for a new upload.",
        media_types=(BINARY, PARQUET, ZIP, CSV),
        command="dataset",
        write="app.exports.cleaned_dataset:write_dataset",
        parameters=(
            Parameter(
                name="format",
                type=Literal["original", "npz"],
                default="original",
                description="the format of the upload, or an npz of the samples as training sees them",
            ),
        ),
    ),
    Export(
        name="label-studio.json",
        scope="audit",
        title="Label Studio tasks, JSON",
        description="Download Label Studio's tasks: suggested labels are predictions, verdicts annotations.",
        media_types=(JSON,),
        command="label-studio",
        write="app.exports.label_studio:write_tasks",
        parameters=(
            Parameter(
                name="pictures",
                type=Literal["embedded", "url"],
                default="embedded",
                description="inside the file, or as addresses of this service, which ask for a key",
            ),
            Parameter(
                name="limit",
                type=int,
                default=1000,
                minimum=1,
                maximum=100_000,
                description="number of samples, the most suspicious first",
            ),
        ),
    ),
    Export(
        name="label-studio.xml",
        scope="audit",
        title="Label Studio view, XML",
        description="Download the labelling configuration that the tasks belong to.",
        media_types=(TEXT,),
        command="label-studio",
        flag="configuration",
        write="app.exports.label_studio:write_configuration",
    ),
    Export(
        name="cleanlab.npz",
        scope="audit",
        title="cleanlab arrays, npz",
        description="Download labels [N] and pred_probs [N, K] in order of position.",
        media_types=(BINARY,),
        command="cleanlab",
        write="app.exports.cleanlab_arrays:write_arrays",
    ),
)
"""In the order in which the page and the command line list them."""
