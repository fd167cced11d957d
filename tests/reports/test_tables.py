from __future__ import annotations

import io
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from rich.console import Console

from reports.rendering import Cell, Row
from reports.tables import TABLES, Sheet, moment, number, plain, share

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
HOSTILE = [
    "\x1b[2J\x1b[31mred", "a\nb\r\nc", "\u202eevil", "\u2066x\u2069", "\x9b31m", "\x00", "a\tb", "\u200b", "\ud800",
    "אבג", "عربي", "[bold]x[/bold]", "[/]", "x" * 1_000_000, "\u2028", "日本" * 300,
]  # fmt: skip
WIDTHS = [40, 80, 160]


def shown(sheet: Sheet, width: int = 80) -> str:
    """Return what a terminal of that width shows."""
    out = io.StringIO()
    Console(file=out, width=width, highlight=False, color_system=None).print(sheet)
    return out.getvalue()


def daily(**changes: Cell) -> Row:
    return {
        "account": "nellie-prod", "meter": "credits", "unit": "credits", "day": "2026-03-02", "usage": 1234,
        "lower": 1200, "upper": 1300, "coverage": 1.0, "snapshots": 9, "resets": 0, "corrections": 0, "held": 0,
        "partial": False, **changes,
    }  # fmt: skip


def burning(**changes: Cell) -> Row:
    return {
        "account": "nellie-prod", "meter": "credits", "unit": "credits", "window": "7d",
        "window_start": NOON - timedelta(days=7), "window_end": NOON, "usage": 158_788, "per_day": 22_684.0,
        "coverage": 0.917, **changes,
    }  # fmt: skip


def ending(**changes: Cell) -> Row:
    return {
        "account": "nellie-prod", "meter": "credits", "unit": "credits", "quota": 60_000, "used": 48_701,
        "remaining": 11_299, "period_start": NOON, "period_end": NOON + timedelta(days=30), "status": "exhausts",
        "exhausts_on": "2026-03-16", "earliest": "2026-03-15", "latest": "2026-03-18", "probability": 0.98,
        "per_day": 3928.8, "projected_usage": 117_453, "method": "quantile curves of cumulative usage", "reason": None,
        **changes,
    }  # fmt: skip


def asking(**changes: Cell) -> Row:
    return {
        "account": "nellie-prod", "request_id": "abcd1234-ef56-7890-abcd-12ef34567890", "status": "completed",
        "created_at": NOON, "completed_at": NOON + timedelta(minutes=25, seconds=7), "credits_used": 250,
        "first_seen_at": NOON, "last_seen_at": NOON, **changes,
    }  # fmt: skip


def missing(**changes: Cell) -> Row:
    return {
        "account": "nellie-prod", "polled_at": NOON, "missed_requests": 12, "missed_after": NOON,
        "missed_before": NOON + timedelta(minutes=5), "new_requests": 20, "listed_requests": 20, "unexplained": 3000,
        **changes,
    }  # fmt: skip


ROWS: dict[str, Any] = {
    "daily": daily, "burn": burning, "exhaustion": ending, "requests": asking, "requests --gaps": missing,
}  # fmt: skip


class TestGaps:
    def test_tell_how_many_requests_were_missed_and_when(self) -> None:
        line = shown(TABLES["requests --gaps"]([missing()]), 160).splitlines()[1]
        assert " ".join(line.split()).endswith(" 12 2026-03-02 12:00:00Z 2026-03-02 12:05:00Z 3,000")

    def test_of_a_number_nobody_knows_say_so(self) -> None:
        assert " ?  " in shown(TABLES["requests --gaps"]([missing(missed_requests=None)]), 160)


class TestAnyTable:
    @pytest.mark.parametrize("width", WIDTHS)
    @pytest.mark.parametrize("name", list(TABLES))
    def test_no_line_is_wider_than_the_terminal(self, name: str, width: int) -> None:
        assert max(map(len, shown(TABLES[name]([ROWS[name]()] * 3), width).splitlines())) <= width

    @pytest.mark.parametrize("name", list(TABLES))
    def test_no_rows_are_a_header(self, name: str) -> None:
        assert shown(TABLES[name]([])).startswith("account")

    @pytest.mark.parametrize("text", HOSTILE, ids=lambda text: ascii(text)[:24])
    @pytest.mark.parametrize("field", ["account", "request_id", "status"])
    def test_hostile_text_moves_nothing(self, field: str, text: str) -> None:
        found = shown(TABLES["requests"]([asking(**{field: text})]))
        assert found.replace("\n", "").isprintable()
        assert len(found) < 5_000

    @pytest.mark.parametrize("name", ["daily", "burn", "exhaustion"])
    def test_hostile_names_move_nothing(self, name: str) -> None:
        row = ROWS[name](account="\x1b[2J", meter="a\nb", unit="\u202e")
        assert shown(TABLES[name]([row])).replace("\n", "").isprintable()

    @pytest.mark.parametrize("width", WIDTHS)
    def test_largest_figures_are_folded_and_never_cut(self, width: int) -> None:
        largest = 2**63 - 1
        row = daily(usage=largest, lower=largest - 1, upper=largest, account="a" * 40)
        columns = _columns(shown(TABLES["daily"]([row]), width))
        assert columns[3].endswith(f"{largest:,}")
        assert columns[4].endswith(f"{largest - 1:,}…{largest:,}")

    def test_names_give_way_before_figures(self) -> None:
        found = shown(TABLES["daily"]([daily(account="a" * 40, usage=123_456_789, lower=123_456_000)]))
        assert "123,456,789  123,456,000…1,300" in found

    def test_repeated_names_are_dimmed(self) -> None:
        out = io.StringIO()
        console = Console(file=out, width=80, force_terminal=True, color_system="standard", highlight=False)
        console.print(TABLES["burn"]([burning(), burning(window="28d")]))
        assert [line.startswith("\x1b[2m") for line in out.getvalue().splitlines()[1:3]] == [False, True]

    @pytest.mark.parametrize(("unit", "meter"), [("credits", "credits"), ("USD", "credits (USD)")])
    def test_unit_is_told_where_it_is_another_word(self, unit: str, meter: str) -> None:
        assert f"nellie-prod  {meter}  2026" in shown(TABLES["daily"]([daily(unit=unit)]))


def _columns(text: str) -> list[str]:
    """Return the second row's cells, each put together from its lines."""
    header, *lines = text.splitlines()
    starts = [
        0,
        *(index + 2 for index in range(len(header) - 1) if all(_gap(line, index) for line in [*lines, header])),
    ]
    starts = [
        one for one in starts if one == 0 or any(len(line) > one and line[one] != " " for line in [header, *lines])
    ]
    return ["".join(line[a:b].strip() for line in lines) for a, b in zip(starts, [*starts[1:], None], strict=True)]


def _gap(line: str, index: int) -> bool:
    return line[index : index + 2].strip() == ""


class TestDaily:
    def line(self, **changes: Cell) -> str:
        return shown(TABLES["daily"]([daily(**changes)]), 160).splitlines()[1].rstrip()

    def test_figures_have_thousands_and_bounds(self) -> None:
        assert self.line() == "nellie-prod  credits  2026-03-02  1,234  1,200…1,300"

    def test_certain_day_needs_no_bounds(self) -> None:
        assert self.line(lower=1234, upper=1234) == "nellie-prod  credits  2026-03-02  1,234"

    def test_open_bound_is_a_lower_one(self) -> None:
        assert "≥ 1,200" in self.line(upper=None)

    def test_decimal_places_are_shown(self) -> None:
        assert "1,234.500000" in self.line(usage=Decimal("1234.500000"))

    @pytest.mark.parametrize(
        ("changes", "note"),
        [
            ({"partial": True}, "part of the day"),
            ({"coverage": 0.985}, "98.5 % observed"),
            ({"coverage": 0.0}, "not observed"),
            ({"coverage": 0.999999}, "99.9 % observed"),
            ({"partial": True, "coverage": 0.5}, "part of the day, 50.0 % observed"),
            ({"resets": 1}, "1 reset"),
            ({"resets": 2}, "2 resets"),
            ({"corrections": 1}, "1 correction"),
            ({"held": 1}, "1 fall held"),
            ({"held": 2, "corrections": 3}, "3 corrections, 2 falls held"),
        ],
    )
    def test_what_is_not_ordinary_is_noted_in_words(self, changes: dict[str, Cell], note: str) -> None:
        assert self.line(**changes).endswith(f"1,200…1,300  {note}")

    def test_total_of_a_meter_is_told(self) -> None:
        found = shown(TABLES["daily"]([daily(), daily(day="2026-03-03"), daily(meter="requests", unit="requests")]))
        assert [line.split()[2:4] for line in found.splitlines()[1:]] == [
            ["2026-03-02", "1,234"], ["2026-03-03", "1,234"], ["total", "2,468"], ["2026-03-02", "1,234"],
        ]  # fmt: skip

    def test_total_of_decimals_is_exact(self) -> None:
        rows = [daily(usage=Decimal("0.10")), daily(usage=Decimal("0.20"))]
        assert shown(TABLES["daily"](rows)).splitlines()[3].split()[2:] == ["total", "0.30"]


class TestBurn:
    def test_row_is_on_one_line(self) -> None:
        line = shown(TABLES["burn"]([burning()])).splitlines()[1]
        assert line.split() == ["nellie-prod", "credits", "7d", "158,788", "22,684.0", "91.7", "%"]

    def test_rate_that_cannot_be_told_is_a_dash(self) -> None:
        assert shown(TABLES["burn"]([burning(per_day=None)])).splitlines()[1].split()[4] == "–"

    def test_end_of_the_windows_is_told(self) -> None:
        assert shown(TABLES["burn"]([burning()])).endswith(
            "windows end at the last observation, 2026-03-02 12:00:00Z\n"
        )

    def test_ends_of_several_meters_are_told(self) -> None:
        rows = [burning(), burning(window_end=NOON - timedelta(days=9))]
        assert "2026-02-21 12:00:00Z to 2026-03-02" in shown(TABLES["burn"](rows), 160)


class TestExhaustion:
    def test_figures_and_outlook_fit_on_a_narrow_terminal(self) -> None:
        assert [line.rstrip() for line in shown(TABLES["exhaustion"]([ending()])).splitlines()] == [
            "account      meter      used   quota    left  outlook",
            "nellie-prod  credits  48,701  60,000  11,299  runs out on 2026-03-16 (80 %:",
            "                                              2026-03-15 to 03-18)",
        ]

    def test_unknown_amounts_are_dashes(self) -> None:
        row = ending(status="unknown", quota=None, used=None, remaining=None, reason="no quota")
        assert shown(TABLES["exhaustion"]([row])).splitlines()[1].split()[2:5] == ["–"] * 3


class TestRequests:
    def test_record_is_shown_whole(self) -> None:
        assert shown(TABLES["requests"]([asking()]), 160).splitlines()[1].rstrip() == (
            "nellie-prod  abcd1234-ef56-7890-abcd-12ef34567890  completed  2026-03-02 12:00Z  0:25:07      250"
        )

    def test_narrow_terminal_folds_the_id_once(self) -> None:
        header, *lines = shown(TABLES["requests"]([asking()])).splitlines()
        assert [line[header.index("request") : header.index("status")].strip() for line in lines] == [
            "abcd1234-ef56-7890-", "abcd-12ef34567890",
        ]  # fmt: skip

    @pytest.mark.parametrize(
        ("changes", "took"),
        [
            ({"completed_at": None}, "–"),
            ({"created_at": None}, "–"),
            ({"completed_at": NOON + timedelta(hours=30)}, "30:00:00"),
            ({"completed_at": NOON - timedelta(seconds=61)}, "-0:01:01"),
        ],
        ids=["not finished", "no beginning", "more than a day", "ends before it begins"],
    )
    def test_time_it_took_is_told(self, changes: dict[str, Cell], took: str) -> None:
        assert shown(TABLES["requests"]([asking(**changes)]), 160).splitlines()[1].split()[-2] == took


class TestCells:
    @pytest.mark.parametrize(
        ("value", "text"),
        [
            (None, "–"),
            (0, "0"),
            (-1234, "-1,234"),
            (2**63 - 1, "9,223,372,036,854,775,807"),
            (Decimal("1234.50"), "1,234.50"),
            (1234.56, "1,234.6"),
            (0.0, "0"),
            (0.1234567, "0.123"),
            ("text", "text"),
        ],
    )
    def test_number_has_thousands(self, value: Cell, text: str) -> None:
        assert number(value) == text

    @pytest.mark.parametrize(
        ("value", "text"),
        [
            (None, "–"),
            (0.0, "0.0 %"),
            (0.00001, "0.1 %"),
            (0.5, "50.0 %"),
            (0.99999, "99.9 %"),
            (1.0, "100.0 %"),
            (1.392, "139.2 %"),
        ],
    )
    def test_share_is_full_or_empty_only_where_it_is(self, value: Cell, text: str) -> None:
        assert share(value) == text

    def test_moment_is_in_utc(self) -> None:
        assert (moment(NOON), moment(None)) == ("2026-03-02 12:00:00Z", "–")

    @pytest.mark.parametrize(
        ("text", "expected"),
        [
            ("plain", "plain"),
            ("\x1b[31m", "\\x1b[31m"),
            ("a\nb", "a\\nb"),
            ("\u202eabc", "\\u202eabc"),
            ("אב", "\\u05d0\\u05d1"),
            ("grün 日本", "grün 日本"),
            ("x" * 200, "x" * 200),
            ("x" * 201, "x" * 200 + "…"),
        ],
        ids=["plain", "escape", "newline", "override", "right to left", "letters", "longest", "too long"],
    )
    def test_provider_text_is_made_harmless(self, text: str, expected: str) -> None:
        assert plain(text).plain == expected
