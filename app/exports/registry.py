"""The list of exports, from which API routes, Python client, command line and web page are made.

The client imports this module, so it imports nothing of the server: it names writers by import path and loads
them at first use.
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
Group = Literal["corrected", "reports", "technical"]
GROUPS: dict[Group, str] = {
    "corrected": "Corrected dataset",
    "reports": "Report, tables and other tools",
    "technical": "Technical",
}
"""The parts of the pages' menu, in order."""


class Issues(StrEnum):
    """What to do with samples that an audit flags and nobody has reviewed."""

    KEEP = "keep"
    RELABEL = "relabel"
    DROP = "drop"


@dataclass(frozen=True, kw_only=True)
class Parameter:
    """A query parameter of an export's route and an option of its command."""

    name: str
    type: Any
    """A type annotation that FastAPI and Typer both accept."""
    default: object
    description: str
    minimum: int | None = None
    maximum: int | None = None
    option: str | None = None
    """The name of the command line's option, if it differs from the parameter's name."""


@dataclass(frozen=True, kw_only=True)
class ExportFile:
    """A file to download, as blocks of bytes that are written on demand."""

    name: str
    media_type: str
    blocks: Iterator[bytes]


class Write(Protocol):
    """Writes an export. It raises its errors before it yields the first block."""

    def __call__(self, source: Any, /, **parameters: Any) -> ExportFile:  # noqa: ANN401 - depends on the scope
        """Return the export of `Decisions` (scope dataset) or an `AuditSource` (scope audit)."""


@dataclass(frozen=True, kw_only=True)
class Export:
    """One export of a dataset after its review, or of an audit that has succeeded."""

    name: str
    """The last part of its address, and its name in the client."""
    scope: Scope
    title: str
    """Its entry in the menu of the audit page."""
    description: str
    """One sentence for the API document and the command's help."""
    media_types: tuple[str, ...]
    command: str
    """`limit-audit export COMMAND`."""
    flag: str | None = None
    """The option with which the command downloads this export instead of its first one."""
    write: str
    """`module:function` of a `Write`."""
    group: Group = "reports"
    """Its part of the pages' menu."""
    parameters: tuple[Parameter, ...] = ()
    """Its own parameters; the writer receives them as keyword arguments."""
    has_rehearsals: bool = False
    """Whether the page offers it for a rehearsal."""
    needs_annotators: bool = False
    """Whether the page offers it only for a dataset with labels of several annotators."""
    needs_encoder: bool = False
    """Whether the page offers it only for an audit that used an encoder's features."""
    needs_boxes: bool = False
    """Whether the page offers it only for a dataset whose samples are boxes."""

    @property
    def operation(self) -> str:
        """Return the name of its route function."""
        return f"export_{self.flag or self.command}".replace("-", "_")

    @property
    def all_parameters(self) -> tuple[Parameter, ...]:
        """Return its own parameters and those of its scope."""
        return (*self.parameters, *SCOPE_PARAMETERS[self.scope])

    def load_writer(self) -> Write:
        """Import the function that writes the export."""
        return cast("Write", pkgutil.resolve_name(self.write))


SCOPE_PARAMETERS: dict[Scope, tuple[Parameter, ...]] = {
    "dataset": (
        Parameter(
            name="audit_id",
            type=UUID | None,
            default=None,
            description="the audit whose unreviewed issues `issues` applies to",
            option="audit",
        ),
        Parameter(
            name="issues",
            type=Issues,
            default=Issues.KEEP,
            description="what to do with samples that the audit flags and nobody has reviewed",
        ),
        Parameter(
            name="confirmed",
            type=bool,
            default=False,
            description="relabel even if nobody knows how many labels that makes worse",
            option="yes",
        ),
    ),
    "audit": (),
}
"""The parameters of all exports of a scope; a dataset's decide what happens to unreviewed issues."""

EXPORTS = (
    Export(
        name="dataset",
        scope="dataset",
        title="Corrected dataset",
        description="Download the corrected dataset: final labels, no dropped samples, to upload again.",
        media_types=(BINARY, PARQUET, ZIP, CSV),
        command="dataset",
        write="app.exports.corrected_dataset:write_dataset",
        group="corrected",
        parameters=(
            Parameter(
                name="format",
                type=Literal["original", "npz"],
                default="original",
                description="original: the format of the upload; npz: the samples as training reads them",
            ),
        ),
    ),
    Export(
        name="report.html",
        scope="audit",
        title="Report, HTML",
        description="Download the report as one HTML file, which works offline.",
        media_types=(HTML,),
        command="report",
        write="app.exports.html_report:write_report",
        has_rehearsals=True,
    ),
    Export(
        name="record.zip",
        scope="audit",
        title="Record to verify, zip",
        description="Download the record: digests, counts, who decided what; `limit-audit verify` checks it.",
        media_types=(ZIP,),
        command="record",
        write="app.records.record_writer:write_record",
        group="technical",
    ),
    Export(
        name="labels.csv",
        scope="dataset",
        title="Corrected labels, CSV",
        description="Download the given and final label of every sample, with reviewer and time.",
        media_types=(CSV_WITH_HEADER,),
        command="labels",
        write="app.exports.label_tables:write_labels",
        group="corrected",
    ),
    Export(
        name="drops.csv",
        scope="dataset",
        title="Dropped samples, CSV",
        description="Download the list of dropped samples.",
        media_types=(CSV_WITH_HEADER,),
        command="drops",
        write="app.exports.label_tables:write_drops",
        group="corrected",
    ),
    Export(
        name="lineage.json",
        scope="dataset",
        title="Lineage, JSON",
        description="Download which version of what this is, and how its labels differ from the upload.",
        media_types=(JSON,),
        command="lineage",
        write="app.exports.label_tables:write_lineage",
        group="technical",
    ),
    Export(
        name="consensus.csv",
        scope="dataset",
        title="Consensus of annotators, CSV",
        description="Download the annotators' consensus of every sample, and where to ask again.",
        media_types=(CSV_WITH_HEADER,),
        command="consensus",
        write="app.exports.label_tables:write_consensus",
        needs_annotators=True,
    ),
    Export(
        name="annotators.csv",
        scope="dataset",
        title="Annotators, CSV",
        description="Download each annotator's quality with its interval.",
        media_types=(CSV_WITH_HEADER,),
        command="annotators",
        write="app.exports.label_tables:write_annotators",
        needs_annotators=True,
    ),
    Export(
        name="annotations.zip",
        scope="dataset",
        title="Corrected annotations of boxes, zip",
        description="Download the annotation files of boxes with the final classes, without the pictures.",
        media_types=(ZIP,),
        command="annotations",
        write="app.exports.listed_exports:write_annotations",
        group="corrected",
        needs_boxes=True,
    ),
    Export(
        name="error-sources.csv",
        scope="audit",
        title="Where errors come from, CSV",
        description="Download each value of your own columns with its share of wrong labels.",
        media_types=(CSV_WITH_HEADER,),
        command="error-sources",
        write="app.exports.label_tables:write_sources",
    ),
    Export(
        name="ranking-columns.csv",
        scope="audit",
        title="Ranking with your columns, CSV",
        description="Download the ranking with verdicts and your own columns.",
        media_types=(CSV_WITH_HEADER,),
        command="ranking-columns",
        write="app.exports.label_tables:write_ranked_columns",
    ),
    Export(
        name="label-studio.json",
        scope="audit",
        title="Label Studio tasks, JSON",
        description="Download Label Studio tasks: suggested labels as predictions, verdicts as annotations.",
        media_types=(JSON,),
        command="label-studio",
        write="app.exports.label_studio:write_tasks",
        parameters=(
            Parameter(
                name="pictures",
                type=Literal["embedded", "url"],
                default="embedded",
                description="embedded: images in the file; url: addresses of this service, which need a key",
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
        description="Download the labelling configuration for the Label Studio tasks.",
        media_types=(TEXT,),
        command="label-studio",
        flag="configuration",
        write="app.exports.label_studio:write_configuration",
    ),
    Export(
        name="cleanlab.npz",
        scope="audit",
        title="cleanlab arrays, npz",
        description="Download labels [N] and pred_probs [N, K] by position, for cleanlab.",
        media_types=(BINARY,),
        command="cleanlab",
        write="app.exports.cleanlab_arrays:write_arrays",
    ),
    Export(
        name="map",
        scope="audit",
        title="Map, CSV",
        description="Download the points of the map, with ranks, labels and verdicts.",
        media_types=(CSV_WITH_HEADER, PARQUET),
        command="map",
        write="app.exports.label_tables:write_map",
        group="technical",
        parameters=(
            Parameter(
                name="format", type=Literal["csv", "parquet"], default="csv", description="format of the file"
            ),
        ),
    ),
    Export(
        name="features.npy",
        scope="audit",
        title="Features, npy",
        description="Download the encoder's features [N, D] by position, float16.",
        media_types=(BINARY,),
        command="features",
        write="app.exports.encoder_features:write_features",
        group="technical",
        has_rehearsals=True,
        needs_encoder=True,
    ),
    Export(
        name="features.parquet",
        scope="audit",
        title="Features, Parquet",
        description="Download position, key and the encoder's features of every sample.",
        media_types=(PARQUET,),
        command="features",
        flag="parquet",
        write="app.exports.encoder_features:write_feature_table",
        group="technical",
        has_rehearsals=True,
        needs_encoder=True,
    ),
)
"""The command line keeps this order, and the page within each group."""
