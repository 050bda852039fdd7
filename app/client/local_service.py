"""The service to use where none is named: the one that runs for this user on this machine."""

from app.client.service.client_errors import NoServiceError
from app.embedded import running_services

SERVER_VARIABLE, KEY_VARIABLE = "LIMIT_AUDIT_SERVER", "LIMIT_AUDIT_KEY"


def find_address() -> str:
    """Return the address of this user's running service; a program that cannot prove to be it is never used.

    Raises:
        NoServiceError: none runs, or several do and none of them has the home folder.

    """
    found = running_services.find_services()
    if len(found) == 1:
        return found[0].url
    if found:
        listed = ", ".join(f"{each.url} (data in {each.data_dir})" for each in found)
        raise NoServiceError(f"several services run: {listed}; {_name_one()}")
    raise NoServiceError(
        f"no service of this user runs on this machine; start one with `limit-audit up`, or {_name_one()}"
    )


def _name_one() -> str:
    return f"name one with --server, {SERVER_VARIABLE}, or Client(url)"
