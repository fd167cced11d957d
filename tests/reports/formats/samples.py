"""Documents for the writers: one with everything that is allowed, one of any length, an empty one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

from reports.charts.usage import daily_usage
from reports.document import Column, Document, Fact, Kind, Section, Table, Tone
from reports.rendering import Row

MADE_AT = datetime(2026, 11, 1, 8, tzinfo=UTC)
LONG = "A" * (1 << 20)
HOSTILE = [
    "<script>document.title='owned'</script>",
    '"><img src="http://127.0.0.1:9/x" onerror="document.title=\'owned\'">',
    '=HYPERLINK("http://127.0.0.1:9/x","click")',
    "+1+1",
    "-1+1",
    "@SUM(1)",
    "\t=1+1",
    "\r=1+1",
    "＝1+1",
    "\x1b[31mred\x1b[0m",
    "two\nlines",
    "\u202etxt.exe",
    "\u2066isolated\u2069",
    "[click](http://127.0.0.1:9/x) | `code` ![x](y) a@example.com www.example.com",
    "half \ud800 a pair",
    "\x00\x08\uffff",
    LONG,
]
EXACT = [2**53, 2**53 + 1, 2**63 - 1, -5, 0, 123_456]


def day_rows(count: int = 30) -> list[Row]:
    """Return rows of ``report daily`` of one meter."""
    return [
        {
            "account": "nellie-prod",
            "meter": "credits",
            "unit": "credits",
            "day": (date(2026, 10, 1) + timedelta(days=place)).isoformat(),
            "usage": 1000 + 37 * place,
            "lower": 990 + 37 * place,
            "upper": None if place == 4 else 1020 + 37 * place,
            "coverage": 0.9 if place % 9 == 4 else 1.0,
            "snapshots": 288,
            "resets": 0,
            "corrections": 0,
            "held": 0,
            "partial": place == count - 1,
        }
        for place in range(count)
    ]


DAY_COLUMNS = (
    Column("account", "Account"),
    Column("day", "Day", Kind.DAY),
    Column("usage", "Used", Kind.QUANTITY),
    Column("lower", "At least", Kind.QUANTITY),
    Column("upper", "At most", Kind.QUANTITY),
    Column("coverage", "Observed", Kind.SHARE),
    Column("partial", "Part of the day", Kind.FLAG),
)
EVERY_KIND = (
    Column("name", "Name"),
    Column("quantity", "Quantity", Kind.QUANTITY),
    Column("amount", "Amount", Kind.MONEY),
    Column("at", "At", Kind.INSTANT),
    Column("took", "Took", Kind.SECONDS),
    Column("rate", "Rate", Kind.NUMBER),
)


def every_kind() -> list[Row]:
    """Return a row for each hostile text and each exact number."""
    rows: list[Row] = [
        {"name": text, "quantity": None, "amount": None, "at": None, "took": None, "rate": None} for text in HOSTILE
    ]
    rows += [
        {
            "name": "exact",
            "quantity": number,
            "amount": Decimal("1234567890123456.78") if number > 2**53 else Decimal("18.4200"),
            "at": MADE_AT,
            "took": 4.25,
            "rate": 0.5,
        }
        for number in EXACT
    ]
    return rows


def sample() -> Document:
    """Return a document with facts of each tone, a chart, tables of each kind, hostile text everywhere."""
    rows = day_rows()
    records = Table("daily", "Usage by day", DAY_COLUMNS, rows)
    hostile = " ".join(HOSTILE[:-1])
    return Document(
        name="daily",
        title=f"Usage in October 2026 {HOSTILE[0]}",
        subtitle=f"nellie-prod {HOSTILE[11]} · Europe/Berlin",
        made_at=MADE_AT,
        records=records,
        facts=(
            Fact("Used", "46,095 credits", "30 days"),
            Fact("Costs", "18.42 EUR", "", Tone.GOOD),
            Fact("Observed", "98.7 %", "a gap on 12 Oct", Tone.WARNING),
            Fact(HOSTILE[1], HOSTILE[0], hostile, Tone.BAD),
        ),
        paragraphs=("98.7 % of the month was observed.", hostile),
        sections=(
            Section(
                "meter_1",
                "nellie-prod · credits",
                facts=(Fact("Last 7 days", "1,234 credits/day"),),
                blocks=(daily_usage(rows, name="meter_1", title="Used each day", unit="credits"), records),
            ),
            Section("kinds", HOSTILE[0], blocks=(Table("kinds", HOSTILE[2], EVERY_KIND, every_kind(), hostile),)),
            Section("detail", "Detail", level=3, paragraphs=("Under a part.",)),
            Section("nothing", "Nothing", blocks=(Table("nothing", "No such thing", EVERY_KIND, []),)),
        ),
        footer=("“At least” and “at most” bound what a day can have used.", hostile),
    )


def several_meters() -> Document:
    """Return a document that says the same of three meters, in charts and tables of the same titles."""
    rows = day_rows()
    return Document(
        name="daily",
        title="Usage by day",
        subtitle="2 accounts",
        made_at=MADE_AT,
        records=Table("daily", "Usage by day", DAY_COLUMNS, rows),
        sections=tuple(
            Section(
                f"meter_{place}",
                title,
                facts=(Fact("Used", "46,095"),) * 4,
                blocks=(
                    daily_usage(rows, name=f"meter_{place}", title="Used each day", unit="credits"),
                    Table(f"days_{place}", "By day", DAY_COLUMNS[1:4], list(rows)),
                ),
            )
            for place, title in enumerate(("nellie-prod · credits", "nellie-prod · requests", "nected-staging"), 1)
        ),
    )


def wide(rows: int = 24) -> Document:
    """Return a document with the widest tables there are: long and hostile identifiers, enormous figures."""
    columns = (
        Column("account", "Account"),
        Column("request_id", "Request"),
        *(Column(f"at_{number}", "Last seen at", Kind.INSTANT) for number in range(4)),
        *(Column(f"used_{number}", "Credits unexplained", Kind.QUANTITY) for number in range(5)),
        Column("nothing", "Nothing"),
        Column("why", "Why"),
    )
    found: list[Row] = [
        {
            "account": "nellie-prod",
            "request_id": "W" * 300 if number % 7 == 0 else f"{number:08}-85a8-4f6c-9a51-f0c94c0abc12",
            **{f"at_{one}": MADE_AT + timedelta(seconds=number) for one in range(4)},
            **{f"used_{one}": 2**63 - number for one in range(5)},
            "nothing": None,
            "why": "nothing was used; a usual Wednesday uses 7,592",
        }
        for number in range(rows)
    ]
    table = Table("wide", "Wide", columns, found)
    narrower = Table("narrower", "Narrower", columns[:5], found[:9])
    blocks = (daily_usage(day_rows(61), name="drawn", title="Used each day", unit="credits"), narrower)
    sections = (Section("wide", "Wide", blocks=(table,)), Section("narrower", "Narrower", blocks=blocks))
    return Document("wide", "Wide", "all", MADE_AT, table, sections=sections)


def stream(count: int) -> Iterator[Row]:
    """Yield ``count`` request records."""
    for number in range(count):
        yield {
            "account": "nellie-prod",
            "request_id": f"request-{number:08}",
            "created_at": MADE_AT + timedelta(seconds=number),
            "credits_used": number % 500,
        }


def streamed(rows: Iterable[Row]) -> Document:
    """Return a document whose records are read once, as they are written."""
    columns = (
        Column("account", "Account"),
        Column("request_id", "Request"),
        Column("created_at", "Created", Kind.INSTANT),
        Column("credits_used", "Credits", Kind.QUANTITY),
    )
    records = Table("requests", "Requests", columns, rows)
    return Document(
        "requests", "Requests", "all", MADE_AT, records, sections=(Section("list", "List", blocks=(records,)),)
    )


def empty() -> Document:
    """Return the document of an empty history."""
    records = Table("daily", "Usage by day", DAY_COLUMNS, [])
    return Document(
        "daily", "Usage by day", "no account", MADE_AT, records, empty="Nothing was recorded in this range."
    )
