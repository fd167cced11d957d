"""What a report says, before it is a page, a sheet or a file: sentences, facts, tables and charts, in reading order.

A builder under ``reports.documents`` makes a ``Document``; every writer under ``reports.formats`` renders any of them,
so a figure is worked out once and reads the same in every format. All text is plain: a writer makes it inert for its
own format, nobody escapes before.

Nothing heavy is imported here; a chart is drawn only when a writer wants it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Protocol, TypeAlias

from reports.palette import Palette
from reports.rendering import Row, Value

if TYPE_CHECKING:
    from collector.store.forecasts import Foretold


class Kind(StrEnum):
    """What the cells of a column are; None is always allowed and means: not known."""

    TEXT = "text"  # str
    QUANTITY = "quantity"  # int, or Decimal where the meter has decimal places; in units
    COUNT = "count"  # int
    MONEY = "money"  # Decimal; the currency stands in a column of its own or in the title
    NUMBER = "number"  # int, float or Decimal: rates and other computed figures
    SHARE = "share"  # float, 0..1
    DAY = "day"  # str such as 2026-01-31
    INSTANT = "instant"  # aware datetime
    FLAG = "flag"  # bool
    SECONDS = "seconds"  # float or int: a duration


class Tone(StrEnum):
    """How a fact is meant; never told by colour alone."""

    PLAIN = "plain"
    GOOD = "good"
    WARNING = "warning"
    BAD = "bad"


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a table.

    Attributes:
        key: The cell's key in each row; as in the report's JSON where it has one.
        title: What people read above it.
    """

    key: str
    title: str
    kind: Kind = Kind.TEXT


@dataclass(frozen=True, slots=True)
class Table:
    """Rows with typed columns.

    Attributes:
        name: Unique within its document, ``[a-z][a-z0-9_]*``: names sheets and anchors.
        title: What people read above it.
        rows: Plain cells by column key. A sequence, or a stream that is read once and may be longer than memory.
        note: A sentence below the table; empty for none.
    """

    name: str
    title: str
    columns: tuple[Column, ...]
    rows: Iterable[Row]
    note: str = ""


class Drawn(Protocol):
    """A chart in the colours of one palette; ``reports.charts`` makes pictures and Altair objects of it."""

    def to_dict(self) -> dict[str, object]:
        """Return the Vega-Lite specification."""
        ...


@dataclass(frozen=True, slots=True)
class Chart:
    """A picture, with the table of what it shows.

    Attributes:
        name: Unique within its document, ``[a-z][a-z0-9_]*``: names anchors and picture files.
        title: What people read above it.
        summary: One or two sentences that tell what is to be seen, with figures; read out instead of the picture.
        draw: Returns the chart in the given colours; called once for each rendering.
        table: The figures that are drawn; its rows are a sequence.
    """

    name: str
    title: str
    summary: str
    draw: Callable[[Palette], Drawn]
    table: Table


@dataclass(frozen=True, slots=True)
class Fact:
    """A labelled figure, such as "Amount: 18.42 EUR", with a sentence beside it.

    Attributes:
        label: What is told.
        value: The figure, as people read it.
        note: What a reader must know to judge it; empty for nothing.
        tone: How it is meant.
    """

    label: str
    value: str
    note: str = ""
    tone: Tone = Tone.PLAIN


Block: TypeAlias = Table | Chart


@dataclass(frozen=True, slots=True)
class Section:
    """A part of a document under a heading.

    Attributes:
        name: Unique within its document, ``[a-z][a-z0-9_]*``: the anchor.
        title: The heading.
        level: 2 for a part, 3 for a part of the part before it.
        facts: Figures that stand out, above everything else of the section.
        paragraphs: Sentences.
        blocks: Charts and tables, in order.
    """

    name: str
    title: str
    level: int = 2
    facts: tuple[Fact, ...] = ()
    paragraphs: tuple[str, ...] = ()
    blocks: tuple[Block, ...] = ()


@dataclass(frozen=True, slots=True)
class Document:
    """A whole report.

    Attributes:
        name: The report's, such as ``month``.
        title: The heading, such as "Usage in October 2026".
        subtitle: What it is about: accounts, range, zone.
        made_at: The instant its question was asked.
        records: The report's own rows, with the columns of its CSV and JSON: what Parquet holds, and the first sheet
            of a workbook.
        facts: The answer in figures, at the very top.
        paragraphs: The answer in sentences, below them.
        sections: The rest, in order.
        footer: Sentences at the end: how it was made, what its words mean.
        empty: Why there is nothing to tell; empty where there is.
        objects: What JSON has instead of the records where it is nested; None where it is the records.
        foretold: What it foretells, to be kept and graded when its time is over.
    """

    name: str
    title: str
    subtitle: str
    made_at: datetime
    records: Table
    facts: tuple[Fact, ...] = ()
    paragraphs: tuple[str, ...] = ()
    sections: tuple[Section, ...] = ()
    footer: tuple[str, ...] = ()
    empty: str = ""
    objects: Iterable[Mapping[str, Value]] | None = None
    foretold: tuple[Foretold, ...] = ()
