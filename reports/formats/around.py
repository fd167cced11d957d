"""What stands around a report where it is one page of several: links to the others, and what can be asked of this one.

A page on its own, as a file or in a mail, has none of it.

Public: ``Around``, ``Link``, ``Field``.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Link:
    """A link to another page; ``here`` if it is this one."""

    title: str
    href: str
    here: bool = False


@dataclass(frozen=True, slots=True)
class Field:
    """One thing that can be asked.

    Attributes:
        name: The parameter.
        label: What people read beside it.
        kind: ``select``, or a kind of ``<input>`` such as ``date``.
        value: What was asked; empty for nothing.
        options: By value what people read, for a ``select``.
        hint: An example of what can be written.
    """

    name: str
    label: str
    kind: str = "text"
    value: str = ""
    options: tuple[tuple[str, str], ...] = ()
    hint: str = ""


@dataclass(frozen=True, slots=True)
class Around:
    """Links above the page, and the form below its heading that asks it anew."""

    links: tuple[Link, ...]
    fields: tuple[Field, ...] = ()
