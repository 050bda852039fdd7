"""The service's messages as a user of the command line reads them: with options and commands of their own."""

import re
import shlex
from functools import partial

OPTIONS = (
    *("image_size", "label_column", "label_separator", "class_columns", "key_column", "truth_column"),
    *("split_column", "include_columns", "exclude_columns", "column_types", "class_folder"),
)
"""Fields of a dataset's request whose name is no word of English; a test compares them with the commands'."""
WORDS = ("format", "encoding", "delimiter", "sheet", "columns")
"""Fields that are words: they are meant where a value follows. `columns` is one of an annotators' table."""
OWN_NAMES = {"columns": "--column"}
ADDRESSES = {
    r"POST /v1/datasets/([^/\s]+)/class-views": "limit-audit classes {}",
    r"PUT /v1/datasets/([^/\s]+)/annotations": "limit-audit dataset annotations {} FILE",
    r"PUT /v1/datasets/([^/\s]+)/truth": "limit-audit dataset truth {} FILE",
    r"PUT /v1/audits/([^/\s]+)/check": "limit-audit check {}",
}
"""Commands by the request of which a message speaks; `{}` is the dataset or audit."""
PLACES = {"{id}": "DATASET"}
QUOTED = r"(?<!\w)(?P<quoted>'(?:[^'\\]|\\.)*'|\"(?:[^\"\\]|\\.)*\")(?!\w)"
"""A value of the user's own files, as messages write it; an apostrophe follows a letter and begins none."""
GIVEN = rf"(?<![\w./-])(?P<given>{'|'.join((*OPTIONS, *WORDS))})=(?P<value>\S+?)(?=[),.;:]*(?:\s|$))"
NAMED = rf"(?<![\w./-])(?P<named>{'|'.join(OPTIONS)})(?![\w/=]|\.\w)"
MENTIONED = re.compile(f"{QUOTED}|{GIVEN}|{NAMED}")


def name_option(field: str) -> str:
    """Return the option of a command that sets a field of a dataset's request."""
    return OWN_NAMES.get(field) or f"--{field.replace('_', '-')}"


def name_options(message: str) -> str:
    """Return a message of the service with the command's own options and commands; what is quoted stays."""
    for address, command in ADDRESSES.items():
        message = re.sub(address, partial(_write_command, command), message)
    return MENTIONED.sub(_name, message)


def _write_command(command: str, found: re.Match[str]) -> str:
    return f"`{command.format(PLACES.get(found[1], found[1]))}`"


def _name(found: re.Match[str]) -> str:
    if found["quoted"] is not None:
        return found[0]
    if found["named"] is not None:
        return name_option(found["named"])
    return f"{name_option(found['given'])} {shlex.quote(found['value'])}"
