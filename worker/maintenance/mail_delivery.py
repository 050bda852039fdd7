"""Delivery of a message by e-mail, through the operator's server."""

import json
import smtplib
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from email import policy
from email.message import EmailMessage
from email.utils import format_datetime
from typing import Any

from app.infra.errors import Invalid
from app.infra.settings import Settings
from app.tables import Webhook, WebhookDelivery
from app.webhooks import mail_addresses

WHOLE_SECONDS = 20.0
"""An attempt ends before another worker may claim the message: `webhook_service.ATTEMPT_SECONDS`."""
ACCEPTED = 250
REFUSED = range(550, 560)
"""Replies of RFC 5321 that stay: no such mailbox, not allowed, too large. Others, also failed logins, are
tried again."""
FOOTER = (
    "-- \nThis address gets messages of limit-audit because it was entered there as webhook {id}."
    " To end them: limit-audit webhook delete {id}"
)


def send(settings: Settings, webhook: Webhook, delivery: WebhookDelivery) -> tuple[int | None, str | None]:
    """Send a message; return the server's reply code and, if it failed, the reason."""
    try:
        mail_addresses.check_recipient(webhook.url, settings)  # the operator may allow less by now
        message = write_mail(settings, webhook, delivery)
        with _open_server(settings) as server:
            server.send_message(message)
    except smtplib.SMTPRecipientsRefused as error:
        ((code, reply),) = error.recipients.values()
        return code, _describe_reply(code, reply)
    except smtplib.SMTPResponseException as error:
        return error.smtp_code, _describe_reply(error.smtp_code, error.smtp_error)
    except (smtplib.SMTPException, Invalid, OSError, ValueError) as error:
        return None, f"{type(error).__name__}: {error}"
    return ACCEPTED, None


def write_mail(settings: Settings, webhook: Webhook, delivery: WebhookDelivery) -> EmailMessage:
    """Return the message; every attempt has the same id, so that a repeat is recognised."""
    body = json.loads(delivery.body)
    sender = settings.smtp_sender or ""
    message = EmailMessage(policy=policy.SMTP)  # it refuses line breaks in headers
    message["From"], message["To"] = sender, mail_addresses.read_address(webhook.url)
    message["Subject"] = body["subject"]
    message["Date"] = format_datetime(delivery.created_at)
    message["Message-ID"] = f"<{delivery.id}@{_read_domain(sender)}>"
    message["Auto-Submitted"] = "auto-generated"  # RFC 3834: nobody's absence notice answers it
    message.set_content(f"{body['text']}\n\n{FOOTER.format(id=webhook.id)}\n")
    return message


@contextmanager
def _open_server(settings: Settings) -> Iterator[smtplib.SMTP]:
    """Connect, encrypted and logged in as the settings say, and end the conversation after WHOLE_SECONDS."""
    context = ssl.create_default_context()
    server = _connect(settings, context)
    try:
        if settings.smtp_security == "starttls":
            server.starttls(context=context)
        if settings.smtp_user is not None:
            server.login(settings.smtp_user, settings.smtp_password or "")
        yield server
        with suppress(smtplib.SMTPException, OSError):
            server.quit()  # the message is accepted, whatever the server says now
    finally:
        server.close()


class _Timed(smtplib.SMTP):
    """A conversation that ends after WHOLE_SECONDS, counted from before the connection."""

    _deadline: threading.Timer | None = None

    def connect(
        self,
        host: str = "localhost",
        port: int = 0,
        source_address: Any = None,  # noqa: ANN401
    ) -> tuple[int, bytes]:
        """Connect, and read the greeting, which a server can send byte by byte."""
        self._deadline = threading.Timer(WHOLE_SECONDS, _cut, (self,))
        self._deadline.daemon = True
        self._deadline.start()
        try:
            return super().connect(host, port, source_address)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """End the conversation."""
        if self._deadline is not None:
            self._deadline.cancel()
        super().close()


class _TimedEncrypted(_Timed, smtplib.SMTP_SSL):
    """The same, encrypted from the beginning."""


def _connect(settings: Settings, context: ssl.SSLContext) -> smtplib.SMTP:
    host, port = settings.smtp_host or "", settings.smtp_port
    domain = _read_domain(settings.smtp_sender or "")
    if settings.smtp_security == "tls":
        return _TimedEncrypted(host, port, domain, timeout=settings.smtp_seconds, context=context)
    return _Timed(host, port, domain, timeout=settings.smtp_seconds)


def _cut(server: smtplib.SMTP) -> None:
    """End a conversation from another thread: closing would not wake the one that reads."""
    opened = getattr(server, "sock", None)
    if opened is not None:
        with suppress(OSError):
            opened.shutdown(socket.SHUT_RDWR)


def _read_domain(address: str) -> str:
    return address.rpartition("@")[2].rstrip(">") or "localhost"


def _describe_reply(code: int, reply: bytes | str) -> str:
    text = reply.decode(errors="replace") if isinstance(reply, bytes) else reply
    return f"the mail server answered {code} {text}"
