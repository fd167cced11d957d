"""What names a configuration can contain, read from the model itself.

A path of names is written with ``[]`` for "each of a list" and ``*`` for "any name of the user's":
``("accounts", "[]", "meters", "*", "quota")``. Suggestions, the names of environment variables and the template's test
all come from here, so none of them can forget a setting.

Public: ``known_paths``, ``names_in``, ``generic``, ``header``.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from typing import Any, get_args, get_origin

from pydantic import BaseModel

from collector.config.wording import SettingPath

EACH = "[]"
ANY = "*"

NamePath = tuple[str, ...]


@cache
def known_paths(model: type[BaseModel]) -> tuple[NamePath, ...]:
    """Return the path of every table and setting below ``model``, parents before children."""
    return tuple(_walk(model, ()))


def names_in(model: type[BaseModel], table: NamePath) -> tuple[str, ...]:
    """Return the names that the table at ``table`` can contain; empty if it is not a table with fixed names."""
    return tuple(path[-1] for path in known_paths(model) if path[:-1] == table)


def generic(model: type[BaseModel], path: SettingPath) -> NamePath:
    """Return ``path`` with its indices and user-chosen names replaced by ``[]`` and ``*``."""
    named: NamePath = ()
    for part in path:
        if isinstance(part, int):
            named += (EACH,)
        elif any(known[: len(named) + 1] == (*named, ANY) for known in known_paths(model)):
            named += (ANY,)
        else:
            named += (part,)
    return named


def header(table: NamePath) -> str:
    """Return the header line that opens the table at ``table``, such as ``[accounts.billing]``."""
    name = ".".join("NAME" if part == ANY else part for part in table if part != EACH)
    return f"[[{name}]]" if table[-1] == EACH else f"[{name}]"


def _walk(annotation: Any, path: NamePath) -> Iterator[NamePath]:
    origin = get_origin(annotation)
    arguments = get_args(annotation)
    if origin is dict:
        yield from _walk(arguments[1], (*path, ANY))
    elif origin is list:
        yield from _walk(arguments[0], (*path, EACH))
    elif origin is not None or arguments:
        for argument in arguments:
            yield from _walk(argument, path)
    elif isinstance(annotation, type) and issubclass(annotation, BaseModel):
        for name, field in annotation.model_fields.items():
            yield (*path, name)
            yield from _walk(field.annotation, (*path, name))
