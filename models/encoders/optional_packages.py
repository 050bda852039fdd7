"""Packages that an encoder may need and that an installation may lack."""

import importlib
from importlib.util import find_spec
from types import ModuleType

from models.catalogue.encoders import UnusableEncoder


def import_package(package: str, *, extra: str) -> ModuleType:
    """Return an imported package, or raise UnusableEncoder with the extra of limit-audit that brings it."""
    try:
        return importlib.import_module(package)
    except ImportError as error:
        raise UnusableEncoder(_name_extra(package.partition(".")[0], extra)) from error


def describe_missing_package(package: str, *, extra: str) -> str | None:
    """Return the sentence about a package that is not installed; None: it is."""
    return None if find_spec(package) is not None else _name_extra(package, extra)


def _name_extra(package: str, extra: str) -> str:
    return f"The package {package} is missing: install it with `pip install 'limit-audit[{extra}]'`."
