"""Texts of messages for people, by a template of the user, with the facts of an audit in it.

Values come from people, who choose names, so every value becomes one line without control characters, and the
format of the message decides what else is escaped. The template itself is the webhook's owner's.
"""

from collections.abc import Callable, Mapping
from string import Template

from app.infra.errors import Invalid
from app.infra.unseen_characters import UNSEEN
from app.tables import Audit, AuditStatus, MessageFormat
from app.webhooks import mail_addresses
from models.checks.count_words import describe_count

DEFAULT_TEMPLATE = "limit-audit: audit $audit of dataset $dataset: $status. $finding\n$link"
SUBJECT = "Audit $audit of $dataset: $status"
LONGEST_SUBJECT = 200
FIELDS = {
    "audit": "name of the audit",
    "dataset": "name of the dataset",
    "status": "succeeded, failed or cancelled",
    "finding": "how many labels are wrong and how sure that is, or that it cannot be told; or why it failed",
    "samples": "number of samples; empty unless the audit has succeeded",
    "link": "address of the audit's page",
    "finished_at": "when the audit ended, in UTC",
    "audit_id": "id of the audit",
    "dataset_id": "id of the dataset",
}
"""The names that a template may contain, and what they stand for."""
REHEARSAL = (
    "This was a rehearsal: it measures how many planted errors are found, and counts no wrong labels of the"
    " upload."
)


def choose_format(url: str, wanted: str | None) -> MessageFormat:
    """Return the format of a webhook's messages: by its URL, unless the user chose one.

    Raises:
        Invalid: e-mail to a URL of another kind, or something else to mailto:.

    """
    is_mail = mail_addresses.is_mail(url)
    if wanted is not None and is_mail != (wanted == MessageFormat.EMAIL):
        raise Invalid(
            f"format=email goes with a mailto: URL, and nothing else does; found {wanted} and {url!r}"
        )
    return MessageFormat(wanted or (MessageFormat.EMAIL if is_mail else MessageFormat.JSON))


def check_template(text: str) -> None:
    """Check the template of a message.

    Raises:
        Invalid: it names something that there is not, or a $ is not followed by a name.

    """
    template = Template(text)
    if not template.is_valid():
        raise Invalid("expected $name or ${name} in the template, and $$ for a dollar sign; found another $")
    unknown = sorted({*template.get_identifiers()} - FIELDS.keys())
    if unknown:
        found = ", ".join(f"${name}" for name in unknown)
        raise Invalid(f"the template names {found}; there are {', '.join(f'${name}' for name in FIELDS)}")


def write_text(template: str | None, values: Mapping[str, str], message_format: str) -> str:
    """Return the text of a message.

    Args:
        template: as `check_template` accepts it; None: the usual one.
        values: a text for each of FIELDS.
        message_format: decides what is escaped in the values.

    """
    escape = ESCAPES.get(message_format, str)
    filled = {name: value if name == "link" else escape(value) for name, value in values.items()}
    return Template(template or DEFAULT_TEMPLATE).substitute(filled).strip()


def describe_values(audit: Audit, dataset_name: str, base_url: str | None) -> dict[str, str]:
    """Return the value of every name of a template, for an audit that has ended."""
    values = {
        "audit": audit.name,
        "dataset": dataset_name,
        "status": audit.status,
        "finding": _describe_finding(audit),
        "samples": f"{audit.summary['sample_count']:,}" if audit.summary else "",
        "link": "" if base_url is None else f"{base_url}/audits/{audit.id}",
        "finished_at": "" if audit.finished_at is None else f"{audit.finished_at:%Y-%m-%d %H:%M} UTC",
        "audit_id": audit.id,
        "dataset_id": audit.dataset_id,
    }
    return {name: make_one_line(value) for name, value in values.items()}


def describe_test_values(base_url: str | None) -> dict[str, str]:
    """Return for a test message every name in brackets: it must not look like a finding."""
    return {name: f"[{name}]" for name in FIELDS} | ({"link": base_url} if base_url else {})


def write_message(
    template: str | None, values: Mapping[str, str], message_format: str, *, heading: str = ""
) -> dict[str, str]:
    """Return the body of a message for people: its text, and the subject of an e-mail."""
    text = "\n".join(filter(None, (heading, write_text(template, values, message_format))))
    if message_format != MessageFormat.EMAIL:
        return {"text": text}
    return {"subject": Template(SUBJECT).substitute(values)[:LONGEST_SUBJECT], "text": text}


def make_one_line(value: object) -> str:
    """Return a value as one line of visible characters."""
    return " ".join(UNSEEN.sub(" ", str(value)).split())


def _describe_finding(audit: Audit) -> str:
    if audit.status != AuditStatus.SUCCEEDED:
        return str((audit.error or {}).get("detail", ""))
    return REHEARSAL if audit.is_rehearsal else describe_count(audit.summary or {})


def _escape_for_slack(text: str) -> str:
    """Escape a value so that it is no link, no mention and no command.

    `&`, `<` and `>` as Slack's documentation of incoming webhooks says. Mattermost and Rocket.Chat read
    @all and @channel in plain text: a zero-width space after the @ keeps a name from calling everybody.
    """
    escaped = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return escaped.replace("@", "@\u200b")


ESCAPES: dict[str, Callable[[str], str]] = {MessageFormat.SLACK: _escape_for_slack}
