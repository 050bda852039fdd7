"""Addresses of e-mail that messages may go to: their form, and the domains that the operator allows."""

import re
from collections.abc import Sequence

from app.infra.errors import Invalid
from app.infra.settings import Settings

SCHEME = "mailto:"
ADDRESS = re.compile(r"[A-Za-z0-9._+~'=-]{1,64}@(?:[A-Za-z0-9-]{1,63}\.)*[A-Za-z0-9-]{1,63}")
"""One address without quotes, comments, spaces or a second recipient; so it is a safe header as it stands."""
LONGEST = 254
"""RFC 5321 allows paths of 256 octets, with two angle brackets."""
ANY_DOMAIN = "*"


def is_mail(url: str) -> bool:
    """Return whether a URL names an address of e-mail."""
    return url.lower().startswith(SCHEME)


def read_address(url: str) -> str:
    """Return the address in a URL.

    Raises:
        Invalid: it is not mailto: and one plain address.

    """
    address = url[len(SCHEME) :]
    if not is_mail(url) or len(address) > LONGEST or not ADDRESS.fullmatch(address):
        raise Invalid(f"expected mailto: and one address, such as mailto:anna@example.org; found {url!r}")
    return address


def check_recipient(url: str, settings: Settings) -> None:
    """Check that e-mail is set up and that the operator allows this address.

    Raises:
        Invalid: it is not, or the address cannot be read.

    """
    address = read_address(url)
    if not settings.smtp_host or not settings.smtp_sender:
        raise Invalid(
            "this service sends no e-mail: its operator sets LIMIT_AUDIT_SMTP_HOST and"
            " LIMIT_AUDIT_SMTP_SENDER"
        )
    domain = address.rpartition("@")[2]
    if not _is_allowed(domain, settings.smtp_domains):
        allowed = ", ".join(settings.smtp_domains) or "none"
        raise Invalid(
            f"this service sends no e-mail to {domain}; LIMIT_AUDIT_SMTP_DOMAINS, which its operator sets,"
            f" allows: {allowed}"
        )


def _is_allowed(domain: str, allowed: Sequence[str]) -> bool:
    return ANY_DOMAIN in allowed or domain.lower() in {each.lower() for each in allowed}
