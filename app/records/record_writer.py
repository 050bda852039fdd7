"""The record of an audit as a file: its document, the same as a page for people, and their digests."""

from collections.abc import Mapping

from jinja2 import Environment, PackageLoader, StrictUndefined

from app.exports.audit_source import AuditSource
from app.exports.registry import ZIP, ExportFile
from app.gate.gate_rules import format_share
from app.infra.errors import WrongState
from app.records.record_bundle import write_bundle
from app.records.record_document import make_document
from app.records.record_signatures import BadKey
from app.tables import Json

environment = Environment(
    loader=PackageLoader("app.records", "templates"),
    undefined=StrictUndefined,
    autoescape=True,
    trim_blocks=True,
    lstrip_blocks=True,
)
environment.filters["percent"] = format_share


def write_record(source: AuditSource) -> ExportFile:
    """Write the record of an audit."""
    return write_stated_record(source, {})


def write_stated_record(source: AuditSource, statements: Mapping[str, str]) -> ExportFile:
    """Write the record of an audit with what the operator states.

    Raises:
        Invalid: the audit is a rehearsal, or a statement is for no known field.
        WrongState: the operator's key cannot be used.

    """
    document = make_document(source, statements)
    try:
        content = write_bundle(document, _render(document), source.signing_key)
    except BadKey as error:
        raise WrongState(f"the record cannot be signed: LIMIT_AUDIT_RECORD_SIGNING_KEY: {error}") from error
    return ExportFile(name=f"{source.audit.name}-record.zip", media_type=ZIP, blocks=iter([content]))


def _render(document: Json) -> str:
    return environment.get_template("record.html").render(record=document)
